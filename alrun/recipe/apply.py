"""Carries out a plan. Applying and resuming are the same function: ask what is true, send the remainder.

Each chunk of writes goes through one loop: list its tasks, leave out those that somebody changed, announce the
rest in the journal, send, and record the answer. After an error the loop begins again with the listing, so that
neither a lost request nor a lost answer is taken for the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from types import UnionType
from uuid import uuid4

from alrun.errors import PlatformError, RateLimited, Refused, StateError, TooLarge, Unavailable
from alrun.faults import reach
from alrun.platform.port import Platform
from alrun.platform.retry import Patience, patiently
from alrun.progress import track
from alrun.recipe.journal import Journal
from alrun.recipe.plan import Plan
from alrun.recipe.steps import (
    AwaitLabels,
    Choose,
    CreateLabelRows,
    GiveBackPriority,
    Parking,
    Prioritise,
    RemoveTagForGood,
    Tagging,
    Undoing,
    Unpark,
    UnparkByMove,
    Write,
    request,
    request_kind,
)
from alrun.recipe.verdict import Case, Moving, Verdict, judge
from alrun.types import Task

Rows = Sequence[int]
Targets = Mapping[int, tuple[float | None, float | None]]


@dataclass
class StepOutcome:
    """What became of one step: how many tasks it names, were written, and were left alone; what it cost."""

    position: int
    number: str
    text: str
    tasks: int
    written: int = 0
    left_alone: int = 0
    requests: int = 0
    seconds: float = 0.0


@dataclass
class Applier:
    """Applies one plan to one platform, by one journal.

    Raises
    ------
    StateError
        If the plan is of another project.
    """

    plan: Plan
    platform: Platform
    journal: Journal
    patience: Patience = field(default_factory=Patience)
    say: Callable[[StepOutcome], None] = lambda _: None
    outcomes: dict[int, StepOutcome] = field(default_factory=dict, init=False)
    _refused: dict[int, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        project = patiently(self.patience, self.platform.project)
        if project.project_id != self.plan.project_id:
            raise StateError(
                f"the plan is of the project {self.plan.project_title!r} ({self.plan.project_id}), but the platform "
                f"shows {project.title!r} ({project.project_id}): nothing was done. Point `platform` at the right one"
            )
        self._records_moves = project.records_moves

    def prepare(self) -> None:
        """Carry out the steps up to the one that waits for labels."""
        if self.journal.progress.restoring:
            raise StateError(
                "restoring has begun, so the queue can not be prepared any more: finish it with `action=restore`"
            )
        for position in range(self.plan.await_position):
            self._step(position)

    def restore(self) -> None:
        """Bring back what this run parked, wherever it was stopped, and end the recipe.

        Raises
        ------
        PlatformError
            If the platform refuses to take some tasks back; all others are back by then.
        """
        if not self.journal.progress.restoring:
            self.journal.restoring()
        for position, step in enumerate(self.plan.steps):
            if isinstance(step, Undoing):
                self._step(position)
        if not self.journal.progress.closed:
            self.journal.close()

    def parked(self) -> set[int]:
        """Return the rows that this run parked and has not brought back, as far as the journal knows."""
        progress = self.journal.progress
        back = self._among(progress.done, Unpark | UnparkByMove)
        return self._among(progress.intended, Parking) - back - self._skipped()

    def _step(self, position: int) -> None:
        step = self.plan.steps[position]
        outcome = StepOutcome(position, step.number, step.text, len(step.tasks))
        self.outcomes[position] = outcome
        began, requests = monotonic(), self.platform.requests
        if not isinstance(step, Choose | AwaitLabels) and position not in self.journal.progress.finished:
            self._carry_out(position, step)
        outcome.requests, outcome.seconds = self.platform.requests - requests, monotonic() - began
        outcome.written = len(self._done(position))
        outcome.left_alone = len(self.journal.progress.skipped.get(position, {}))
        self.say(outcome)

    def _carry_out(self, position: int, step: Write) -> None:
        self._refused.clear()
        targets = _targets(self.plan, step)
        done = self._done(position)
        rows = [row for row in self._rows(step) if row not in done]
        size = min(self.platform.limits.of(request_kind(step)), self.platform.limits.listing)
        chunks = list(_chunks(rows, size)) or ([[]] if isinstance(step, RemoveTagForGood) else [])
        for chunk in track(chunks, f"{step.number} {step.text}"):
            if isinstance(step, Tagging):
                self._send_tags(position, step, chunk)
            else:
                self._converge(position, step, chunk, targets)
        if self._refused:
            row, reason = next(iter(self._refused.items()))
            raise PlatformError(
                f"the platform refuses to take back {len(self._refused)} tasks, such as "
                f"{self.plan.tasks[row].task_id} ({reason}). They are where this run left them, and the journal knows "
                "them: mend what the message says, then resume"
            )
        reach("apply.before_finish")
        self.journal.finish(position)

    def _rows(self, step: Write) -> list[int]:
        """Return the rows that a step is still about, given what happened in the steps before it."""
        if isinstance(step, Tagging):
            return list(step.tasks)
        progress = self.journal.progress
        rows = set(step.tasks) - self._skipped()
        if isinstance(step, Unpark | UnparkByMove):
            rows &= self._among(progress.intended, Parking)
        if isinstance(step, GiveBackPriority):
            rows &= self._among(progress.intended, Unpark | UnparkByMove | Prioritise)
        return [row for row in step.tasks if row in rows]

    def _among(self, record: Mapping[int, set[int]], kinds: UnionType | type) -> set[int]:
        """Return the rows that `record` holds for steps of these kinds."""
        return {row for p, rows in record.items() if isinstance(self.plan.steps[p], kinds) for row in rows}

    def _done(self, position: int) -> set[int]:
        return self.journal.progress.done.get(position, set())

    def _skipped(self) -> set[int]:
        return {row for rows in self.journal.progress.skipped.values() for row in rows}

    def _send_tags(self, position: int, step: Tagging, rows: Rows) -> None:
        """Send a write that is the same the second time: no need to ask whether the first arrived."""
        refs = tuple(self.plan.tasks[row].ref(None) for row in rows)
        patience = self.patience.fresh()
        while True:
            name = uuid4().hex
            self.journal.intend(position, rows, {}, name)
            try:
                self.platform.write(request(step, refs, (), self.plan.done_stage))
            except (Unavailable, RateLimited) as error:
                patience.pause(error)
            else:
                self.journal.done(position, rows, name)
                return

    def _converge(self, position: int, step: Moving, rows: Rows, targets: Targets) -> None:
        """Bring the rows to where the step wants them, or find out why not."""
        patience = self.patience.fresh()
        refused: tuple[frozenset[int], PlatformError] | None = None
        while True:
            ready = self._classify(position, step, rows, targets)
            if not ready:
                return
            if refused is not None and refused[0] == frozenset(ready):
                self._after_refusal(position, step, tuple(ready), targets, refused[1])
                return
            name = uuid4().hex
            self.journal.intend(position, ready, {r: (t.label_hash, t.last_edited_at) for r, t in ready.items()}, name)
            refs = tuple(self.plan.tasks[row].ref(task.label_hash) for row, task in ready.items())
            wanted = tuple(targets[row][0] or 0.0 for row in ready) if targets else ()
            try:
                self.platform.write(request(step, refs, wanted, self.plan.done_stage))
            except (Refused, TooLarge) as error:
                refused = (frozenset(ready), error)
            except (Unavailable, RateLimited) as error:
                patience.pause(error)
            else:
                self.journal.done(position, ready, name)
                return

    def _after_refusal(self, position: int, step: Moving, rows: Rows, targets: Targets, refusal: PlatformError) -> None:
        """Send a chunk that was rejected whole in smaller parts; note what is refused even alone."""
        if len(rows) > 1:
            size = 1
            if isinstance(refusal, TooLarge):
                size = max(1, min(refusal.limit or len(rows), len(rows) // 2))
            for part in _chunks(rows, size):
                self._converge(position, step, part, targets)
        elif isinstance(step, Undoing):
            self._refused[rows[0]] = str(refusal)
        else:
            self.journal.skip(position, {rows[0]: f"the platform refuses: {refusal}"})

    def _classify(self, position: int, step: Moving, rows: Rows, targets: Targets) -> dict[int, Task]:
        """List the rows; record which are written already and which are not ours; return the others."""
        hashes = [self.plan.tasks[row].data_hash for row in rows]
        listed = patiently(self.patience, lambda: self.platform.tasks(hashes))
        tasks = {task.task_id: task for task in listed}
        finished = self._done(position) | self._skipped()
        initialised = self._among(self.journal.progress.intended, CreateLabelRows)
        done: list[int] = []
        foreign: dict[int, str] = {}
        ready: dict[int, Task] = {}
        for row in rows:
            if row in finished:
                continue
            now = tasks.get(self.plan.tasks[row].task_id)
            verdict = judge(step, self._case(position, row, now, row in initialised, targets))
            if verdict is Verdict.DONE:
                done.append(row)
            elif verdict is Verdict.READY and now is not None:
                ready[row] = now
            else:
                foreign[row] = str(verdict)
        if done:
            self.journal.done(position, done, "listed")
        if foreign:
            self.journal.skip(position, foreign)
        return ready

    def _case(self, position: int, row: int, now: Task | None, initialised: bool, targets: Targets) -> Case:
        progress = self.journal.progress
        wanted, expected = targets.get(row, (None, None))
        return Case(
            plan=self.plan,
            before=self.plan.tasks[row],
            now=now,
            intended=row in progress.intended.get(position, ()),
            initialised=initialised,
            seen=progress.evidence.get(row),
            records_moves=self._records_moves,
            wanted=wanted,
            expected=expected,
        )


def _targets(plan: Plan, step: Write) -> Targets:
    """Return, for steps that set priorities, each row's new priority and the one it must have before (None: any)."""
    if isinstance(step, Prioritise):
        return {row: (wanted, None) for row, wanted in zip(step.tasks, step.priorities, strict=True)}
    if isinstance(step, GiveBackPriority):
        return {row: (plan.tasks[row].priority, ours) for row, ours in zip(step.tasks, step.ours, strict=True)}
    return {}


def _chunks(rows: Sequence[int], size: int) -> Iterator[Rows]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
