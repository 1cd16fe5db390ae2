"""What the SDK's documentation shows, done with the unmodified SDK.

The target is a project behind the emulator. With ``ALRUN_ENCORD_PROJECT=HASH`` and the SDK's own key variables
it is that project, on the real platform: a scratch one, since its tasks are labelled and moved. It needs an
annotation, a review and a final stage, six images, and an ontology with a radio, a checklist and a text
question, a bounding box and a polygon.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.emulator.conftest import Target


def stage(target: Target, kind: str) -> Any:
    return next(stage for stage in target.project.workflow.stages if stage.stage_type.value == kind)


def task_of(stage: Any, data_hash: str) -> Any:
    (task,) = stage.get_tasks(data_hash=data_hash)
    return task


def classification(target: Target, kind: str) -> Any:
    """Return the first classification whose question is of a kind; skip the test without one."""
    for one in target.project.ontology_structure.classifications:
        if one.attributes[0].get_property_type().value == kind:
            return one
    pytest.skip(f"the ontology has no {kind}")


def object_class(target: Target, shape: str) -> Any:
    for one in target.project.ontology_structure.objects:
        if one.shape.value == shape:
            return one
    pytest.skip(f"the ontology has no {shape}")


def test_a_project_says_what_it_is(target: Target) -> None:
    kinds = [one.stage_type.value for one in target.project.workflow.stages]
    assert target.project.project_type.value == "workflow"
    assert kinds[0] == "ANNOTATION"
    assert {"REVIEW", "DONE"} <= set(kinds)
    assert target.project.user_role is not None
    assert target.project.user_role.name in ("ADMIN", "TEAM_MANAGER")


def test_the_listing_shows_uninitialised_tasks(target: Target) -> None:
    rows = target.rows(2)
    for row in rows:
        assert row.workflow_graph_node is not None
        assert row.workflow_graph_node.title == target.project.workflow.stages[0].title
        assert row.data_type.value == "image"
        assert row.task_uuid is not None
        assert row.backing_item_uuid is not None
        assert row.priority is not None
        assert (row.label_hash is None) == (row.last_edited_at is None) == (row.created_at is None)


def test_the_listing_is_filtered(target: Target) -> None:
    first, second, *_ = target.initialised(2)
    project = target.project
    start = project.workflow.stages[0].title

    def names(**filters: Any) -> set[str]:
        return {row.data_hash for row in project.list_label_rows_v2(**filters)}

    everything = names()
    assert names(data_hashes=[first.data_hash]) == {first.data_hash}
    assert names(label_hashes=[first.label_hash, second.label_hash]) == {first.data_hash, second.data_hash}
    assert first.data_hash in names(data_title_eq=first.data_title)
    assert names(data_title_like="%") == everything
    assert names(data_title_eq=str(uuid4())) == names(data_title_like=str(uuid4())) == set()
    assert first.data_hash in names(workflow_graph_node_title_eq=start) & names(workflow_graph_node_title_like="%")
    assert names(workflow_graph_node_title_eq=str(uuid4())) == set()
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    assert first.data_hash in names(edited_after=long_ago)
    assert names(edited_before=long_ago) == set()


def test_task_ids_are_the_stages_own(target: Target) -> None:
    for row in target.rows(3):
        assert task_of(target.project.workflow.stages[0], row.data_hash).uuid == row.task_uuid


def test_initialising_creates_label_rows_once(target: Target) -> None:
    from encord.exceptions import ResourceExistsError

    stale = target.rows(2)
    rows = target.initialised(2)
    assert [row.label_hash for row in target.again(rows)] == [row.label_hash for row in rows]
    assert None not in [row.label_hash for row in rows]
    if target.emulator is not None:  # on a project that was used before, the stale rows may be initialised already
        with pytest.raises(ResourceExistsError):
            stale[0].initialise_labels()


@pytest.mark.parametrize("kind", ["radio", "checklist", "text"])
def test_a_classification_is_saved_and_read_back(target: Target, kind: str) -> None:
    question = classification(target, kind)
    (row,) = target.initialised(1)
    instance = question.create_instance()
    options = [] if kind == "text" else question.attributes[0].options
    answer = {"radio": options[-1:], "checklist": options[:2], "text": ["wet <b> & “dry”"]}[kind]
    instance.set_answer(answer if kind == "checklist" else answer[0])
    instance.set_for_frames(0)
    row.add_classification_instance(instance)
    row.save()

    (read,) = target.again([row])
    read.initialise_labels()
    (found,) = read.get_classification_instances()
    assert found.feature_hash == question.feature_node_hash
    got: Any = found.get_answer()
    assert (list(got) if kind == "checklist" else [got]) == answer
    (entry,) = target.project.get_label_classifications([str(row.label_hash)])
    assert [one.feature_hash for one in entry.classification_answers.values()] == [question.feature_node_hash]


def test_boxes_and_polygons_are_saved_and_read_back(target: Target) -> None:
    from encord.objects.coordinates import BoundingBoxCoordinates, PointCoordinate, PolygonCoordinates

    box, polygon = object_class(target, "bounding_box"), object_class(target, "polygon")
    (row,) = target.initialised(1)
    corners = BoundingBoxCoordinates(height=0.3, width=0.7, top_left_x=0.1, top_left_y=0.2)
    outline = PolygonCoordinates([PointCoordinate(0.1, 0.1), PointCoordinate(0.9, 0.2), PointCoordinate(0.4, 0.8)])
    for kind, coordinates in ((box, corners), (polygon, outline)):
        instance = kind.create_instance()
        instance.set_for_frames(coordinates, 0, confidence=0.5)
        row.add_object_instance(instance)
    row.save()

    (read,) = target.again([row])
    read.initialise_labels()
    shapes: dict[str, Any] = {
        found.feature_hash: found.get_annotation(0).coordinates for found in read.get_object_instances()
    }
    assert shapes[box.feature_node_hash] == corners
    assert shapes[polygon.feature_node_hash].values == outline.values
    read.initialise_labels(include_object_feature_hashes={box.feature_node_hash}, overwrite=True)
    assert [found.feature_hash for found in read.get_object_instances()] == [box.feature_node_hash]


def test_the_last_save_wins(target: Target) -> None:
    question = classification(target, "radio")
    (row,) = target.initialised(1)
    edited = []
    for option in question.attributes[0].options[:2]:
        (fresh,) = target.again([row])
        fresh.initialise_labels()
        for old in fresh.get_classification_instances():
            fresh.remove_classification(old)
        instance = question.create_instance()
        instance.set_answer(option)
        instance.set_for_frames(0)
        fresh.add_classification_instance(instance)
        fresh.save()
        (after,) = target.again([row])
        edited.append(after.last_edited_at)
        after.initialise_labels()
        assert [found.get_answer() for found in after.get_classification_instances()] == [option]
    assert edited[0] is not None
    assert edited[1] is not None
    assert edited[0] < edited[1]


def test_complete_and_reopen(target: Target) -> None:
    rows = target.initialised(3)
    first, done = target.project.workflow.stages[0].title, stage(target, "DONE").title
    with target.project.create_bundle() as bundle:
        for row in rows:
            row.workflow_complete(bundle=bundle)
    assert target.stages(rows) == [done] * 3
    assert {(row.priority, row.assigned_user_email) for row in target.again(rows)} == {(None, None)}
    with target.project.create_bundle() as bundle:
        for row in rows[:2]:
            row.workflow_reopen(bundle=bundle)
    assert target.stages(rows) == [first, first, done]


def test_an_uninitialised_row_is_neither_completed_nor_reopened(target: Target) -> None:
    from encord.exceptions import LabelRowError

    rows = [row for row in target.rows(1) if row.label_hash is None]
    if not rows:
        pytest.skip("every task of the project is initialised")
    with pytest.raises(LabelRowError):
        rows[0].workflow_complete()
    rows[0].workflow_reopen()
    assert target.stages(rows) == [target.project.workflow.stages[0].title]


def test_people_assign_release_submit_approve_and_reject(target: Target) -> None:
    *rows, spare = target.initialised(3)
    annotate, review = target.project.workflow.stages[0], stage(target, "REVIEW")
    task_of(annotate, spare.data_hash).submit()
    since = datetime.now(UTC) - timedelta(minutes=1)
    me = [action.actor_email for action in target.project.get_task_actions(after=since)][-1]
    task = task_of(annotate, rows[0].data_hash)
    task.assign(me)
    assert [row.assigned_user_email for row in target.again(rows)] == [me, None]
    assert task_of(annotate, rows[0].data_hash).status.value == "ASSIGNED"
    task.release()
    assert [row.assigned_user_email for row in target.again(rows)] == [None, None]
    with target.project.create_bundle() as bundle:
        for row in rows:
            task_of(annotate, row.data_hash).submit(bundle=bundle)
    assert target.stages(rows) == [review.title] * 2
    task_of(review, rows[0].data_hash).approve()
    task_of(review, rows[1].data_hash).reject()
    assert target.stages(rows) == [stage(target, "DONE").title, annotate.title]


def test_move_there_and_back(target: Target) -> None:
    rows = target.rows(2)
    annotate, done = target.project.workflow.stages[0], stage(target, "DONE")
    for origin, destination in ((annotate, done), (done, annotate)):
        tasks = [task_of(origin, row.data_hash) for row in rows]
        with target.project.create_bundle() as bundle:
            for task in tasks:
                task.move(destination_stage_uuid=destination.uuid, bundle=bundle)
        assert target.stages(rows) == [destination.title] * 2


def test_a_task_that_left_the_stage_stops_the_whole_request(target: Target) -> None:
    from encord.exceptions import InvalidArgumentsError

    rows = target.rows(2)
    annotate, review = target.project.workflow.stages[0], stage(target, "REVIEW")
    tasks = [task_of(annotate, row.data_hash) for row in rows]
    tasks[0].submit()
    bundle = target.project.create_bundle()
    for task in tasks:
        task.submit(bundle=bundle)
    with pytest.raises(InvalidArgumentsError):
        bundle.execute()
    assert target.stages(rows) == [review.title, annotate.title]


def test_priorities(target: Target) -> None:
    rows = target.rows(3)
    with target.project.create_bundle() as bundle:
        for row, priority in zip(rows, (0.0, 0.25, 1.0), strict=True):
            row.set_priority(priority, bundle=bundle)
    assert [row.priority for row in target.again(rows)] == [0.0, 0.25, 1.0]


def test_collections(target: Target) -> None:
    from encord.orm.collection import ProjectDataCollectionItemRequest

    rows = target.rows(3)
    name = f"alrun test {uuid4()}"
    collection = target.project.create_collection(name, "what a test leaves behind")
    try:
        items: list[Any] = [ProjectDataCollectionItemRequest(data_uuid=row.data_hash, frame=0) for row in rows]
        assert collection.add_items(items).failed_items == []
        listed = {one.name: one for one in target.project.list_collections(page_size=1)}
        assert (listed[name].uuid, listed[name].description) == (collection.uuid, "what a test leaves behind")
        frames = list(target.project.get_collection(collection.uuid).list_frames(page_size=2))
        assert {row.data_hash for row, _ in frames} == {row.data_hash for row in rows}
        assert {instance.frame for _, instances in frames for instance in instances} == {0}
        assert collection.remove_items(items[:1]).failed_items == []
        assert {row.data_hash for row, _ in collection.list_frames()} == {row.data_hash for row in rows[1:]}
    finally:
        target.project.delete_collection(collection.uuid)
    assert name not in [one.name for one in target.project.list_collections()]


def test_the_audit_log_says_who_did_what(target: Target) -> None:
    (row,) = target.rows(1)
    annotate = target.project.workflow.stages[0]
    since = datetime.now(UTC) - timedelta(minutes=1)
    task_of(annotate, row.data_hash).submit()
    found = list(
        target.project.get_task_actions(
            after=since, before=datetime.now(UTC) + timedelta(minutes=1), data_unit_uuid=row.data_hash
        )
    )
    last = found[-1]
    assert last.action_type.value == "submit"
    assert (last.task_uuid, str(last.data_unit_uuid)) == (row.task_uuid, row.data_hash)
    assert last.workflow_stage_uuid == annotate.uuid
    assert "@" in last.actor_email


def test_images_come_by_signed_urls(target: Target) -> None:
    import requests

    rows = target.rows(3)
    uuids = [row.backing_item_uuid for row in rows if row.backing_item_uuid is not None]
    items = target.client.get_storage_items(uuids, sign_url=True)
    assert [item.uuid for item in items] == uuids
    for item, row in zip(items, rows, strict=True):
        url = item.get_signed_url()
        assert url is not None
        content = requests.get(url, timeout=60).content
        assert len(content) == item.file_size
        assert (item.width, item.height) == (row.width, row.height)
        assert item.mime_type == row.file_type


def test_client_metadata_are_written_and_listed(target: Target) -> None:
    (row,) = target.rows(1)
    assert row.backing_item_uuid is not None
    item = target.client.get_storage_item(row.backing_item_uuid)
    before = dict(item.client_metadata or {})
    try:
        item.update(client_metadata={**before, "alrun_score": 0.5})
        for local in (False, True):
            (listed,) = target.project.list_label_rows_v2(
                data_hashes=[row.data_hash], include_client_metadata=True, resolve_client_metadata_locally=local
            )
            assert listed.client_metadata == {**before, "alrun_score": 0.5}
    finally:
        item.update(client_metadata=before)


def test_an_unknown_key_is_refused(target: Target, tmp_path: Any) -> None:
    from encord import EncordUserClient
    from encord.exceptions import AuthenticationError

    from alrun.emulator.keys import create_key

    create_key(tmp_path / "stranger")
    domain = target.client._config.config.domain
    stranger = EncordUserClient.create_with_ssh_private_key(ssh_private_key_path=tmp_path / "stranger", domain=domain)
    with pytest.raises(AuthenticationError):
        stranger.get_project(target.project.project_hash)
