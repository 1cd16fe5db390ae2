"""The pool frame: one row a task, whatever the project looks like."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from alrun.pool.frame import SCHEMA, metadata_names, pool_frame
from alrun.types import (
    Answer,
    Label,
    LabelledObject,
    Ontology,
    Snapshot,
    Stage,
    StageType,
    Task,
    TaskStatus,
)

STAGES = (
    Stage("s1", "Annotate 1", StageType.ANNOTATION),
    Stage("s2", "Review 1", StageType.REVIEW),
    Stage("s3", "Complete", StageType.DONE),
    Stage("s4", "Pre-label", StageType.AGENT),
)
DOG = LabelledObject("dog", ((0.1, 0.1), (0.5, 0.5)))


def task(name: str, stage: str = "s1", label_hash: str | None = None, **others: object) -> Task:
    whole = Task(f"task-{name}", f"hash-{name}", f"{name}.png", stage, TaskStatus.NEW, label_hash)
    return replace(whole, **others)  # type: ignore[arg-type]


def snapshot(
    *tasks: Task, labels: dict[str, Label] | None = None, tags: dict[str, frozenset[str]] | None = None
) -> Snapshot:
    in_order = tuple(sorted(tasks, key=lambda t: (t.data_hash, t.task_id)))
    return Snapshot("project", "Project", Ontology(), STAGES, in_order, labels or {}, tags or {})


def test_an_empty_project_has_every_column() -> None:
    frame = pool_frame(snapshot())
    assert frame.schema == SCHEMA
    assert frame.height == 0


def test_columns_say_what_the_platform_said() -> None:
    rich = task(
        "a", "s2", "label-a", status=TaskStatus.ASSIGNED, assignee="ann@example.com", priority=0.5,
        last_edited_at="2024-01-01", width=28, height=30,
    )  # fmt: skip
    label = Label((Answer("digit", ("3",)), Answer("weather", ("sun", "rain"))), (DOG, DOG))
    frame = pool_frame(
        snapshot(
            task("b"),
            rich,
            labels={"label-a": label},
            tags={"late": frozenset({"hash-a"}), "early": frozenset({"hash-a"}), "unused": frozenset()},
        )
    )
    assert frame.schema == SCHEMA
    assert frame.row(0, named=True) == {
        "task_id": "task-a", "data_hash": "hash-a", "title": "a.png", "stage": "Review 1", "stage_type": "review",
        "status": "assigned", "assignee": "ann@example.com", "priority": 0.5, "label_hash": "label-a",
        "last_edited_at": "2024-01-01", "data_type": "image", "labelled": True,
        "classes": ["3", "dog", "rain", "sun"], "tags": ["early", "late"], "width": 28, "height": 30,
    }  # fmt: skip
    assert frame.row(1, named=True) == {
        "task_id": "task-b", "data_hash": "hash-b", "title": "b.png", "stage": "Annotate 1",
        "stage_type": "annotation", "status": "new", "assignee": None, "priority": None, "label_hash": None,
        "last_edited_at": None, "data_type": "image", "labelled": False, "classes": [], "tags": [],
        "width": None, "height": None,
    }  # fmt: skip


def test_rows_are_sorted_by_data_hash_then_task_id() -> None:
    twins = [replace(task(name), data_hash="hash-a") for name in ("z", "b")]
    shuffled = replace(snapshot(), tasks=(task("é"), task("c"), *twins))
    frame = pool_frame(shuffled)
    assert frame["task_id"].to_list() == ["task-b", "task-z", "task-c", "task-é"]


@pytest.mark.parametrize(
    ("stage", "label", "parked", "labelled"),
    [
        ("s1", None, False, False),
        ("s1", Label(), False, False),  # initialised or reopened, nothing in it yet
        ("s1", Label(objects=(DOG,)), False, True),  # saved, not submitted yet
        ("s1", Label((Answer("digit", ("3",)),)), False, True),
        ("s2", Label(), False, True),  # submitted as empty
        ("s3", Label(), False, True),
        ("s3", None, False, True),
        ("s3", Label(), True, False),  # a recipe put it there
        ("s3", Label(objects=(DOG,)), True, True),  # a label is one wherever it stands
        ("s4", Label(), False, False),
    ],
)
def test_labelled_means_finished_by_a_person(stage: str, label: Label | None, parked: bool, labelled: bool) -> None:
    one = task("a", stage, None if label is None else "label-a")
    given = snapshot(one, labels={} if label is None else {"label-a": label})
    frame = pool_frame(replace(given, parked=frozenset({"task-a"} if parked else ())))
    assert frame["labelled"].to_list() == [labelled]


def test_metadata_are_columns_of_text() -> None:
    one = task("a", metadata={"city": "Zürich", "night": True, "height": 12, "tilt": 0.5})
    other = task("b", metadata={"city": "7", "tilt": -3})
    frame = pool_frame(snapshot(other, one, task("c")))
    assert metadata_names(snapshot(one, other)) == ["city", "height", "night", "tilt"]
    assert frame.columns == [*SCHEMA, "meta.city", "meta.height", "meta.night", "meta.tilt"]
    assert frame.select("^meta.*$").rows() == [
        ("Zürich", "12", "true", "0.5"),
        ("7", None, None, "-3"),
        (None, None, None, None),
    ]


def test_metrics_can_be_added() -> None:
    frame = pool_frame(snapshot(task("a"), task("b"))).with_columns(pl.Series("random", [0.5, 0.25]))
    assert frame.columns == [*SCHEMA, "random"]
