"""What a new project is made of, and how a project that was there already differs from that."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from alrun.datasets.importer import contents, left_out
from alrun.errors import DataError, StateError
from alrun.platform.port import Contents, HoldsOut, KnowsTruth, NewImage, Platform
from alrun.run.job import Job, choice
from alrun.types import Label, LeftOut

log = logging.getLogger("alrun")

MOST_WARNINGS = 10
SHOWN = 3

ON_A_PROJECT = frozenset({"restore", "status"})
"""Actions that are about a project that is there already."""


@dataclass
class Source:
    """The configured dataset, of which a project is made if there is none."""

    job: Job
    used: bool = False

    def contents(self) -> Contents:
        """Return what to make a project of; `StateError` if only a project that is there will do."""
        job = self.job
        if job.action in ON_A_PROJECT or (job.folder / "run.json").exists():
            path = job.config["platform"].get("path")
            raise StateError(
                f"the project that action={job.action} is about does not exist (platform.path={path}), "
                "and only a new run creates one. Nothing was done: check the path, or put the project back"
            )
        warn_of("left out of the import: %r: %s", imported_left_out(job))
        self.used = True
        return contents(job.dataset, job.cache, job.seed)

    def differences(self, platform: Platform) -> Iterator[str]:
        """Yield what the dataset holds by now, and the project, which was there already, does not."""
        job = self.job
        if self.used or job.action in ON_A_PROJECT or not isinstance(platform, KnowsTruth):
            return
        name = f"dataset={choice(job.dataset)}"
        try:
            given = contents(job.dataset, job.cache, job.seed)
        except DataError as error:
            yield f"the project was there already and is used as it is: {name} cannot be read ({error})"
            return
        images = {str(UUID(hex=image.digest)): image for image in [*given.pool, *given.held_out]}
        labels: dict[str, Label | None] = dict.fromkeys(task.data_hash for task in platform.tasks())
        labels |= platform.truth(list(labels))
        held_out = platform.held_out() if isinstance(platform, HoldsOut) else []
        labels |= {example.image.data_hash: example.label for example in held_out}
        unused = [image.title for data_hash, image in images.items() if data_hash not in labels]
        if unused:
            yield (
                f"the project was there already and is used as it is: {len(unused)} of the {len(images)} images of "
                f"{name} are not in it{_such_as(unused)}"
            )
        other = [image for data_hash, image in images.items() if labels.get(data_hash, image.label) != image.label]
        if other:
            yield (
                f"the project keeps the labels that it was made with: {len(other)} images are labelled otherwise by "
                f"{name} now{_such_as([_labelled(image) for image in other])}. To use those, start a new project, with "
                "another platform.path"
            )


def imported_left_out(job: Job) -> tuple[LeftOut, ...]:
    """Return the files of the dataset that could not be imported."""
    return left_out(job.dataset, job.cache)


def warn_of(text: str, items: Sequence[LeftOut]) -> None:
    """Warn of the first items; a dirty data set has thousands."""
    for item in items[:MOST_WARNINGS]:
        log.warning(text, item.name, item.reason)
    if len(items) > MOST_WARNINGS:
        log.warning("... and %d more, which the report of a run lists", len(items) - MOST_WARNINGS)


def _labelled(image: NewImage) -> str:
    classes = () if image.label is None else image.label.classes
    return f"{image.title!r} as {' and '.join(map(repr, classes)) or 'nothing'}"


def _such_as(names: Sequence[str]) -> str:
    return f", such as {', '.join(names[:SHOWN])}"
