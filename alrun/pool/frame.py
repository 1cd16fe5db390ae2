"""The pool: the snapshot as a polars frame, one row a task."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import polars as pl

from alrun.types import Scalar, Snapshot, StageType

SCHEMA: dict[str, pl.DataType] = {
    "task_id": pl.String(),
    "data_hash": pl.String(),
    "title": pl.String(),
    "stage": pl.String(),
    "stage_type": pl.String(),
    "status": pl.String(),
    "assignee": pl.String(),
    "priority": pl.Float64(),
    "label_hash": pl.String(),
    "last_edited_at": pl.String(),
    "data_type": pl.String(),
    "labelled": pl.Boolean(),
    "classes": pl.List(pl.String()),
    "tags": pl.List(pl.String()),
    "width": pl.Int64(),
    "height": pl.Int64(),
}
"""The pool's columns, before one of each metric is added.

task_id, data_hash, title, status, assignee, priority, label_hash, last_edited_at, data_type, width, height
    As in `alrun.types.Task`; null where the task has None.
stage, stage_type
    The title and the type of the task's stage.
labelled
    Whether the image needs no labelling any more, see :func:`is_labelled`.
classes
    The object classes and chosen options that occur in its label, sorted; empty if there is no label.
tags
    The tags of its image, sorted; empty if there are none.

For each name of client metadata that occurs, in their order, there is a column ``meta.NAME``: text, a yes-or-no as
``true`` or ``false``, a number as JSON writes it; null where the image has none.
"""

PROJECTION = ("projection_x", "projection_y")
SIZES = frozenset({"width", "height"})
RESERVED = frozenset({*SCHEMA, *PROJECTION, "candidate", "rank"} - SIZES)
"""The columns that a metric cannot be named after; nor may its name begin as those of metadata do.

The sizes may be measured, by alrun's own metrics: then they replace what the platform says.
"""

METADATA = "meta."

_SUBMITTED = frozenset({StageType.REVIEW, StageType.CONSENSUS_REVIEW, StageType.DONE})


def pool_frame(snapshot: Snapshot) -> pl.DataFrame:
    """Return the tasks with the columns of :data:`SCHEMA` and of metadata, sorted by data hash, then task id."""
    stages = {stage.uuid: stage for stage in snapshot.stages}
    labelled = is_labelled(snapshot)
    tags: dict[str, list[str]] = {}
    for name in sorted(snapshot.tags):
        for data_hash in snapshot.tags[name]:
            tags.setdefault(data_hash, []).append(name)
    tasks = snapshot.tasks
    stands = [stages[t.stage] for t in tasks]
    labels = [None if t.label_hash is None else snapshot.labels.get(t.label_hash) for t in tasks]
    columns: dict[str, Sequence[Any] | pl.Series] = {
        "task_id": [t.task_id for t in tasks],
        "data_hash": [t.data_hash for t in tasks],
        "title": [t.title for t in tasks],
        "stage": [s.title for s in stands],
        "stage_type": [s.type.value for s in stands],
        "status": [t.status.value for t in tasks],
        "assignee": [t.assignee for t in tasks],
        "priority": [t.priority for t in tasks],
        "label_hash": [t.label_hash for t in tasks],
        "last_edited_at": [t.last_edited_at for t in tasks],
        "data_type": [t.data_type for t in tasks],
        "labelled": labelled,
        "classes": _lists([() if label is None else label.classes for label in labels]),
        "tags": _lists([tuple(tags.get(t.data_hash, ())) for t in tasks]),
        "width": [t.width for t in tasks],
        "height": [t.height for t in tasks],
    }
    metadata = {f"{METADATA}{name}": [_text(t.metadata.get(name)) for t in tasks] for name in metadata_names(snapshot)}
    frame = pl.DataFrame(columns, schema=SCHEMA)
    return frame.with_columns(pl.Series(name, texts, pl.String) for name, texts in metadata.items()).sort(
        "data_hash", "task_id"
    )


def is_labelled(snapshot: Snapshot) -> list[bool]:
    """Return, for each task of the snapshot, whether its image needs no labelling any more.

    It does not if its label holds anything, or if it stands in a review or done stage where no run parked it: people do
    submit images in which there is nothing to label, and such an image is finished. A parked task without a label is
    not.
    """
    submitted = {stage.uuid for stage in snapshot.stages if stage.type in _SUBMITTED}
    labels = {name for name, label in snapshot.labels.items() if not label.empty}
    return [
        task.label_hash in labels or (task.stage in submitted and task.task_id not in snapshot.parked)
        for task in snapshot.tasks
    ]


def labelled_hashes(snapshot: Snapshot) -> set[str]:
    """Return the data hashes of the images that need no labelling any more."""
    return {task.data_hash for task, done in zip(snapshot.tasks, is_labelled(snapshot), strict=True) if done}


def metadata_names(snapshot: Snapshot) -> list[str]:
    """Return the names of client metadata that occur, sorted."""
    return sorted({name for task in snapshot.tasks for name in task.metadata})


def _text(value: Scalar | None) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def _lists(values: Sequence[tuple[str, ...]]) -> pl.Series:
    """Return a column of lists; polars converts each different list once, which is what takes the time."""
    numbers = {value: number for number, value in enumerate(dict.fromkeys(values))}
    different = pl.Series([list(value) for value in numbers], dtype=pl.List(pl.String))
    return different.gather([numbers[value] for value in values])
