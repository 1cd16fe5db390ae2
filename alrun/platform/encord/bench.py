"""The tasks that a probe uses: looked at, moved about, and put back as they were found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isclose
from typing import TYPE_CHECKING

from alrun.errors import RateLimited, Refused, TooLarge, Unavailable
from alrun.platform.encord.platform import EncordPlatform
from alrun.platform.retry import Patience, patiently
from alrun.platform.writes import Complete, InitialiseLabels, Move, RecipeWrite, Release, Reopen, SetPriority
from alrun.types import Stage, StageType, Task

if TYPE_CHECKING:
    from encord import Project as SdkProject
    from encord.objects import LabelRowV2

US, KEPT = "made us the last actor", "left the last actor as it was"

ROUNDS = 3
"""How often to try to put tasks back: what one way refuses, another may do."""


@dataclass
class Bench:
    """Some tasks of a scratch project; all were found in its first stage, unassigned.

    Attributes
    ----------
    found
        The tasks as they were found.
    traces, edits
        What every move so far showed, by kind: what it did to the task's last actor (where we were not that already),
        and whether it changed when the labels were last edited (where there were any).
    """

    platform: EncordPlatform
    found: Sequence[Task]
    patience: Patience
    traces: dict[str, str] = field(default_factory=dict)
    edits: dict[str, bool] = field(default_factory=dict)

    @property
    def sdk(self) -> SdkProject:
        """The SDK's own project."""
        return self.platform.connection.project

    @property
    def user(self) -> str:
        """Who we are: an e-mail address, or the key's fingerprint."""
        return self.platform.project().user

    @property
    def first(self) -> Stage:
        """The stage that the tasks are from."""
        return self.platform.project().stages[0]

    @property
    def done(self) -> Stage:
        """Where completing leads."""
        return [stage for stage in self.platform.project().stages if stage.type is StageType.DONE][-1]

    @property
    def aside(self) -> Stage:
        """Another stage than these two, if there is one, else the done stage."""
        others = [s for s in self.platform.project().stages if s != self.first and s.type is not StageType.DONE]
        return others[0] if others else self.done

    def see(self, place: int) -> Task:
        """Return one task as it is now."""
        (task,) = self._listed([self.found[place].data_hash])
        return task

    def see_all(self) -> list[Task]:
        """Return every task as it is now, in the order in which they were found."""
        names = [task.data_hash for task in self.found]
        return sorted(self._listed(names), key=lambda task: names.index(task.data_hash))

    def row(self, place: int) -> LabelRowV2:
        """Return the SDK's own object for a task, listed anew."""
        return self.sdk.list_label_rows_v2(data_hashes=[self.found[place].data_hash])[0]

    def initialise(self) -> None:
        """Create the label rows that are missing; they stay."""
        for task in self.see_all():
            if task.label_hash is None:
                self.platform.write(InitialiseLabels((task.ref,)))

    def move(self, place: int, destination: Stage) -> Task:
        """Move one task from wherever it is, and take down what that showed; return it as it is then."""
        before = self.see(place)
        return self._displaced("move", before, Move((before.ref,), before.stage, destination.uuid))

    def complete(self, place: int) -> Task:
        """Complete one task, likewise."""
        before = self.see(place)
        return self._displaced("complete", before, Complete((before.ref,)))

    def reopen(self, place: int) -> Task:
        """Reopen one task, likewise."""
        before = self.see(place)
        return self._displaced("reopen", before, Reopen((before.ref,)))

    def put_back(self) -> list[str]:
        """Bring every task back to where it was, as it was; return what could not be, one line a task.

        Raises
        ------
        Unavailable, RateLimited
            If the platform does not answer for longer than the patience lasts.
        """
        patience = self.patience.fresh()
        tries = 0
        while tries < ROUNDS and (away := self._differing()):
            try:
                for task, before in away:
                    self._bring_back(task, before)
            except (Unavailable, RateLimited) as error:
                patience.pause(error)
            else:
                tries += 1
        return [self._difference(task, before) for task, before in self._differing()]

    def _displaced(self, kind: str, before: Task, request: RecipeWrite) -> Task:
        self.platform.write(request)
        (after,) = self._listed([before.data_hash])
        if before.last_actioned_by != self.user:
            kept = KEPT if after.last_actioned_by == before.last_actioned_by else f"made {after.last_actioned_by} that"
            self.traces[kind] = US if after.last_actioned_by == self.user else kept
        if before.last_edited_at is not None:
            self.edits[kind] = self.edits.get(kind, False) or after.last_edited_at != before.last_edited_at
        return after

    def _listed(self, names: Sequence[str]) -> list[Task]:
        return patiently(self.patience, self.platform.tasks, names)

    def _differing(self) -> list[tuple[Task, Task]]:
        before = {task.task_id: task for task in self.found}
        return [(now, before[now.task_id]) for now in self.see_all() if self._difference(now, before[now.task_id])]

    def _difference(self, now: Task, before: Task) -> str:
        titles = {stage.uuid: stage.title for stage in self.platform.project().stages}
        faults = []
        if now.stage != before.stage:
            faults.append(f"is in {titles[now.stage]!r}, not in {titles[before.stage]!r}")
        if now.assignee != before.assignee:
            faults.append(f"is assigned to {now.assignee}")
        one, other = now.priority, before.priority
        if one is not None and other is not None and not isclose(one, other, abs_tol=0.01):  # it may be rounded
            faults.append(f"has the priority {one:g}, not {other:g}")
        return f"{now.title!r} {' and '.join(faults)}" if faults else ""

    def _bring_back(self, now: Task, before: Task) -> None:
        """Undo what differs, by whichever way the platform takes."""
        if now.stage != before.stage:
            if self._refused(Move((now.ref,), now.stage, before.stage)) and now.label_hash is not None:
                self._refused(Complete((now.ref,)))
                self._refused(Reopen((now.ref,)))
            return  # what else differs shows in the next round
        if now.assignee == self.user:
            self.platform.act(Release((now.ref,)))
        if before.priority is not None:
            self._refused(SetPriority((now.ref,), (before.priority,)))

    def _refused(self, request: RecipeWrite) -> bool:
        try:
            self.platform.write(request)
        except (Refused, TooLarge):
            return True
        return False
