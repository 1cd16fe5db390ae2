"""A project on which people act between any two requests of a recipe, and which watches what the recipe does."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from alrun.errors import PlatformError, RateLimited, Refused, StateError, TooLarge, Unavailable
from alrun.files import digest
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import NewImage
from alrun.platform.writes import (
    Approve,
    Assign,
    Complete,
    InitialiseLabels,
    RecipeWrite,
    Reject,
    Release,
    Reopen,
    SaveLabels,
    SetPriority,
    Skip,
    Submit,
)
from alrun.recipe.apply import Applier
from alrun.recipe.base import Recipe
from alrun.recipe.journal import Journal
from alrun.recipe.testing import CHECKLIST, LABEL, SMALL_CHUNKS, USER, People, impatient, make_plan
from alrun.types import Label, Task
from tests.recipe.wire import Moment, Wire, set_actors

SELECTED = (3, 1, 7)


class Killed(BaseException):
    """The process ended here; the next one knows only the files."""


class Stopped(BaseException):
    """As `Killed`, and what the user calls next is `restore`."""


@dataclass(frozen=True)
class Event:
    """Something that happens to one task, to the connection or to the process, `gap` moments after the last event.

    There is a moment right before and right after each request.
    """

    gap: int
    what: str
    place: int


PEOPLE = (
    "save", "save nothing", "tick a box", "submit", "approve", "reject", "finish", "finish empty", "reopen",
    "complete", "assign", "release", "skip", "prioritise", "delete", "add",
)  # fmt: skip
SAVES = ("save", "save nothing", "tick a box")
FAULTS = ("no answer", "slower", "refused", "too large")
ENDS = ("killed", "stopped")


class World:
    """Plays one schedule of events on one recipe.

    With `records_moves=False` the platform does not say who moved a task if that was the recipe's own user; with
    `records_saves=False` it does not say who saved labels; with `known=False` nobody knows whether it records moves.
    With `same_person` all people are the one who acted on some of the tasks before the run. With `own_account` people
    use the runner's own account, so that nobody can tell what they moved from what it moved.
    """

    def __init__(
        self,
        template: Path,
        folder: Path,
        recipe: Recipe,
        *,
        records_moves: bool = True,
        records_saves: bool = True,
        own_account: bool = False,
        known: bool = True,
        same_person: bool = False,
    ) -> None:
        shutil.copytree(template, folder, dirs_exist_ok=True)
        self.folder = folder
        self.platform = LocalPlatform(folder / "project.sqlite", USER, SMALL_CHUNKS)
        self.before = {task.data_hash: task for task in self.platform.tasks()}
        self.plan = make_plan(recipe, self.platform, SELECTED)
        self.away = self.plan.away_stage
        self.planned = {task.data_hash for task in self.plan.tasks}
        self.touched: dict[str, int] = {}
        self.prioritised: dict[str, tuple[int, int]] = {}  # when somebody did, and when somebody touched it before
        self.displacing = Reopen if self.plan.sends_back else Complete
        self.displaced: dict[str, int] = {}
        self._wire = Wire(self.platform, self._moment, records_moves=records_moves, known=known)
        self._same_person = same_person
        self._records_saves = records_saves
        self._own_account = own_account
        self._events: list[Event] = []
        self._gap = 0
        self._tick = 0
        self._listed = 0
        self._seen: tuple[list[Task], dict[str, Label]] = ([], {})

    def play(self, events: Sequence[Event], finish: Sequence[int]) -> None:
        """Apply and restore through these events; people finish the picks with these ranks in between."""
        self._events = list(events)
        early = False
        for _ in range(len(events) + 2):
            try:
                journal = Journal(self.folder / "journal.jsonl", self.plan)
                applier = Applier(self.plan, self._wire, journal, impatient())
                if not early and not journal.progress.restoring:
                    applier.prepare()
                    self._finish(finish)
                applier.restore()
            except (Killed, PlatformError):
                continue
            except Stopped:
                early = True
            except StateError:
                assert self._own_account, "the journal has lost nothing"
                early = True
            else:
                return
        assert self._own_account, "the run does not come to an end"

    def check_end(self) -> None:
        """Check that nothing was forgotten: what nobody touched is where and what it was, and no tag is left."""
        for task in self.platform.tasks():
            old = self.before.get(task.data_hash)
            if old is not None and task.data_hash not in self.touched:
                assert (task.stage, task.priority, task.assignee) == (old.stage, old.priority, old.assignee), task
        if Journal(self.folder / "journal.jsonl", self.plan).progress.closed:
            assert not any(self.platform.tags().values())

    def close(self) -> None:
        self.platform.close()

    def _finish(self, ranks: Sequence[int]) -> None:
        here = {task.data_hash: task for task in self.platform.tasks()}
        for rank in ranks:
            task = here.get(self.plan.tasks[rank].data_hash)
            if task is not None:
                self._tick += 1
                self.touched[task.data_hash] = self._tick
                People(self.platform).finish([task], LABEL if rank else None)

    def _moment(self, _: int, request: RecipeWrite | None, moment: Moment) -> None:
        if moment == "after" and request is not None:
            self._check_write(request)
        self._gap += 1
        while self._events and self._events[0].gap < self._gap:
            event = self._events.pop(0)
            self._gap = 0
            self._happen(event, request, moment)
        if moment == "before":
            self._seen = self._look()
            if request is None:
                self._listed = self._tick

    def _happen(self, event: Event, request: RecipeWrite | None, moment: Moment) -> None:
        if event.what == "killed":
            raise Killed
        if event.what == "stopped":
            raise Stopped
        if event.what in FAULTS:
            self._break(event.what, request, moment)
            return
        old = {task.data_hash: task for task in self.platform.tasks()}
        self._tick += 1
        with suppress(Refused):
            self._person(event.what, list(old.values())[event.place % len(old)])
            if event.what in SAVES and not self._records_saves:
                set_actors(self.folder / "project.sqlite", old.values())
        new = {task.data_hash: task for task in self.platform.tasks()}
        for name, task in old.items():
            if name not in new or new[name].fingerprint() != task.fingerprint():
                if event.what == "prioritise":
                    self.prioritised[name] = self._tick, self.touched.get(name, 0)
                self.touched[name] = self._tick

    def _break(self, what: str, request: RecipeWrite | None, moment: Moment) -> None:
        if what == "slower" and moment == "before":
            raise RateLimited("slower", retry_after=1.0)
        if what == "too large" and moment == "before" and request is not None:
            raise TooLarge("too many", limit=1)
        if what == "refused" and request is not None:
            raise Refused("one of them")
        raise Unavailable("no answer")

    def _person(self, what: str, task: Task) -> None:
        person = "admin@example.org" if self._same_person else f"person-{self._tick}@example.org"
        who = USER if self._own_account else person
        other = LocalPlatform(self.folder / "project.sqlite", who)
        refs = (task.ref,)
        actions: dict[str, Callable[[], None]] = {
            "save": lambda: other.act(SaveLabels(refs, (LABEL,), who)),
            "save nothing": lambda: other.act(SaveLabels(refs, (Label(),), who)),
            "tick a box": lambda: other.act(SaveLabels(refs, (CHECKLIST,), who)),
            "submit": lambda: other.act(Submit(refs, who)),
            "approve": lambda: other.act(Approve(refs, who)),
            "reject": lambda: other.act(Reject(refs, who)),
            "finish": lambda: People(other, who, who).finish([task], LABEL),
            "finish empty": lambda: People(other, who, who).finish([task], None),
            "reopen": lambda: other.write(Reopen(refs)),
            "complete": lambda: other.write(Complete(refs)),
            "assign": lambda: other.act(Assign(refs, who)),
            "release": lambda: other.act(Release(refs)),
            "skip": lambda: other.act(Skip(refs, who)),
            "prioritise": lambda: other.write(SetPriority(refs, (0.1 + self._tick / 1000,))),
            "delete": lambda: other.delete_tasks(refs),
            "add": lambda: other.add_images([NewImage("new.png", digest(self._tick), 8, 8)]),
        }
        try:
            actions[what]()
        finally:
            other.close()

    def _forget(self, name: str, before: int) -> None:
        self.touched.pop(name)
        if before:
            self.touched[name] = before

    def _look(self) -> tuple[list[Task], dict[str, Label]]:
        tasks = self.platform.tasks()
        return tasks, self.platform.labels([task.label_hash for task in tasks if task.label_hash is not None])

    def _check_write(self, request: RecipeWrite) -> None:
        """Check one write of the recipe by what it changed; what people did before the last listing was known."""
        old_tasks, old_labels = self._seen
        new_tasks, new_labels = self._look()
        named = {ref.data_hash for ref in request.tasks}
        assert named <= self.planned, "a task outside the plan was written to"
        created = {name: label for name, label in new_labels.items() if name not in old_labels}
        assert {name: new_labels[name] for name in old_labels} == old_labels, "a label was changed"
        assert all(label.empty for label in created.values())
        assert not created or isinstance(request, InitialiseLabels)
        away = self.away
        if isinstance(request, InitialiseLabels):
            late = [name for name in named if 0 < self.touched.get(name, 0) <= self._listed]
            assert not late, "a label row was created for a touched task"
        for old, new in zip(old_tasks, new_tasks, strict=True):
            name = old.data_hash
            assert name in named or old == new, "a task was changed that the request does not name"
            touched = self.touched.get(name, 0)
            if new.stage == away != old.stage:
                # nobody can know when the platform says that a label row was created that this run created
                hidden = not self._records_saves and self.before[name].label_hash is None
                assert hidden or not 0 < touched <= self._listed, "a touched task was taken away"
                self.displaced[name] = self._tick
            elif self._own_account and name in named and isinstance(request, self.displacing):
                # the same account moved it between our listing and our write: nothing tells the two apart
                self.displaced.setdefault(name, self._tick)
            elif old.stage == away != new.stage:
                assert name in self.displaced, "a task was brought back that this run did not take away"
                unseen = self._own_account or not self.displaced[name] < touched <= self._listed
                assert unseen, "a touched task was brought back"
            elif old.stage != new.stage:  # somebody moved it between our listing and our write
                assert touched > self._listed, "a task was moved between other stages"
            if old.priority != new.priority:
                theirs, before = self.prioritised.pop(name, (0, 0))
                if isinstance(request, SetPriority):
                    assert not 0 < theirs <= self._listed, "a person's priority was changed"
                    if 0 < theirs == touched:  # between our listing and our write: it is lost, and nothing shows it
                        self._forget(name, before)
                    if old.priority == self.before[name].priority:
                        assert not 0 < touched <= self._listed, "a touched task was put elsewhere in the queue"
