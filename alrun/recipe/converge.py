"""Carries out one step: asks what is true, sends the remainder, believes no error.

Each chunk of writes goes through one loop: list its tasks, leave out those that somebody changed, announce the
rest in the journal, send, and record the answer. After an error the loop begins again with the listing, so that
neither a lost request nor a lost answer is taken for the other. Tags are the exception: giving or taking one twice is
the same as once, so their tasks are listed only after a refusal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from uuid import uuid4

from alrun.errors import RateLimited, Refused, StateError, TooLarge, Unavailable
from alrun.parts import in_parts
from alrun.platform.port import Platform
from alrun.platform.retry import Patience, patiently
from alrun.platform.writes import DEFAULT_PRIORITY, SetPriority
from alrun.progress import track
from alrun.recipe.journal import Evidence, Journal
from alrun.recipe.plan import Plan
from alrun.recipe.steps import (
    CreateLabelRows,
    Displacing,
    GiveBackPriority,
    Prioritise,
    Returning,
    Tagging,
    Tried,
    Undoing,
    request,
    request_kind,
)
from alrun.recipe.verdict import Case, TaskStep, Verdict, judge, kept
from alrun.types import Task

Rows = Sequence[int]

REFUSED = "the platform refuses: "
"""How the reason begins why a task was left alone that nobody had touched."""

_UNRECORDED = "it looks as if this run had written to it, but the journal does not know of that"


@dataclass(frozen=True)
class Converger:
    """What the steps of one plan have in common while they are carried out.

    Attributes
    ----------
    stuck
        Takes down, with the reason, the rows that could not be brought back: the platform refuses, or the journal
        does not account for them.
    """

    plan: Plan
    platform: Platform
    journal: Journal
    patience: Patience
    records_moves: bool | None
    stuck: dict[int, str]

    def write(self, position: int, step: TaskStep, rows: Rows) -> None:
        """Carry out the step for these rows, in chunks that the platform takes.

        Raises
        ------
        StateError
            If the journal does not know of a task that this run seems to have moved.
        PlatformError
            If the platform does not answer for longer than the patience lasts.
        """
        work = _Work(self, position, step)
        size = min(self.platform.limits.of(request_kind(step)), self.platform.limits.listing)
        for chunk in track(in_parts(rows, size), f"{step.number} {step.text}"):
            work.converge(chunk)

    def unrecognised(self, position: int, step: Tried, rows: Rows) -> dict[int, str]:
        """List rows that were just written; return those of which this run would not know that it wrote them, and why.

        Those are the rows that the step which brings them back would leave alone, or that have another priority than
        was set. Writes nothing, not even to the journal.
        """
        hashes = [self.plan.tasks[row].data_hash for row in rows]
        listed = {task.task_id: task for task in patiently(self.patience, self.platform.tasks, hashes)}
        tasks = {row: listed.get(self.plan.tasks[row].task_id) for row in rows}
        if isinstance(step, Prioritise):
            return _Work(self, position, step).misplaced(tasks)
        found: dict[int, str] = {}
        for returning, back in enumerate(self.plan.steps):
            if isinstance(back, Returning):
                mine = set(rows).intersection(back.tasks)
                found |= _Work(self, returning, back).objections({row: tasks[row] for row in mine})
        return found

    def put_back(self, rows: Rows) -> None:
        """Give rows the priority that they had before, whatever they have now; the journal need not know."""
        refs = tuple(self.plan.tasks[row].ref(None) for row in rows)
        earlier = tuple(_earlier(self.plan, row) for row in rows)
        patiently(self.patience, self.platform.write, SetPriority(refs, earlier))


class _Work:
    """One step under way, with what the steps before it mean for its rows."""

    def __init__(self, of: Converger, position: int, step: TaskStep) -> None:
        self._of, self._position, self._step = of, position, step
        self._progress = progress = of.journal.progress
        self._displaced = progress.among(progress.intended, of.plan, Displacing)
        self._initialised = progress.among(progress.intended, of.plan, CreateLabelRows)
        self._wanted, self._ours = _priorities(of.plan, step)

    def converge(self, rows: Rows) -> None:
        """Bring the rows to where the step wants them, or find out why not."""
        patience = self._of.patience.fresh()
        look = not isinstance(self._step, Tagging)
        rejected: tuple[Set[int], Refused | TooLarge] | None = None
        while True:
            ready = self._classify(rows) if look else dict.fromkeys(rows)
            if not ready:
                return
            if rejected is not None and rejected[0] == ready.keys():
                self._after_rejection(tuple(ready), rejected[1])
                return
            try:
                self._send(ready)
            except (Refused, TooLarge) as error:
                rejected, look = (ready.keys(), error), True
            except (Unavailable, RateLimited) as error:
                patience.pause(error)
            else:
                return

    def _send(self, ready: Mapping[int, Task | None]) -> None:
        plan, journal = self._of.plan, self._of.journal
        moves = not isinstance(self._step, Prioritise | GiveBackPriority)  # those look at no label: what was seen stays
        seen: dict[int, Evidence] = {
            row: (task.label_hash, task.last_edited_at) for row, task in ready.items() if moves and task is not None
        }
        refs = tuple(plan.tasks[row].ref(None if task is None else task.label_hash) for row, task in ready.items())
        priorities = tuple(self._wanted[row] for row in ready) if self._wanted else ()
        name = uuid4().hex
        journal.intend(self._position, ready, seen, name)
        self._of.platform.write(request(self._step, refs, priorities, plan.done_stage))
        journal.done(self._position, ready, name)

    def _after_rejection(self, rows: Rows, rejection: Refused | TooLarge) -> None:
        """Send a chunk that was rejected whole in halves, down to single tasks; note what is refused even alone."""
        if len(rows) > 1:
            half = (len(rows) + 1) // 2
            limit = rejection.limit if isinstance(rejection, TooLarge) else None
            for part in in_parts(rows, max(1, min(half, limit or half))):
                self.converge(part)
            return
        reason = f"{REFUSED}{rejection}"
        if isinstance(self._step, Undoing):
            self._of.stuck[rows[0]] = reason
        else:
            self._of.journal.skip(self._position, {rows[0]: reason})

    def _classify(self, rows: Rows) -> dict[int, Task | None]:
        """List the rows; record which are written already and which are not ours; return the others."""
        plan, journal, position = self._of.plan, self._of.journal, self._position
        listed = self._listed([plan.tasks[row].data_hash for row in rows])
        tasks = {task.task_id: task for task in listed}
        per_image = Counter(task.data_hash for task in listed)
        over = self._progress.done.get(position, set()) | self._progress.skipped.get(position, {}).keys()
        done: list[int] = []
        foreign: dict[int, str] = {}
        ready: dict[int, Task | None] = {}
        for row in rows:
            if row in over:
                continue
            before = plan.tasks[row]
            now = tasks.get(before.task_id)
            verdict = judge(self._step, self._case(row, now, per_image[before.data_hash] - 1))
            if verdict is Verdict.READY:
                ready[row] = now
            elif verdict is Verdict.DONE:
                done.append(row)
            elif verdict is Verdict.UNRECORDED:
                self._unrecorded(row)
            elif isinstance(verdict, str):
                foreign[row] = verdict
        if done:
            journal.done(position, done, "listed")
        if foreign:
            journal.skip(position, foreign)
        return ready

    def objections(self, tasks: Mapping[int, Task | None]) -> dict[int, str]:
        """Return why the step would leave rows alone that are as just listed."""
        verdicts = {row: judge(self._step, self._case(row, now, rivals=0)) for row, now in tasks.items()}
        return {row: verdict for row, verdict in verdicts.items() if not isinstance(verdict, Verdict)}

    def misplaced(self, tasks: Mapping[int, Task | None]) -> dict[int, str]:
        """Return which rows, as just listed, are in the queue with another priority than the step set."""
        queued = {row: now for row, now in tasks.items() if now is not None and now.priority is not None}
        return {
            row: f"{self._wanted[row]:.6g} was set, and it has {now.priority:.6g}"
            for row, now in queued.items()
            if not kept(now, self._wanted[row])
        }

    def _listed(self, data_hashes: Sequence[str]) -> list[Task]:
        try:
            return patiently(self._of.patience, self._of.platform.tasks, data_hashes)
        except TooLarge:
            if len(data_hashes) == 1:
                raise
            half = len(data_hashes) // 2
            return self._listed(data_hashes[:half]) + self._listed(data_hashes[half:])

    def _case(self, row: int, now: Task | None, rivals: int) -> Case:
        progress = self._progress
        intended = row in progress.intended.get(self._position, ())
        return Case(
            plan=self._of.plan,
            before=self._of.plan.tasks[row],
            now=now,
            rivals=rivals,
            intended=intended,
            displaced=row in self._displaced or (intended and isinstance(self._step, Displacing)),
            initialised=row in self._initialised,
            seen=progress.evidence.get(row),
            records_moves=self._of.records_moves,
            wanted=self._wanted.get(row),
            ours=self._ours.get(row),
        )

    def _unrecorded(self, row: int) -> None:
        if isinstance(self._step, Undoing):
            self._of.stuck[row] = _UNRECORDED
            return
        plan = self._of.plan
        raise StateError(
            f"task {plan.tasks[row].task_id} has changed: {_UNRECORDED}. The journal has lost lines, or {plan.user} "
            f"works on this project elsewhere too. Nothing more was done. `action=restore run_id={plan.run_id}` "
            "brings parked tasks back without the journal"
        )


def _priorities(plan: Plan, step: TaskStep) -> tuple[Mapping[int, float], Mapping[int, float]]:
    """Return, by row, the priority to set and the one that must be there before; empty in steps that set none."""
    if isinstance(step, Prioritise):
        return dict(zip(step.tasks, step.priorities, strict=True)), {}
    if isinstance(step, GiveBackPriority):
        wanted = {row: _earlier(plan, row) for row in step.tasks}
        return wanted, dict(zip(step.tasks, step.ours, strict=True))
    return {}, {}


def _earlier(plan: Plan, row: int) -> float:
    priority = plan.tasks[row].priority
    return DEFAULT_PRIORITY if priority is None else priority
