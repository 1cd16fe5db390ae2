"""Each policy changes what it says, and nothing is guessed outside of them."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from alrun.emulator import Emulator, Policies
from alrun.emulator.policies import parse
from alrun.errors import ConfigError
from tests.emulator.conftest import START, connect

ANN = "ann@example.org"


def open_project(emulator: Emulator) -> Any:
    return connect(emulator).get_project(emulator.project_hash)


def rows(project: Any, *, initialise: bool = True) -> Any:
    listed = project.list_label_rows_v2()
    if initialise:
        with project.create_bundle() as bundle:
            for row in listed:
                row.initialise_labels(bundle=bundle)
    return listed


def tasks(project: Any, place: int = 0) -> Any:
    return list(project.workflow.stages[place].get_tasks())


def move(project: Any, moving: list[Any], destination: int) -> None:
    with project.create_bundle() as bundle:
        for task in moving:
            task.move(destination_stage_uuid=project.workflow.stages[destination].uuid, bundle=bundle)


def refused() -> Any:
    from encord.exceptions import InvalidArgumentsError

    return pytest.raises(InvalidArgumentsError)


def test_the_command_line_gives_policies() -> None:
    given = parse(["page_size=7", "pages_by=key", "signature_seconds=none", "managers_only=false", "url_seconds=1.5"])
    assert given == Policies(7, "key", signature_seconds=None, managers_only=False, url_seconds=1.5)
    assert parse(["signature_seconds=60", "priority_decimals=2"]) == Policies(signature_seconds=60, priority_decimals=2)
    for wrong in ("page_sise=7", "page_size", "page_size=many", "pages_by=number"):
        with pytest.raises(ConfigError, match=r"page_size|pages_by"):
            parse([wrong])


def test_every_policy_says_what_it_decides() -> None:
    import ast
    import inspect

    (body,) = [node.body for node in ast.parse(inspect.getsource(Policies)).body if isinstance(node, ast.ClassDef)]
    for place, node in enumerate(body):
        if isinstance(node, ast.AnnAssign):
            says = body[place + 1]
            assert isinstance(says, ast.Expr), ast.unparse(node)
            assert isinstance(says.value, ast.Constant), ast.unparse(node)
    assert sum(isinstance(node, ast.AnnAssign) for node in body) == len(fields(Policies))


def test_page_size(start: START) -> None:
    emulator = start(page_size=4)
    assert len(tasks(open_project(emulator))) == 6
    assert [r.answered for r in emulator.requests if r.name.endswith("/tasks")] == [4, 2]


@pytest.mark.parametrize(("pages_by", "seen"), [("offset", 4), ("key", 6)])
def test_moving_while_paging_loses_tasks_where_a_token_counts(start: START, pages_by: str, seen: int) -> None:
    project = open_project(start(page_size=2, pages_by=pages_by))
    count = 0
    for task in project.workflow.stages[0].get_tasks():
        move(project, [task], 1)
        count += 1
    assert count == seen


def test_requests_that_hold_too_much(start: START) -> None:
    from encord.exceptions import MultiLabelLimitError, PayloadTooLargeError

    emulator = start(labels_per_request=3, moves_per_request=2, items_per_request=4)
    project = open_project(emulator)
    with pytest.raises(MultiLabelLimitError) as caught:
        rows(project)
    assert caught.value.maximum_labels_allowed == 3
    with pytest.raises(PayloadTooLargeError):
        move(project, tasks(project)[:3], 1)
    bundle = project.create_bundle()
    for row in rows(project, initialise=False):
        row.set_priority(0.1, bundle=bundle)
    with pytest.raises(PayloadTooLargeError):
        bundle.execute()
    assert {(row.label_hash, row.priority) for row in project.list_label_rows_v2()} == {(None, 0.5)}


def test_bodies_that_are_too_large(start: START) -> None:
    from encord.exceptions import PayloadTooLargeError

    emulator = start(body_bytes=2000)
    project = open_project(emulator)
    with pytest.raises(PayloadTooLargeError):
        project.list_label_rows_v2(data_hashes=["0" * 36] * 60)
    assert emulator.requests[-1].status == 413


def test_create_again(start: START) -> None:
    project = open_project(start(create_again="returned"))
    stale = project.list_label_rows_v2()[0]
    (first, *_) = rows(project)
    stale.initialise_labels()
    assert stale.label_hash == first.label_hash


@pytest.mark.parametrize("again", ["ok", "refused"])
def test_complete_again(start: START, again: str) -> None:
    (row, *_) = rows(open_project(start(complete_again=again)))
    row.workflow_complete()
    if again == "ok":
        row.workflow_complete()
    else:
        with refused():
            row.workflow_complete()


@pytest.mark.parametrize(("again", "assignee"), [("ok", ANN), ("refused", ANN), ("unassigns", None)])
def test_reopen_again(start: START, again: str, assignee: str | None) -> None:
    project = open_project(start(reopen_again=again))
    (row, *_) = rows(project)
    tasks(project)[0].assign(ANN)
    if again == "refused":
        with refused():
            row.workflow_reopen()
    else:
        row.workflow_reopen()
    assert project.list_label_rows_v2()[0].assigned_user_email == assignee


@pytest.mark.parametrize("keeps", [False, True])
def test_what_a_reopened_task_has_again(start: START, keeps: bool) -> None:
    project = open_project(start(reopen_keeps_priority=keeps, reopen_keeps_assignee=keeps))
    (row, *_) = rows(project)
    row.set_priority(0.9)
    tasks(project)[0].assign(ANN)
    row.workflow_complete()
    row.workflow_reopen()
    after = project.list_label_rows_v2()[0]
    assert (after.priority, after.assigned_user_email) == ((0.9, ANN) if keeps else (0.5, None))


@pytest.mark.parametrize(("strays", "left"), [("refuse", 5), ("part", 4), ("skip", 4)])
@pytest.mark.parametrize("way", ["move", "submit"])
def test_tasks_that_left_the_stage(start: START, way: str, strays: str, left: int) -> None:
    project = open_project(start(stray_moves=strays, stray_actions=strays))
    stale = tasks(project)[:2]
    stale[0].submit()

    def send() -> None:
        with project.create_bundle() as bundle:
            for task in stale:
                if way == "submit":
                    task.submit(bundle=bundle)
                else:
                    task.move(destination_stage_uuid=project.workflow.stages[1].uuid, bundle=bundle)

    if strays == "skip":
        send()
    else:
        with refused():
            send()
    assert len(tasks(project)) == left


@pytest.mark.parametrize(("strays", "left"), [("refuse", 6), ("part", 5), ("skip", 5)])
def test_label_rows_that_do_not_exist(start: START, strays: str, left: int) -> None:
    from encord.exceptions import ResourceNotFoundError

    project = open_project(start(stray_labels=strays))
    (row, other, *_) = rows(project)
    names = [row.label_hash, other.data_hash]
    if strays == "skip":
        project._client.workflow_complete(names)
    else:
        with pytest.raises(ResourceNotFoundError):
            project._client.workflow_complete(names)
    assert len(tasks(project)) == left


def test_moves_from_done(start: START) -> None:
    project = open_project(start(move_from_done="refused"))
    move(project, tasks(project)[:1], 2)
    with refused():
        move(project, tasks(project, 2), 0)


def test_moves_and_label_rows(start: START) -> None:
    project = open_project(start(move_needs_label_row=True))
    with refused():
        move(project, tasks(project)[:1], 1)
    project = open_project(start(move_creates_label_row=True))
    move(project, tasks(project)[:1], 1)
    assert [row.label_hash is not None for row in project.list_label_rows_v2()] == [True] + [False] * 5


@pytest.mark.parametrize("records", [False, True])
def test_who_acted_last(start: START, records: bool) -> None:
    emulator = start(moves_record_actor=records)
    ann: Any = connect(emulator, emulator.add_user(ANN)).get_project(emulator.project_hash)
    next(iter(ann.workflow.stages[0].get_tasks())).submit()
    project = open_project(emulator)
    move(project, tasks(project, 1), 0)
    move(project, tasks(project)[:1], 2)
    shown = project.list_label_rows_v2()[0].last_actioned_by_user_email
    assert shown == ("owner@emulator.example" if records else ANN)
    move(project, tasks(project, 2), 0)
    tasks(project)[0].submit()
    assert project.list_label_rows_v2()[0].last_actioned_by_user_email == "owner@emulator.example"


@pytest.mark.parametrize("touches", [False, True])
def test_when_labels_were_edited(start: START, touches: bool) -> None:
    project = open_project(start(moves_touch_labels=touches))
    rows(project)
    before = project.list_label_rows_v2()[0]
    before.workflow_complete()
    after = project.list_label_rows_v2()[0]
    assert (after.last_edited_at > before.last_edited_at) == touches
    after.workflow_reopen()
    after.initialise_labels()
    assert after.get_classification_instances() == []
    tasks(project)[0].submit()
    assert project.list_label_rows_v2()[0].last_edited_at >= after.last_edited_at


@pytest.mark.parametrize("logged", [False, True])
def test_moves_in_the_audit_log(start: START, logged: bool) -> None:
    from datetime import UTC, datetime

    project = open_project(start(moves_in_audit_log=logged))
    (row, *_) = rows(project)
    row.workflow_complete()
    row.workflow_reopen()
    found = list(project.get_task_actions(after=datetime(2000, 1, 1, tzinfo=UTC)))
    assert [action.action_type.value for action in found] == (["move", "move"] if logged else [])


def test_priorities(start: START) -> None:
    project = open_project(start(priority_decimals=2))
    row = project.list_label_rows_v2()[0]
    row.set_priority(0.126)
    assert project.list_label_rows_v2()[0].priority == 0.13
    for wrong in (-0.1, 1.1):
        with refused():
            row.set_priority(wrong)
    move(project, tasks(project)[:1], 2)
    with refused():
        row.set_priority(0.5)
    open_project(start(priority_of_complete="ignored")).list_label_rows_v2()[0].set_priority(0.5)
    assert project.list_label_rows_v2()[0].priority is None


def test_adding_to_a_collection_again(start: START) -> None:
    from encord.exceptions import ResourceExistsError
    from encord.orm.collection import ProjectDataCollectionItemRequest

    project = open_project(start())
    names = [row.data_hash for row in project.list_label_rows_v2()[:2]]
    items = [ProjectDataCollectionItemRequest(data_uuid=name, frame=0) for name in (*names, "nothing")]
    collection = project.create_collection("again")
    assert [item.data_uuid for item in collection.add_items(items).failed_items] == ["nothing"]
    assert [item.data_uuid for item in collection.add_items(items).failed_items] == ["nothing"]
    other = open_project(start(collection_add_again="failed")).get_collection(collection.uuid)
    assert {str(item.data_uuid) for item in other.add_items(items[:1]).failed_items} == {names[0]}
    with pytest.raises(ResourceExistsError):
        project.create_collection("again")
    collection.update_collection(name="once", description="more")
    assert [(one.name, one.description) for one in project.list_collections()] == [("once", "more")]
    assert len(list(project.get_collection(collection.uuid).list_frames())) == 2


@pytest.mark.parametrize(("patch", "left"), [("replace", {"new": 1}), ("merge", {"old": 1, "new": 1})])
def test_client_metadata_that_are_written(start: START, patch: str, left: dict[str, int]) -> None:
    emulator = start(metadata_patch=patch)
    client = connect(emulator)
    listed = client.get_project(emulator.project_hash).list_label_rows_v2()
    items = client.get_storage_items([str(row.backing_item_uuid) for row in listed])
    for metadata in ({"old": 1}, {"new": 1}):
        items[0].update(client_metadata=metadata)
    assert client.get_storage_item(items[0].uuid).client_metadata == left


@pytest.mark.parametrize(("ignore", "found"), [(False, 0), (True, 1)])
def test_title_patterns(start: START, ignore: bool, found: int) -> None:
    project = open_project(start(title_patterns_ignore_case=ignore))
    assert len(project.list_label_rows_v2(data_title_like="<I>0</I>%")) == found
    assert len(project.list_label_rows_v2(data_title_like="<i>_</i>.png")) == 6
    assert len(project.list_label_rows_v2(data_title_like="<i>.</i>.png")) == 0
