"""The configuration of the embedded platform: a workflow project in one SQLite file, opened or created."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID, uuid5

from alrun.errors import ConfigError
from alrun.platform import schema
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Contents
from alrun.types import Stage, StageType

NAMESPACE = UUID("5a0c4d1e-6b7f-5c39-9a52-0f4be1f0a7d3")


@dataclass(frozen=True)
class StageSpec:
    """One stage of the workflow, as the config names it."""

    title: str
    type: Literal["annotation", "review", "done"]


@dataclass(frozen=True)
class LocalProject:
    """A project in a file on this machine.

    Parameters
    ----------
    path
        The project's file; it is created if it does not exist, and otherwise opened as it is, whatever the
        other parameters say. None makes a fresh project for each run, in the run folder.
    title
        None takes the dataset's.
    stages
        In workflow order: an annotation stage first, one done stage, last.
    user
        Who this process is on the platform.

    Raises
    ------
    ConfigError
        If the stages make no workflow.
    """

    path: str | None = None
    title: str | None = None
    stages: tuple[StageSpec, ...] = (
        StageSpec("Annotate 1", "annotation"),
        StageSpec("Review 1", "review"),
        StageSpec("Complete", "done"),
    )
    user: str = "alrun@local"

    def __post_init__(self) -> None:
        titles = [stage.title for stage in self.stages]
        types = [stage.type for stage in self.stages]
        if len(set(titles)) != len(titles):
            raise ConfigError(f"platform.stages has a title twice ({', '.join(titles)}): give each its own")
        if types[:1] != ["annotation"] or types[-1:] != ["done"] or types.count("done") != 1:
            given = ", ".join(types) or "(none)"
            raise ConfigError(f"platform.stages is {given}: begin with annotation, end with the only done stage")

    def open(self, folder: Path, contents: Callable[[], Contents]) -> LocalPlatform:
        """Open the project's file, or create it from `contents`, whole or not at all.

        Raises
        ------
        DataError
            If the file is no local project, is of another schema version, or cannot be written.
        """
        path = folder / "project.sqlite" if self.path is None else Path(self.path)
        if not path.exists():
            self._create(path, contents())
        return LocalPlatform(path, self.user)

    def _create(self, path: Path, contents: Contents) -> None:
        title = contents.title if self.title is None else self.title
        workflow = [[stage.title, stage.type] for stage in self.stages]
        project_id = uuid5(NAMESPACE, json.dumps([contents.identity, title, workflow]))
        stages = [Stage(str(uuid5(project_id, f"stage {s.title}")), s.title, StageType(s.type)) for s in self.stages]
        facts = schema.Facts(project_id, title, contents.ontology, stages, contents.store)
        schema.create(path, facts, lambda db: schema.insert_contents(db, project_id, contents))
