"""A project on the emulator, and the adapter's view of it: the unmodified SDK in between, over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self
from uuid import uuid5

from alrun.emulator import OWNER, Emulator, Policies
from alrun.platform import schema
from alrun.platform.encord import EncordProject
from alrun.platform.encord.platform import EncordPlatform
from alrun.platform.local import NAMESPACE, LocalProject
from alrun.platform.port import Contents
from alrun.platform.testing import Faulty, small_contents
from alrun.platform.writes import PeopleWrite, Skip
from alrun.types import Stage, StageType


def nothing() -> Contents:
    raise AssertionError("a project on the platform is never created")


def serve(
    folder: Path, contents: Contents, policies: Policies | None = None, stages: Sequence[tuple[str, StageType]] = ()
) -> Emulator:
    """Serve a fresh project with these contents; `stages` may be of types that no local project is made with."""
    path = folder / "project.sqlite"
    if not stages:
        LocalProject(path=str(path)).open(folder, lambda: contents).close()
        return Emulator(path, policies)
    project_id = uuid5(NAMESPACE, contents.identity)
    workflow = [Stage(str(uuid5(project_id, title)), title, kind) for title, kind in stages]
    facts = schema.Facts(project_id, contents.title, contents.ontology, workflow, contents.store)
    schema.create(path, facts, lambda db: schema.insert_contents(db, project_id, contents))
    return Emulator(path, policies)


def component(emulator: Emulator, cache: Path, **changes: Any) -> EncordProject:
    given: dict[str, Any] = {
        "project": emulator.project_hash,
        "user": OWNER,
        "key_file": str(emulator.private_key_path),
        "domain": emulator.url,
        "cache": str(cache),
    }
    return EncordProject(**given | changes)


class Crew(Faulty):
    """The owner's platform, on which each person acts with a key of their own, and skips in the product."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self._emulator, self._folder = emulator, folder
        self._people: dict[str, EncordPlatform] = {}
        super().__init__(self.of(OWNER, emulator.private_key_path), lambda *_: None)
        self.act = self.play

    def of(self, email: str, key: Path) -> EncordPlatform:
        changes = {"user": email, "key_file": str(key)}
        self._people[email] = component(self._emulator, self._folder, **changes).open(self._folder, nothing)
        return self._people[email]

    def play(self, request: PeopleWrite) -> None:
        actor = getattr(request, "actor", OWNER)
        if isinstance(request, Skip):
            self._emulator.act(request)
            return
        if actor not in self._people:
            self.of(actor, self._emulator.add_user(actor))
        self._people[actor].act(request)

    def close(self) -> None:
        super().close()
        self._emulator.close()


class World:
    """An emulator with a small project, and platforms on it."""

    def __init__(
        self,
        folder: Path,
        policies: Policies | None = None,
        pool: int = 6,
        title: str = "Small",
        stages: Sequence[tuple[str, StageType]] = (),
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.contents = replace(small_contents(folder / "dataset", pool), title=title)
        self.emulator = serve(folder, self.contents, policies, stages)
        self.cache = folder / "cache"

    def open(self, **changes: Any) -> EncordPlatform:
        return component(self.emulator, self.cache, **changes).open(self.folder, nothing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.emulator.close()
