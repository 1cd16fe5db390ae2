"""Taking a snapshot: everything the platform says at one moment, in as few requests as its limits allow."""

from __future__ import annotations

from alrun.platform.port import Platform
from alrun.platform.reading import labels_of
from alrun.platform.retry import Patience, patiently
from alrun.pool.tags import parked, proposed
from alrun.types import Label, Snapshot


def take_snapshot(platform: Platform, patience: Patience) -> Snapshot:
    """Read the project, its tasks, tags, and the labels of every row that has one.

    A pre-label counts as no label: an image with the tag `alrun.pool.tags.PRELABELLED` shows an empty one, whatever is
    in its row, while it is in an annotation stage or parked by a run. Once a person submits it, changed or not, its
    label is theirs.

    Raises
    ------
    PlatformError
        If the platform does not answer within the patience, or refuses.
    """
    project = patiently(patience, platform.project)
    tasks = sorted(patiently(patience, platform.tasks), key=lambda task: (task.data_hash, task.task_id))
    rows = [task.label_hash for task in tasks if task.label_hash is not None]
    labels = labels_of(platform, rows, patience)
    tags = patiently(patience, platform.tags)
    labels |= {task.label_hash: Label() for task in proposed(project, tasks, tags) if task.label_hash is not None}
    return Snapshot(
        project_id=project.project_id,
        project_title=project.title,
        ontology=project.ontology,
        stages=project.stages,
        tasks=tuple(tasks),
        labels=labels,
        tags=tags,
        parked=parked(project, tasks, tags),
    )
