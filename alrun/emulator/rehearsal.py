"""A recipe on a copy of a real project: read once, served by the emulator, and used through the official SDK."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alrun.emulator.answers import load
from alrun.emulator.emulator import OWNER, Emulator
from alrun.emulator.policies import Policies
from alrun.platform.copying import copy_project
from alrun.platform.encord import EncordAccess
from alrun.platform.port import Contents, Project
from alrun.platform.retry import Patience
from alrun.platform.writes import Limits, RecipeWrite
from alrun.types import ImageFile, Label, LeftOut, Task

if TYPE_CHECKING:
    from alrun.platform.encord.platform import EncordPlatform

log = logging.getLogger("alrun")

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Rehearsal(EncordAccess):
    """A rehearsal of a run on the project that the parameters of `EncordAccess` name; it gets no write.

    The project is copied into the run folder when the run begins. From then on only images are asked for there,
    those that are not in the cache yet.

    Parameters
    ----------
    policies
        A file of answers, as ``action=doctor doctor.scratch_project=HASH`` writes it: how the copy behaves. None takes
        the emulator's defaults, but for who is named as the last actor of a task that was moved: `records_moves`.
    """

    policies: str | None = None

    def open(self, folder: Path, contents: Callable[[], Contents]) -> Rehearsed:  # noqa: ARG002
        """Copy the project, unless the folder has its copy already, and connect to the copy.

        Raises
        ------
        ConfigError
            If the project's workflow cannot be copied, or the policies cannot be read; otherwise as
            `EncordAccess.connect` does.
        """
        records = self.records_moves is not False
        policies = Policies(moves_record_actor=records) if self.policies is None else load(Path(self.policies))
        path = folder / "rehearsal" / "project.sqlite"
        source = Source(self)
        if not path.exists():
            title = f"{source.platform().project().title} (rehearsal)"
            copy_project(source.platform(), path, title, Patience())
        emulator = Emulator(path, policies)
        try:
            copy = self._of_the_copy(emulator, path.parent).connect()
        except BaseException:
            emulator.close()
            raise
        log.info("rehearsing on a copy, %s: nothing reaches the project", path)
        return Rehearsed(copy, source, emulator)

    def _of_the_copy(self, emulator: Emulator, folder: Path) -> EncordAccess:
        _bypass_proxies()
        user = self.user or OWNER
        key = emulator.add_user(user)
        log.info("the copy is at platform.domain=%s for platform.key_file=%s while this runs", emulator.url, key)
        return EncordAccess(
            project=emulator.project_hash,
            user=user,
            key_file=str(key),
            domain=emulator.url,
            records_moves=self.records_moves,
            cache=str(folder),
        )


@dataclass
class Source:
    """The real project, opened when something is first asked of it."""

    access: EncordAccess
    _platform: EncordPlatform | None = None

    def platform(self) -> EncordPlatform:
        """Return the real project."""
        if self._platform is None:
            self._platform = self.access.connect()
        return self._platform

    @property
    def requests(self) -> int:
        """How many requests were sent to it since it was opened."""
        return 0 if self._platform is None else self._platform.requests


class Rehearsed:
    """The copy through the SDK, with the images of the project itself.

    It is no `Staffed` platform: people who play a part connect to the copy with keys of their own.
    """

    def __init__(self, copy: EncordPlatform, source: Source, emulator: Emulator) -> None:
        self.limits: Limits = copy.limits
        self.emulator = emulator
        self._copy = copy
        self._source = source

    @property
    def lock(self) -> Path:
        """The copy's lock: the project itself stays free for other runs."""
        return self._copy.lock

    @property
    def requests(self) -> int:
        """How many requests were sent, to the copy and to the project."""
        return self._copy.requests + self._source.requests

    def project(self) -> Project:
        """Return the project's facts; the title says that it is a rehearsal."""
        return self._copy.project()

    def tasks(self, data_hashes: Sequence[str] | None = None) -> list[Task]:
        """List the copy's tasks."""
        return self._copy.tasks(data_hashes)

    def skipped(self, stages: Collection[str]) -> frozenset[str]:
        """Return the ids of the copy's skipped tasks."""
        return self._copy.skipped(stages)

    def labels(self, label_hashes: Sequence[str]) -> dict[str, Label]:
        """Return what is labelled in the copy."""
        return self._copy.labels(label_hashes)

    def tags(self) -> dict[str, frozenset[str]]:
        """Return the copy's tags."""
        return self._copy.tags()

    def tag_names(self) -> frozenset[str]:
        """Return the names of the copy's tags."""
        return self._copy.tag_names()

    def images(self, data_hashes: Sequence[str]) -> tuple[list[ImageFile], list[LeftOut]]:
        """Download from the project what is not in the cache yet."""
        return self._source.platform().images(data_hashes)

    def write(self, request: RecipeWrite) -> None:
        """Carry out a write on the copy."""
        self._copy.write(request)

    def close(self) -> None:
        """Stop serving the copy, which stays in its file."""
        self._copy.close()
        self.emulator.close()


def _bypass_proxies() -> None:
    """Reach the emulator directly: the SDK takes a proxy from the environment also for this machine."""
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if LOOPBACK not in known.split(","):
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, (known, LOOPBACK)))
