"""The little experiments that answer what is open about the server. Each yields its answers as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isclose
from time import sleep
from typing import Any
from uuid import UUID, uuid4

from alrun.errors import NoAccess, Refused
from alrun.platform.encord.bench import KEPT, US, Bench
from alrun.platform.encord.errors import asked
from alrun.platform.writes import AddTag, Assign, Move, Reopen, SetPriority
from alrun.types import Task

MARK = "alrun doctor"
"""The collection that holds the tasks of a probe while it lasts."""

LOOKS, SETTLE = 3, 1.0
"""How often to look for an entry in the audit log, and how many seconds to wait in between."""


@dataclass(frozen=True)
class Answer:
    """What was seen, and the answer that it gives; none if not `known`."""

    value: bool | int | str | None
    seen: str
    known: bool = True


Answers = Iterator[tuple[str, Answer]]


def unknown(why: str) -> Answer:
    """Return no answer, with the reason."""
    return Answer(None, why, known=False)


def new_tasks(bench: Bench) -> Answers:
    """Move a task without a label row, and create its label row twice."""
    # the last one: the first ones are needed as nobody has acted on them
    place = max((p for p, task in enumerate(bench.see_all()) if task.label_hash is None), default=None)
    if place is None:
        for name in ("move_needs_label_row", "move_creates_label_row", "create_again"):
            yield name, unknown("every task has a label row already: add images to the scratch project")
        return
    stale = bench.row(place)
    try:
        after = bench.move(place, bench.aside)
    except Refused as error:
        yield "move_needs_label_row", Answer(True, str(error))
        yield "move_creates_label_row", unknown("it cannot be moved without one")
    else:
        yield "move_needs_label_row", Answer(False, "it moved")
        created = after.label_hash is not None
        yield "move_creates_label_row", Answer(created, "it has a label row" if created else "it has no label row")
    bench.initialise()
    try:
        asked("creating a label row again", stale.initialise_labels)
    except Refused as error:
        yield "create_again", Answer("refused", str(error))
    else:
        yield "create_again", Answer("returned", "answered with a label row")


def complete(bench: Bench) -> Answers:
    """Complete a task, again, with a priority; and look into the audit log."""
    logged = _moves_logged(bench)
    bench.complete(0)
    yield "complete_again", _ok_or_refused(lambda: bench.complete(0))
    row = bench.row(0)
    try:
        asked("setting a priority", row.set_priority, 0.9)
    except Refused as error:
        yield "priority_of_complete", Answer("refused", str(error))
    else:
        yield "priority_of_complete", Answer("ignored", f"accepted; it has the priority {bench.see(0).priority}")
    bench.reopen(0)
    for look in range(LOOKS):
        new = _moves_logged(bench) - logged
        if new or look == LOOKS - 1:
            break
        sleep(SETTLE)
    yield "moves_in_audit_log", Answer(new > 0, f"{new} new entries of kind 'move'")


def reopened(bench: Bench) -> Answers:
    """Complete and reopen a task with a priority and an assignee; reopen it once more."""
    before = bench.see(1)
    priority = 0.9 if before.priority is None or before.priority < 0.6 else 0.1
    bench.platform.write(SetPriority((before.ref,), (priority,)))
    assigned = _assigned_to_us(bench, 1)
    before = bench.see(1)
    bench.complete(1)
    after = bench.reopen(1)
    kept = None not in (before.priority, after.priority) and isclose(before.priority or 0, after.priority or 0)
    yield "reopen_keeps_priority", Answer(kept, f"{before.priority} before, {after.priority} after")
    if not assigned:
        yield "reopen_keeps_assignee", unknown("nobody can be assigned: platform.user is not given")
        yield "reopen_again", unknown("nobody can be assigned: platform.user is not given")
        return
    seen = f"assigned to {after.assignee or 'nobody'} after"
    yield "reopen_keeps_assignee", Answer(after.assignee == bench.user, seen)
    _assigned_to_us(bench, 1)
    try:
        bench.platform.write(Reopen((bench.see(1).ref,)))
    except Refused as error:
        yield "reopen_again", Answer("refused", str(error))
        return
    assignee = bench.see(1).assignee
    kept_by = f"accepted; assigned to {assignee or 'nobody'} after"
    yield "reopen_again", Answer("ok" if assignee == bench.user else "unassigns", kept_by)


def stray_move(bench: Bench) -> Answers:
    """Move two tasks of which one has left the stage."""
    bench.move(2, bench.aside)
    both = (bench.see(2).ref, bench.see(3).ref)
    request = Move(both, bench.first.uuid, bench.aside.uuid)
    yield "stray_moves", _strays(lambda: bench.platform.write(request), lambda: bench.see(3).stage != bench.first.uuid)


def stray_action(bench: Bench) -> Answers:
    """Submit two tasks of which one has left the stage."""
    tasks = _stage_tasks(bench, 2, 3)
    asked("submitting a task", tasks[0].submit)

    def submit_both() -> None:
        with bench.sdk.create_bundle() as bundle:
            for task in tasks:
                task.submit(bundle=bundle)

    yield (
        "stray_actions",
        _strays(lambda: asked("submitting tasks", submit_both), lambda: bench.see(3).stage != bench.first.uuid),
    )


def stray_label(bench: Bench) -> Answers:
    """Complete two tasks of which one does not exist."""
    names = [str(bench.see(3).label_hash), str(uuid4())]
    client = bench.platform.connection.client
    yield (
        "stray_labels",
        _strays(
            lambda: asked("completing tasks", client.workflow_complete, names),
            lambda: bench.see(3).stage != bench.first.uuid,
        ),
    )


def from_done(bench: Bench) -> Answers:
    """Move a task out of the done stage."""
    bench.move(2, bench.done)
    yield "move_from_done", _ok_or_refused(lambda: bench.move(2, bench.first))


def rounding(bench: Bench) -> Answers:
    """Set a priority with many decimals."""
    given = 0.123456789
    bench.platform.write(SetPriority((bench.see(3).ref,), (given,)))
    seen = bench.see(3).priority
    if seen is None:
        yield "priority_decimals", unknown("the task shows no priority")
        return
    exact = isclose(seen, given, abs_tol=1e-9)
    decimals = None if exact else next((d for d in range(9) if isclose(seen, round(given, d), abs_tol=1e-9)), None)
    if exact or decimals is not None:
        yield "priority_decimals", Answer(decimals, f"{given} became {seen}")
    else:
        yield "priority_decimals", unknown(f"{given} became {seen}, which is not a rounding of it")


def collection(bench: Bench) -> Answers:
    """Add an image to a collection that has it."""
    try:
        bench.platform.write(AddTag((bench.found[0].ref,), MARK))
    except Refused as error:
        yield "collection_add_again", Answer("failed", str(error))
    else:
        yield "collection_add_again", Answer("ok", "no image failed")


def metadata(bench: Bench) -> Answers:
    """Write two keys of client metadata, one after the other."""
    items = (asked("reading an image's metadata", bench.row(p).get_storage_item) for p in range(len(bench.found)))
    item: Any = next((item for item in items if not item.client_metadata), None)
    if item is None:
        yield "metadata_patch", unknown("every image has client metadata, which a test could lose")
        return
    for patch in ({"alrun_doctor_1": 1}, {"alrun_doctor_2": 2}):
        asked("writing client metadata", item.update, client_metadata=patch)
    item.refetch_data()
    seen = dict(item.client_metadata)
    asked("removing client metadata", item.update, client_metadata={})
    if "alrun_doctor_1" in seen:
        yield "metadata_patch", Answer("merge", f"{seen} after two writes; both stay on the image {item.name!r}")
    else:
        yield "metadata_patch", Answer("replace", f"{seen} after two writes")


def titles(bench: Bench) -> Answers:
    """Look for a title in the other case."""
    task = next((task for task in bench.found if task.title.swapcase() != task.title), None)
    if task is None:
        yield "title_patterns_ignore_case", unknown("no title has letters")
        return

    def found(pattern: str) -> bool:
        rows = asked("listing by title", bench.sdk.list_label_rows_v2, data_title_like=pattern)
        return task.data_hash in {str(row.data_hash) for row in rows}

    if not found(task.title):
        yield "title_patterns_ignore_case", unknown("the title as it is does not match either")
        return
    ignores = found(task.title.swapcase())
    seen = "the title matches also" if ignores else "the title does not match"
    yield "title_patterns_ignore_case", Answer(ignores, f"{seen} in the other case")


def paging(bench: Bench) -> Answers:
    """List a stage page by page, and once more while a task of the first page leaves it."""
    trace, sizes, requests = bench.platform.connection.trace, [0], None
    listed = []
    for task in _lazily(bench):
        if requests not in {None, trace.requests}:
            sizes.append(0)
        requests = trace.requests
        sizes[-1] += 1
        listed.append(task)
    ours = {task.task_id: task for task in bench.found}
    same = {str(task.uuid) for task in listed} >= ours.keys()
    yield "task_uuids_agree", Answer(same, f"{len(ours)} tasks compared")
    if len(sizes) == 1:
        why = f"all {len(listed)} tasks of the stage came in one page"
        yield "page_size", unknown(why)
        yield "pages_by", unknown(why)
        return
    yield "page_size", Answer(sizes[0], f"pages of {', '.join(map(str, sizes))} tasks")
    place = next((p for p, task in enumerate(listed[: sizes[0]]) if str(task.uuid) in ours), None)
    if place is None:
        yield "pages_by", unknown("no task of this probe is on the first page")
        return
    paging = _lazily(bench)
    first = [next(paging) for _ in range(sizes[0])]
    bench.platform.write(Move((ours[str(first[place].uuid)].ref,), bench.first.uuid, bench.aside.uuid))
    missed = len(listed) - len(first) - sum(1 for _ in paging)
    seen = f"{missed} tasks were missed after one of the first page had left"
    yield "pages_by", Answer("offset" if missed else "key", seen)


def evidence(bench: Bench) -> Answers:
    """Sum up what every move so far has shown."""
    edits, traces = bench.edits, bench.traces
    seen = "; ".join(f"{kind} {'changed' if value else 'left'} it" for kind, value in edits.items())
    yield "moves_touch_labels", Answer(any(edits.values()), seen)
    seen = "; ".join(f"{kind} {value}" for kind, value in traces.items())
    if not traces:
        yield "moves_record_actor", unknown("we were that of every task already: add images to the scratch project")
    elif len(set(traces.values())) == 1 and set(traces.values()) <= {US, KEPT}:
        yield "moves_record_actor", Answer(US in traces.values(), seen)
    else:
        yield "moves_record_actor", unknown(f"it depends: {seen}. Leave platform.records_moves=null")


def _strays(send: Callable[[], None], other_moved: Callable[[], bool]) -> Answer:
    """Send a request of which one part cannot be carried out; say what became of the other."""
    try:
        send()
    except (Refused, NoAccess) as error:
        moved = other_moved()
        return Answer("part" if moved else "refuse", f"{error}; the other task {'moved' if moved else 'did not move'}")
    if other_moved():
        return Answer("skip", "accepted; the other task moved")
    return unknown("accepted, but the other task did not move")


def _ok_or_refused(send: Callable[[], object]) -> Answer:
    try:
        send()
    except Refused as error:
        return Answer("refused", str(error))
    return Answer("ok", "accepted")


def _assigned_to_us(bench: Bench, place: int) -> bool:
    if "@" not in bench.user:
        return False
    bench.platform.act(Assign((bench.see(place).ref,), bench.user))
    return True


def _lazily(bench: Bench) -> Iterator[Any]:
    stage: Any = bench.sdk.workflow.get_stage(uuid=UUID(bench.first.uuid))
    return iter(stage.get_tasks())


def _stage_tasks(bench: Bench, *places: int) -> list[Any]:
    wanted: list[Task] = [bench.found[place] for place in places]
    listed = asked("listing the tasks of a stage", lambda: {str(task.uuid): task for task in _lazily(bench)})
    return [listed[task.task_id] for task in wanted]


def _moves_logged(bench: Bench) -> int:
    now = datetime.now(UTC)
    actions = asked(
        "reading the audit log",
        lambda: list(
            bench.sdk.get_task_actions(
                after=now - timedelta(days=1), before=now + timedelta(hours=1), data_unit_uuid=bench.found[0].data_hash
            )
        ),
    )
    return sum(action.action_type.value == "move" for action in actions)
