"""Tasks on their way through the workflow: what each write does, what it leaves in the audit log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from alrun.emulator.backend import Backend, now
from alrun.emulator.call import Call
from alrun.emulator.rejection import Rejection
from alrun.platform.writes import (
    Approve,
    Assign,
    Complete,
    InitialiseLabels,
    Move,
    PeopleWrite,
    Reject,
    Release,
    Reopen,
    SaveLabels,
    SetPriority,
    Skip,
    Submit,
)
from alrun.types import StageType, Task, TaskRef


def complete(call: Call, tasks: Sequence[Task]) -> None:
    """Send tasks to the done stage from wherever they are."""
    backend = call.backend
    if backend.policies.complete_again == "refused":
        _none(tasks, backend.done, "is complete already")
    moving = [task for task in tasks if not backend.done(task)]
    backend.write(Complete(refs(tasks)), call.user)
    _remember(backend, moving)
    _moved(call, moving)


def reopen(call: Call, tasks: Sequence[Task]) -> None:
    """Send tasks to the first annotation stage from wherever they are."""
    backend, policies = call.backend, call.backend.policies
    first = next(stage.uuid for stage in backend.project.stages if stage.type is StageType.ANNOTATION)
    if policies.reopen_again == "refused":
        _none(tasks, lambda task: task.stage == first, "is in the first stage already")
    backend.write(Reopen(refs(tasks)), call.user)
    there = [task for task in tasks if task.stage == first]
    if policies.reopen_again == "unassigns":
        backend.act(Release(refs(there)), call.user)
    moving = [task for task in tasks if task.stage != first]
    completed = backend.sidecar.completed([task.data_hash for task in moving if backend.done(task)])
    _bring_back(call, moving, completed)
    _moved(call, moving)


def move(call: Call, tasks: Sequence[Task], origin: str, destination: str) -> None:
    """Send tasks from one stage to another."""
    backend, policies = call.backend, call.backend.policies
    if policies.move_from_done == "refused" and backend.stage(origin).type is StageType.DONE:
        raise Rejection(400, "a task cannot be moved out of a done stage")
    if policies.move_needs_label_row:
        _none(tasks, lambda task: task.label_hash is None, "has no label row")
    if policies.move_creates_label_row:
        backend.write(InitialiseLabels(refs(tasks)), call.user)
    backend.write(Move(refs(tasks), origin, destination), call.user)
    if backend.stage(destination).type is StageType.DONE:
        _remember(backend, tasks)
    _moved(call, tasks)


def act(backend: Backend, request: PeopleWrite, user: str) -> None:
    """Carry out a person's action, and log it."""
    before = {task.data_hash: task for task in backend.tasks([ref.data_hash for ref in request.tasks])}
    backend.act(request, user)
    backend.sidecar.note_person(list(before))
    if isinstance(request, Submit | Approve):
        _remember(backend, before.values())
    kinds: dict[type[PeopleWrite], str] = {
        Assign: "assign", Release: "release", Skip: "skip", Submit: "submit", Approve: "approve", Reject: "reject",
    }  # fmt: skip
    if not isinstance(request, SaveLabels):
        actor = user if isinstance(request, Assign | Release) else request.actor
        _log(backend, before.values(), kinds[type(request)], actor)


def refs(tasks: Iterable[Task]) -> tuple[TaskRef, ...]:
    """Return the tasks' names."""
    return tuple(task.ref for task in tasks)


def _remember(backend: Backend, tasks: Iterable[Task]) -> None:
    """Keep what the done stage takes from tasks."""
    backend.sidecar.keep_completed((task.data_hash, task.priority, task.assignee) for task in tasks)


def _bring_back(call: Call, tasks: Sequence[Task], completed: dict[str, tuple[float | None, str | None]]) -> None:
    backend = call.backend
    for task in tasks:
        priority, assignee = completed.get(task.data_hash, (None, None))
        if backend.policies.reopen_keeps_priority and priority is not None:
            backend.write(SetPriority((task.ref,), (priority,)), call.user)
        if backend.policies.reopen_keeps_assignee and assignee is not None:
            backend.act(Assign((task.ref,), assignee), call.user)


def _none(tasks: Iterable[Task], unwanted: Callable[[Task], bool], fault: str) -> None:
    task = next(filter(unwanted, tasks), None)
    if task is not None:
        raise Rejection(400, f"the task {task.task_id} {fault}")


def _moved(call: Call, tasks: Sequence[Task]) -> None:
    at = now()
    call.backend.sidecar.keep_moved((task.data_hash, task.last_actioned_by, call.user, at) for task in tasks)
    if call.backend.policies.moves_in_audit_log:
        _log(call.backend, tasks, "move", call.user)


def _log(backend: Backend, tasks: Iterable[Task], kind: str, actor: str) -> None:
    at = now()
    backend.sidecar.log((at, kind, task.stage, task.task_id, task.data_hash, actor) for task in tasks)
