"""What a listing becomes: also of rows that the emulator does not serve, such as videos and groups."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest
from encord import Project
from encord.objects import LabelRowV2, OntologyStructure
from encord.ontology import Ontology
from encord.orm.label_row import LabelRowMetadata

from alrun.errors import Refused
from alrun.platform.encord.rows import Rows
from alrun.types import StageType, TaskRef, TaskStatus

HERE, DONE = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"


class Structure:
    structure = OntologyStructure()


class Listing:
    """A project that lists what it is given, through the SDK's own row class."""

    def __init__(self, *rows: dict[str, Any]) -> None:
        self.rows = list(rows)
        self.asked: list[list[str] | None] = []
        self.workflow = self

    def get_stage(self, **_: object) -> Listing:
        return self

    def get_tasks(self, **_: object) -> list[Any]:
        return []  # nothing is skipped

    def list_label_rows_v2(self, *, data_hashes: list[str] | None, **_: object) -> list[LabelRowV2]:
        self.asked.append(data_hashes)
        return [
            LabelRowV2(LabelRowMetadata.from_dict(row), cast("Any", None), cast("Ontology", Structure()))
            for row in self.rows
            if data_hashes is None or row["data_hash"] in data_hashes
        ]


def uuid(number: int) -> str:
    return f"00000000-0000-0000-0000-{number:012d}"


def row(number: int, **changes: Any) -> dict[str, Any]:
    """Return a row of a listing as the platform writes it."""
    return {
        "label_hash": None, "data_hash": uuid(number), "dataset_hash": uuid(1), "dataset_title": "set",
        "data_title": f"{number}.png", "data_type": "IMAGE", "data_link": None, "spaces": {},
        "label_status": "NOT_LABELLED", "number_of_frames": 1, "branch_name": "main", "task_uuid": uuid(100 + number),
        "workflow_graph_node": {"uuid": HERE, "title": "Annotate 1"}, "priority": 0.5, "width": 8, "height": 6,
    } | changes  # fmt: skip


def rows(listing: Listing) -> Rows:
    return Rows(cast("Project", listing), {HERE: StageType.ANNOTATION, DONE: StageType.DONE})


def test_what_is_no_single_image_keeps_its_type_for_preflight_to_leave_it_out() -> None:
    listing = Listing(row(1), row(2, data_type="IMG_GROUP"), row(3, data_type="VIDEO"), row(4, group_hash=uuid(9)))
    tasks = rows(listing).listed()
    assert [task.data_type for task in tasks] == ["image", "img_group", "video", "image"]
    assert [task.group_hash for task in tasks] == [None, None, None, uuid(9)]


def test_labels_are_not_asked_for_of_what_is_no_single_image() -> None:
    listing = Listing(row(1, label_hash=uuid(11)), row(2, data_type="VIDEO", label_hash=uuid(12)))
    known = rows(listing)
    known.listed()
    assert known.other_than_images() == {uuid(12)}


def test_two_tasks_of_one_image_are_two_tasks() -> None:
    tasks = rows(Listing(row(1, task_uuid=uuid(102)), row(1, task_uuid=uuid(101)))).listed()
    assert [task.task_id for task in tasks] == [uuid(101), uuid(102)]


def test_a_row_outside_the_workflow_is_no_task_and_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    listing = Listing(row(1), row(2, workflow_graph_node=None), row(3, task_uuid=None))
    with caplog.at_level(logging.WARNING):
        assert [task.data_hash for task in rows(listing).listed()] == [uuid(1)]
    assert "2 label rows" in caplog.text


def test_the_status_is_done_in_hand_or_new() -> None:
    listing = Listing(
        row(1), row(2, assigned_user_email="ann@example.org"),
        row(3, workflow_graph_node={"uuid": DONE, "title": "Complete"}, priority=None),
    )  # fmt: skip
    tasks = rows(listing).listed()
    assert [task.status for task in tasks] == [TaskStatus.NEW, TaskStatus.ASSIGNED, TaskStatus.COMPLETED]
    assert (tasks[1].assignee, tasks[2].priority) == ("ann@example.org", None)


def test_metadata_are_the_plain_values() -> None:
    (task,) = rows(
        Listing(row(1, client_metadata={"a": 1, "b": "x", "c": True, "d": [1], "e": {"f": 1}, "g": None}))
    ).listed()
    assert task.metadata == {"a": 1, "b": "x", "c": True}


def test_what_left_the_project_is_refused_from_then_on() -> None:
    listing = Listing(row(1), row(2))
    known = rows(listing)
    refs = [task.ref for task in known.listed()]
    del listing.rows[0]
    known.listed([uuid(1)])
    known.of(refs[1:])
    with pytest.raises(Refused, match=uuid(101)):
        known.of(refs)


def test_a_reference_must_fit_the_row_that_it_names() -> None:
    known = rows(Listing(row(1, label_hash=uuid(11))))
    (task,) = known.listed()
    known.of(
        [
            task.ref,
        ]
    )
    for wrong in (TaskRef(task.task_id, uuid(2), None), TaskRef(task.task_id, task.data_hash, uuid(12))):
        with pytest.raises(Refused):
            known.of([wrong])


def test_only_what_is_not_known_yet_is_listed() -> None:
    listing = Listing(row(1), row(2))
    known = rows(listing)
    known.of([TaskRef(uuid(101), uuid(1), None)])
    known.of([TaskRef(uuid(101), uuid(1), None), TaskRef(uuid(102), uuid(2), None)])
    assert listing.asked == [[uuid(1)], [uuid(2)]]
