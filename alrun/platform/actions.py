"""What a recipe's writes do to the rows of a local project, and the moves that people's actions share.

Everything here runs inside a transaction of :class:`alrun.platform.local_platform.LocalPlatform`; a `Refused` that
leaves it undoes the whole request.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from alrun.errors import Refused
from alrun.platform.port import Project
from alrun.platform.writes import (
    DEFAULT_PRIORITY,
    AddTag,
    Complete,
    DropTag,
    InitialiseLabels,
    Move,
    RecipeWrite,
    RemoveTag,
    Reopen,
    SetMetadata,
    SetPriority,
)
from alrun.types import Label, StageType, TaskRef, TaskStatus

AMONG = "data_hash IN (SELECT value FROM json_each(?))"


class Row(NamedTuple):
    """What an action needs to know of a task.

    `stage` is the position of its stage. The label row exists if `last_edited_at` is not None.
    """

    data_hash: str
    task_id: str
    label_hash: str
    stage: int
    last_edited_at: str | None


@dataclass(frozen=True, slots=True)
class Tasks:
    """The tasks of a local project within one transaction."""

    db: sqlite3.Connection
    project: Project

    def find(self, refs: Sequence[TaskRef]) -> list[Row]:
        """Return the tasks' rows in the order of `refs`; refuse an unknown one, or one named twice."""
        names = keys(ref.data_hash for ref in refs)
        columns = ", ".join(Row._fields)
        found = self.db.execute(f"SELECT {columns} FROM tasks WHERE {AMONG}", (names,))  # noqa: S608
        rows = {row.data_hash: row for row in map(Row._make, found)}
        for ref in refs:
            row = rows.get(ref.data_hash)
            if row is None or row.task_id != ref.task_id:
                raise Refused(f"the project has no task {ref.task_id} of the data {ref.data_hash}")
            label_hash = None if row.last_edited_at is None else row.label_hash
            if ref.label_hash not in (None, label_hash):
                raise Refused(f"the task {ref.task_id} has no label row {ref.label_hash}")
        if len({ref.data_hash for ref in refs}) != len(refs):
            raise Refused("a task is named twice in one request: name each once")
        return [rows[ref.data_hash] for ref in refs]

    def type_of(self, row: Row) -> StageType:
        """Return the type of the stage that the task is in."""
        return self.project.stages[row.stage].type

    def enter(self, rows: Iterable[Row], stage: int, status: TaskStatus, actor: str) -> None:
        """Put the tasks into a stage, unassigned. The done stage forgets the priority, for good."""
        done = self.project.stages[stage].type is StageType.DONE
        priority = "NULL" if done else f"COALESCE(priority, {DEFAULT_PRIORITY})"
        self.db.execute(
            f"UPDATE tasks SET stage = ?, status = ?, last_actioned_by = ?, assignee = NULL, priority = {priority}"  # noqa: S608
            f" WHERE {AMONG}",
            (stage, status, actor, keys(row.data_hash for row in rows)),
        )

    def advance(self, rows: Sequence[Row], actor: str) -> None:
        """Hand tasks on from wherever they are to the stage that follows."""
        for stage in sorted({row.stage for row in rows}):
            here = [row for row in rows if row.stage == stage]
            self.enter(here, stage + 1, self.status_in(stage + 1), actor)

    def status_in(self, stage: int) -> TaskStatus:
        """Return the status of a task that comes new into a stage."""
        done = self.project.stages[stage].type is StageType.DONE
        return TaskStatus.COMPLETED if done else TaskStatus.NEW

    def initialise(self, rows: Iterable[Row]) -> None:
        """Create the label rows that are missing, empty."""
        self.db.execute(
            f"UPDATE tasks SET last_edited_at = ? WHERE last_edited_at IS NULL AND {AMONG}",  # noqa: S608
            (_after(None), keys(row.data_hash for row in rows)),
        )

    def save(self, rows: Sequence[Row], labels: Sequence[Label], actor: str) -> None:
        """Keep a label for each task, in place of its last one."""
        changes = ((_after(row.last_edited_at), actor, row.data_hash) for row in rows)
        change = "UPDATE tasks SET last_edited_at = ?, last_actioned_by = ? WHERE data_hash = ?"
        self.db.executemany(change, changes)
        saved = ((row.data_hash, json.dumps(label.to_json())) for row, label in zip(rows, labels, strict=True))
        self.db.executemany("INSERT OR REPLACE INTO labels VALUES (?, ?)", saved)


def write(tasks: Tasks, request: RecipeWrite) -> None:
    """Carry out one write of a recipe."""
    rows = tasks.find(request.tasks)
    match request:
        case InitialiseLabels():
            tasks.initialise(rows)
        case Complete():
            _complete(tasks, request, rows)
        case Reopen():
            _reopen(tasks, request, rows)
        case Move():
            _move(tasks, request, rows)
        case SetPriority():
            _set_priority(tasks, request, rows)
        case AddTag():
            tasks.db.execute("INSERT OR IGNORE INTO tags VALUES (?)", (request.name,))
            pairs = ((request.name, row.data_hash) for row in rows)
            tasks.db.executemany("INSERT OR IGNORE INTO tagged VALUES (?, ?)", pairs)
        case RemoveTag():
            names = keys(row.data_hash for row in rows)
            tasks.db.execute(f"DELETE FROM tagged WHERE name = ? AND {AMONG}", (request.name, names))  # noqa: S608
        case DropTag():
            tasks.db.execute("DELETE FROM tags WHERE name = ?", (request.name,))
            tasks.db.execute("DELETE FROM tagged WHERE name = ?", (request.name,))


def set_metadata(tasks: Tasks, request: SetMetadata) -> None:
    """Keep client metadata for each task's image, if it still has those that the sender read."""
    rows = tasks.find(request.tasks)
    if not len(rows) == len(request.before) == len(request.after):
        raise Refused(f"{len(request.before)} and {len(request.after)} metadata were given for {len(rows)} tasks")
    names = keys(row.data_hash for row in rows)
    now = dict(tasks.db.execute(f"SELECT data_hash, metadata FROM tasks WHERE {AMONG}", (names,)))  # noqa: S608
    for row, before in zip(rows, request.before, strict=True):
        if json.loads(now[row.data_hash] or "{}") != before:
            raise Refused(f"somebody changed the client metadata of the image of task {row.task_id} meanwhile")
    changes = ((json.dumps(dict(after)), row.data_hash) for row, after in zip(rows, request.after, strict=True))
    tasks.db.executemany("UPDATE tasks SET metadata = ? WHERE data_hash = ?", changes)


def keys(names: Iterable[str]) -> str:
    """Return hashes as the one parameter of :data:`AMONG` and its like, however many there are."""
    return json.dumps(list(names))


def _complete(tasks: Tasks, request: Complete, rows: list[Row]) -> None:
    for ref in request.tasks:
        if ref.label_hash is None:
            raise Refused(f"the task {ref.task_id} cannot be completed: it was listed without a label row")
    done = len(tasks.project.stages) - 1
    tasks.enter((row for row in rows if row.stage != done), done, TaskStatus.COMPLETED, tasks.project.user)


def _reopen(tasks: Tasks, request: Reopen, rows: list[Row]) -> None:
    named = zip(request.tasks, rows, strict=True)
    elsewhere = (row for ref, row in named if ref.label_hash is not None and row.stage != 0)
    tasks.enter(elsewhere, 0, TaskStatus.REOPENED, tasks.project.user)


def _move(tasks: Tasks, request: Move, rows: list[Row]) -> None:
    positions = {stage.uuid: position for position, stage in enumerate(tasks.project.stages)}
    for uuid in (request.origin, request.destination):
        if uuid not in positions:
            raise Refused(f"the project has no stage {uuid}")
    origin, destination = positions[request.origin], positions[request.destination]
    if origin == destination:
        raise Refused("the origin and the destination of a move are the same stage")
    for row in rows:
        if row.stage != origin:
            raise Refused(f"the task {row.task_id} is not in the stage {tasks.project.stages[origin].title!r}")
    status = tasks.status_in(destination)
    back = tasks.project.stages[origin].type is not StageType.ANNOTATION
    if back and tasks.project.stages[destination].type is StageType.ANNOTATION:
        status = TaskStatus.REOPENED
    tasks.enter(rows, destination, status, tasks.project.user)


def _set_priority(tasks: Tasks, request: SetPriority, rows: list[Row]) -> None:
    if len(request.priorities) != len(rows):
        raise Refused(f"{len(request.priorities)} priorities were given for {len(rows)} tasks")
    for row, priority in zip(rows, request.priorities, strict=True):
        if not 0 <= priority <= 1:
            raise Refused(f"the priority {priority} of the task {row.task_id} is not in 0..1")
        if tasks.type_of(row) is StageType.DONE:
            raise Refused(f"the task {row.task_id} is complete: a complete task has no priority")
    changes = ((float(p), row.data_hash) for p, row in zip(request.priorities, rows, strict=True))
    tasks.db.executemany("UPDATE tasks SET priority = ? WHERE data_hash = ?", changes)


def _after(last: str | None) -> str:
    """Return the time, as the platform writes it: later than `last`, whatever the clock says."""
    now = datetime.now(UTC)
    if last is not None:
        now = max(now, datetime.fromisoformat(last) + timedelta(microseconds=1))
    return now.isoformat(timespec="microseconds")
