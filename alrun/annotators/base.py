"""The annotator port: who labels what a recipe put into the queue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from alrun.platform.port import Platform, TellsSkipped
from alrun.types import StageType, Task, TaskStatus


@dataclass(frozen=True, slots=True)
class LabelProgress:
    """How far people are with a selection of `total` tasks.

    `labelled` left the annotation stage, empty submissions included; `skipped` were put aside; `gone` are no
    longer in the project and are not waited for.
    """

    total: int
    labelled: int
    skipped: int
    gone: int

    @property
    def share(self) -> float:
        """The labelled share of what still exists, in 0..1; 1 if nothing does."""
        existing = self.total - self.gone
        return self.labelled / existing if existing else 1.0

    def __str__(self) -> str:
        parts = [f"{self.labelled} of {self.total} labelled"]
        parts += [f"{self.skipped} skipped"] if self.skipped else []
        parts += [f"{self.gone} no longer in the project"] if self.gone else []
        return ", ".join(parts)


@runtime_checkable
class Annotator(Protocol):
    """Who labels. A frozen dataclass whose fields are its configuration."""

    poll_seconds: float

    def check(self, platform: Platform, data_hashes: Sequence[str]) -> None:
        """Find out, before anything is written, whether all of these images can be labelled.

        They are all from which a run may choose: what it chooses later must not be what stops it.

        Raises
        ------
        ConfigError
            If not; the message says which cannot, what leaves them out, and which annotator can.
        """
        ...

    def label(self, platform: Platform, data_hashes: Sequence[str], seed: int) -> None:
        """Label the images as far as that is up to this process; may be called again after a crash."""
        ...


def progress(platform: Platform, tasks: Sequence[Task], data_hashes: Sequence[str]) -> LabelProgress:
    """Count how many of the images with these hashes are labelled, given the tasks that were just listed.

    Where a listing does not show which of the others were skipped, the platform is asked.
    """
    annotating = {s.uuid for s in platform.project().stages if s.type is StageType.ANNOTATION}
    left = [task for task in tasks if task.stage in annotating]
    aside = {task.task_id for task in left if task.status is TaskStatus.SKIPPED}
    if left and isinstance(platform, TellsSkipped):
        aside |= platform.skipped({task.stage for task in left}) & {task.task_id for task in left}
    return LabelProgress(len(data_hashes), len(tasks) - len(left), len(aside), len(data_hashes) - len(tasks))
