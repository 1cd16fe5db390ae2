"""Everything that may go wrong on the way, as the SDK sees it, and whether the request was carried out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from alrun.emulator import Emulator, Fault
from tests.emulator.conftest import connect

PRIORITIES = "POST projects/{p}/priorities"


@pytest.fixture
def project(emulator: Emulator) -> Any:
    return connect(emulator).get_project(emulator.project_hash)


def completing(project: Any) -> tuple[Callable[[], None], Callable[[], bool]]:
    """Return a v1 write and whether it was carried out."""
    (row, *_) = project.list_label_rows_v2()
    row.initialise_labels()
    return row.workflow_complete, lambda: project.list_label_rows_v2()[0].workflow_graph_node.title == "Complete"


def prioritising(project: Any) -> tuple[Callable[[], None], Callable[[], bool]]:
    """Return a v2 write and whether it was carried out."""
    (row, *_) = project.list_label_rows_v2()
    return lambda: row.set_priority(0.9), lambda: project.list_label_rows_v2()[0].priority == 0.9


WRITES = [("labelworkflowgraphnode POST", completing), (PRIORITIES, prioritising)]


@pytest.mark.parametrize(("name", "write"), WRITES)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("does", ["cut", "half"])
def test_no_answer_or_half_of_one(
    emulator: Emulator, project: Any, name: str, write: Any, when: Any, does: Any
) -> None:
    from encord.exceptions import RequestException

    send, done = write(project)
    emulator.fail(Fault(name, does, when))
    with pytest.raises(RequestException):
        send()
    assert done() == (when == "after" or does == "half")
    assert [request.status for request in emulator.requests if request.name == name] == [0 if does == "cut" else 200]


@pytest.mark.parametrize(("name", "write"), WRITES)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rate_limit_says_how_long_to_wait(emulator: Emulator, project: Any, name: str, write: Any, when: Any) -> None:
    from encord.exceptions import RateLimitExceededError

    send, done = write(project)
    emulator.fail(Fault(name, "status", when, status=429, retry_after=7))
    with pytest.raises(RateLimitExceededError) as caught:
        send()
    assert caught.value.retry_after == 7
    assert done() == (when == "after")


@pytest.mark.parametrize(("name", "write"), WRITES)
@pytest.mark.parametrize(
    ("status", "error"),
    [(413, "PayloadTooLargeError"), (500, None), (502, None), (503, None), (504, None)],
)
def test_an_error_of_what_stands_before_the_server(
    emulator: Emulator, project: Any, name: str, write: Any, status: int, error: str | None
) -> None:
    from encord import exceptions

    send, done = write(project)
    expected = error or ("GenericServerError" if name.startswith("label") else "UnknownException")
    emulator.fail(Fault(name, "status", status=status))
    with pytest.raises(getattr(exceptions, expected)):
        send()
    assert not done()


def test_a_lost_answer_is_sent_again_by_the_sdk_that_retries(emulator: Emulator) -> None:
    client = connect(emulator, max_retries=2)
    row = client.get_project(emulator.project_hash).list_label_rows_v2()[0]
    emulator.fail(Fault(PRIORITIES, "cut", "after"))
    emulator.fail(Fault(PRIORITIES, "status", status=503))
    row.set_priority(0.9)
    assert [request.status for request in emulator.requests if request.name == PRIORITIES] == [0, 503, 200]


def test_a_lost_answer_to_a_move_looks_like_a_refusal_when_it_is_sent_again(emulator: Emulator) -> None:
    from encord.exceptions import InvalidArgumentsError

    project: Any = connect(emulator, max_retries=1).get_project(emulator.project_hash)
    annotate, review, _ = project.workflow.stages
    task = next(iter(annotate.get_tasks()))
    emulator.fail(Fault("POST */move-tasks", "cut", "after"))
    with pytest.raises(InvalidArgumentsError):
        task.move(destination_stage_uuid=review.uuid)
    assert [moved.uuid for moved in review.get_tasks()] == [task.uuid]


def test_a_slow_answer(emulator: Emulator, project: Any) -> None:
    emulator.fail(Fault("labelrowmetadata GET", "slow", seconds=0.3))
    began = time.monotonic()
    assert len(project.list_label_rows_v2()) == 6
    assert time.monotonic() - began >= 0.3


def test_an_answer_that_is_too_slow(emulator: Emulator) -> None:
    from encord.exceptions import RequestException

    project = connect(emulator, read_timeout=0.2).get_project(emulator.project_hash)
    emulator.fail(Fault("labelrowmetadata GET", "slow", seconds=0.6))
    with pytest.raises(RequestException):
        project.list_label_rows_v2()


def test_something_else_happens_between_two_requests(emulator: Emulator, project: Any) -> None:
    from encord.exceptions import InvalidArgumentsError

    other: Any = connect(emulator, emulator.add_user("ann@example.org")).get_project(emulator.project_hash)
    annotate, review, _ = project.workflow.stages
    tasks = list(annotate.get_tasks())
    emulator.fail(
        Fault("POST */move-tasks", "call", action=lambda: next(iter(other.workflow.stages[0].get_tasks())).submit())
    )
    bundle = project.create_bundle()
    for task in tasks:
        task.move(destination_stage_uuid=review.uuid, bundle=bundle)
    with pytest.raises(InvalidArgumentsError, match="is not in the stage"):
        bundle.execute()
    assert len(list(review.get_tasks())) == 1


def test_faults_strike_where_and_as_often_as_they_are_told(emulator: Emulator, project: Any) -> None:
    from encord.exceptions import UnknownException

    row = project.list_label_rows_v2()[0]
    emulator.fail(Fault("POST *", "status", skip=1, times=2))
    outcomes = []
    for _ in range(5):
        try:
            row.set_priority(0.9)
            outcomes.append("ok")
        except UnknownException:
            outcomes.append("lost")
    assert outcomes == ["ok", "lost", "lost", "ok", "ok"]
    emulator.fail(Fault("*", "status", times=100))
    emulator.faults.clear()
    row.set_priority(0.9)
