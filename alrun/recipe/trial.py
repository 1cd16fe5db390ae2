"""Writes the first few tasks of a step by themselves, and looks whether this run would know that it wrote them.

If not, it would take its own moves and priorities for somebody else's and never undo them: it stops before it writes
the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alrun.errors import PlatformError, StateError
from alrun.platform.writes import Limits
from alrun.recipe.converge import REFUSED, Converger
from alrun.recipe.plan import Plan
from alrun.recipe.steps import Displacing, Prioritise, Tried, first_rows
from alrun.recipe.verdict import DOUBTFUL, LABEL_ROW_CREATED, doubtful


@dataclass(frozen=True)
class Trial:
    """The trial of one step that moves or orders tasks."""

    converger: Converger
    position: int
    step: Tried

    def write(self, rows: Sequence[int], limits: Limits) -> list[int]:
        """Write a few of the rows, and return the others.

        A process that goes on looks at the tasks that were written first, and moves no others for that.

        Raises
        ------
        StateError
            If this run would not know what it wrote. Tasks that were moved are where it put them; priorities are as
            they were, if possible.
        """
        progress, few = self.converger.journal.progress, first_rows(self.step, limits)
        before = sorted(progress.done.get(self.position, ()))[:few]
        now = [] if before and isinstance(self.step, Displacing) else self._sample(rows, few - len(before))
        self.converger.write(self.position, self.step, now)
        refused = {r for r, why in progress.skipped.get(self.position, {}).items() if why.startswith(REFUSED)}
        written = progress.intended.get(self.position, set()) - refused
        tried = [row for row in [*before, *now] if row in written]
        if tried:
            seen = self.converger.unrecognised(self.position, self.step, tried)
            if isinstance(self.step, Prioritise):
                self._check_priorities(tried, [row for row in now if row in written], seen)
            else:
                self._check_traces(tried, seen)
        over = set(now)
        return [row for row in rows if row not in over]

    def _sample(self, rows: Sequence[int], size: int) -> list[int]:
        """Return a few rows from all over the step, of tasks without a label row if there are enough of those.

        Priorities that some rounding does not change may lie side by side, and a label row that moving a task creates
        shows only where there was none.
        """
        tasks = self.converger.plan.tasks
        bare = [row for row in rows if tasks[row].label_hash is None]
        some = bare if len(bare) >= DOUBTFUL else rows
        size = min(size, len(some))
        return [some[place * len(some) // size] for place in range(size)]

    def _check_traces(self, rows: Sequence[int], seen: Mapping[int, str]) -> None:
        if not doubtful(seen.values(), len(rows)):
            return
        reason = next(iter(seen.values()))
        raise StateError(
            f"the first {len(rows)} tasks were moved and then listed: {reason}. That cannot be told from somebody "
            "else's work, so this run would bring none back, and it stopped with these tasks moved. "
            f"{what_now(self.converger.plan, reason)}"
        )

    def _check_priorities(self, rows: Sequence[int], written: Sequence[int], seen: Mapping[int, str]) -> None:
        """Stop if half of the tasks have another priority than was set, after giving `written` the earlier ones."""
        if len(rows) < DOUBTFUL or 2 * len(seen) < len(rows):
            return
        try:
            if written:
                self.converger.put_back(written)
            back = "they have their earlier priorities again"
        except PlatformError as error:
            back = f"they could not be given their earlier priorities again ({error})"
        row = min(seen)
        raise StateError(
            f"the priorities of the first {len(rows)} tasks were set and then listed: {len(seen)} are not as set, such "
            f"as that of task {self.converger.plan.tasks[row].task_id} ({seen[row]}). Either the platform keeps other "
            "priorities than it is given, which action=doctor finds out on a scratch project, or somebody else sets "
            "them at this moment. This run would not know its own again and never give the earlier ones back, so it "
            f"stopped, and {back}. End it with `action=restore run=FOLDER` (its run folder); recipe=park and "
            "recipe=move set no priorities"
        )


def what_now(plan: Plan, reason: str) -> str:
    """Say what to do if all moved tasks would stay away for one reason; ends without a full stop."""
    restore = f"`action=restore run_id={plan.run_id}`"
    if reason.startswith(LABEL_ROW_CREATED):
        return (
            "The platform seems to create a label row for a task that it moves, and nothing tells that from a person's "
            f"label: recipe=move does not work there. Bring them back with {restore}, then use recipe=park, which "
            "creates the label rows itself"
        )
    return (
        f"Check platform.user ({plan.user}), platform.records_moves and what `action=doctor` finds out on a scratch "
        f"project; then bring them back with {restore}"
    )
