"""Carries out a plan. Applying and resuming are the same function: what the journal knows as done is passed over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from time import monotonic
from uuid import uuid4

from alrun.errors import PlatformError, StateError
from alrun.faults import reach
from alrun.platform.port import Platform
from alrun.platform.retry import Patience, patiently
from alrun.recipe.converge import REFUSED, Converger
from alrun.recipe.journal import Journal
from alrun.recipe.plan import Plan
from alrun.recipe.steps import (
    AwaitLabels,
    Choose,
    Displacing,
    GiveBackPriority,
    Prioritise,
    RemoveTagForGood,
    Returning,
    Tag,
    Tagging,
    Tried,
    Undoing,
    Untag,
    request,
)
from alrun.recipe.trial import Trial, what_now
from alrun.recipe.verdict import TaskStep, doubtful


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
        If the plan is of another project, or was made by another user of it.
    """

    plan: Plan
    platform: Platform
    journal: Journal
    patience: Patience = field(default_factory=Patience)
    say: Callable[[StepOutcome], None] = lambda _: None
    outcomes: dict[int, StepOutcome] = field(default_factory=dict, init=False)
    _stuck: dict[int, str] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        project = patiently(self.patience, self.platform.project)
        if project.project_id != self.plan.project_id:
            raise StateError(
                f"the plan is of the project {self.plan.project_title!r} ({self.plan.project_id}), but the platform "
                f"shows {project.title!r} ({project.project_id}): nothing was done. Point `platform` at the right one"
            )
        if project.user != self.plan.user:
            raise StateError(
                f"the plan was made by {self.plan.user}, but the platform knows this process as {project.user}: tasks "
                "that both moved could not be told from tasks that somebody else moved. Nothing was done. Use the same "
                f"user, or bring the tasks back with `action=restore run_id={self.plan.run_id}`"
            )
        self._converger = Converger(
            self.plan, self.platform, self.journal, self.patience, project.records_moves, self._stuck
        )

    def prepare(self, alone: Callable[[], None] = lambda: None) -> None:
        """Carry out the steps up to the one that waits for labels.

        Parameters
        ----------
        alone
            Called once the tags that come first are on the platform, where others see them, and nothing else was
            begun; what it raises ends the preparation.

        Raises
        ------
        StateError
            If restoring has begun, or the journal has lost lines.
        PlatformError
            If the platform does not answer for too long, or refuses to bring the selection back (`documented`).
        """
        if self.journal.progress.restoring:
            raise StateError(
                "restoring has begun, so the queue can not be prepared any more: finish it with `action=restore`"
            )
        tags = list(takewhile(lambda p: isinstance(self.plan.steps[p], Choose | Tag), range(self.plan.await_position)))
        self._carry_out(tags)
        if self.journal.progress.intended.keys() <= set(tags):
            alone()
        self._carry_out(range(self.plan.await_position))

    def restore(self) -> None:
        """Bring back what this run parked, wherever it was stopped, and end the recipe.

        Raises
        ------
        PlatformError
            If the platform does not answer for too long, or some tasks could not be brought back; all others are
            back by then, and the mirror of what was parked is kept.
        """
        if not self.journal.progress.restoring:
            self.journal.restoring()
        self._carry_out([p for p, step in enumerate(self.plan.steps) if isinstance(step, Undoing)])
        if not self.journal.progress.closed:
            self.journal.close()

    def parked(self) -> set[int]:
        """Return the rows that this run took out of their stages and has not brought back, as the journal says."""
        progress = self.journal.progress
        back = progress.among(progress.done, self.plan, Returning)
        return progress.among(progress.intended, self.plan, Displacing) - back - progress.left_alone

    def mirror_is_gone(self) -> bool:
        """Say whether the platform has lost every tag that mirrors what this run moves or orders, before its end."""
        progress = self.journal.progress
        given = {step.name for p, step in enumerate(self.plan.steps) if isinstance(step, Tag) and progress.done.get(p)}
        mirrors = {
            step.name
            for p, step in enumerate(self.plan.steps)
            if isinstance(step, RemoveTagForGood) and step.name in given and p not in progress.intended
        }
        return bool(mirrors) and mirrors.isdisjoint(patiently(self.patience, self.platform.tag_names))

    def _carry_out(self, positions: Sequence[int]) -> None:
        self._stuck.clear()
        for position in positions:
            self._step(position)
        if self._stuck:
            row, reason = next(iter(self._stuck.items()))
            raise PlatformError(
                f"{len(self._stuck)} tasks could not be brought back, such as {self.plan.tasks[row].task_id} "
                f"({reason}). They are where this run left them, and everything else is done: mend what the reason "
                f"says and resume, or use `action=restore run_id={self.plan.run_id}`, which works without the journal"
            )

    def _step(self, position: int) -> None:
        step, progress = self.plan.steps[position], self.journal.progress
        if position in self.outcomes and position in progress.finished:
            return
        outcome = self.outcomes.setdefault(position, StepOutcome(position, step.number, step.text, len(step.tasks)))
        began, requests = monotonic(), self.platform.requests
        if position not in progress.finished and not isinstance(step, Choose | AwaitLabels):
            if isinstance(step, RemoveTagForGood):
                self._drop_tag(position, step)
            else:
                self._write(position, step)
        outcome.requests += self.platform.requests - requests
        outcome.seconds += monotonic() - began
        if isinstance(step, Returning):  # a run that was stopped early has not moved them all
            outcome.tasks = len(progress.among(progress.intended, self.plan, Displacing).intersection(step.tasks))
        outcome.written = len(progress.done.get(position, ()))
        outcome.left_alone = len(progress.skipped.get(position, ()))
        self.say(outcome)

    def _write(self, position: int, step: TaskStep) -> None:
        rows = self._rows(position, step)
        if isinstance(step, Tried) and rows:
            rows = Trial(self._converger, position, step).write(rows, self.platform.limits)
        self._converger.write(position, step, rows)
        if self._stuck.keys().isdisjoint(step.tasks):
            reach("apply.before_finish")
            self.journal.finish(position)

    def _check_restored(self, tag: str) -> None:
        """Keep the mirror if not one of many tasks came back for the same reason: more likely it is this run's fault.

        Unless somebody removed the tag: then they are where somebody wants them.
        """
        progress = self.journal.progress
        away = progress.among(progress.done, self.plan, Displacing)
        kept = {
            row: reason
            for position, reasons in progress.skipped.items()
            if isinstance(self.plan.steps[position], Returning)
            for row, reason in reasons.items()
        }
        if doubtful([kept[row] for row in away if row in kept], len(away)) and tag in patiently(
            self.patience, self.platform.tag_names
        ):
            reason = kept[min(away)]
            raise PlatformError(
                f"not one of the {len(away)} tasks that this run moved was brought back: {reason}. They are "
                f"where it left them, and the tag that finds them is kept. {what_now(self.plan, reason)}; or, if "
                f"they are to stay there, delete the tag {tag!r} in the product and resume"
            )

    def _drop_tag(self, position: int, step: RemoveTagForGood) -> None:
        if self._stuck:
            return  # it may be what finds them
        self._check_restored(step.name)
        self.journal.intend(position, (), {}, uuid4().hex)
        patiently(self.patience, self.platform.write, request(step, (), (), self.plan.done_stage))
        self.journal.finish(position)

    def _rows(self, position: int, step: TaskStep) -> list[int]:
        """Return the rows that a step is still about, given what happened in the steps before it."""
        progress = self.journal.progress
        over = progress.skipped.get(position, {}).keys() if isinstance(step, Tagging) else progress.left_alone
        if isinstance(step, Returning):
            over = over - self._only_out_of_order()
        rows = set(step.tasks) - progress.done.get(position, set()) - over - self._stuck.keys()
        if isinstance(step, Untag) and progress.restoring:
            rows &= self._tagged(step.name)
        if isinstance(step, GiveBackPriority):
            rows &= progress.among(progress.intended, self.plan, Displacing | Prioritise)
        return [row for row in step.tasks if row in rows]

    def _only_out_of_order(self) -> set[int]:
        """Return the rows that were left alone only as the platform refused them their place in the queue."""
        touched: set[int] = set()
        refused: set[int] = set()
        for position, reasons in self.journal.progress.skipped.items():
            for row, reason in reasons.items():
                ordering = isinstance(self.plan.steps[position], Prioritise) and reason.startswith(REFUSED)
                (refused if ordering else touched).add(row)
        return refused - touched

    def _tagged(self, name: str) -> set[int]:
        """Return the rows to which this run announced to give a tag."""
        intended = self.journal.progress.intended
        ours = [p for p, step in enumerate(self.plan.steps) if isinstance(step, Tag) and step.name == name]
        return {row for p in ours for row in intended.get(p, ())}
