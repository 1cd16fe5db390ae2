"""The workflow in plain dicts: what the local platform must do, without a database."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from alrun.errors import Refused
from alrun.platform.port import NewImage
from alrun.platform.writes import (
    AddTag,
    Approve,
    Assign,
    Complete,
    DropTag,
    InitialiseLabels,
    Move,
    PeopleWrite,
    RecipeWrite,
    Reject,
    Release,
    RemoveTag,
    Reopen,
    SaveLabels,
    SetPriority,
    Skip,
    Submit,
)
from alrun.types import Label, TaskRef


@dataclass
class ModelTask:
    title: str
    stage: int = 0
    status: str = "new"
    label: Label | None = None  # None: there is no label row
    edit: int | None = None
    by: str | None = None
    assignee: str | None = None
    priority: float | None = 0.5


@dataclass
class Model:
    """`kinds` are the types of the stages; `fits` says whether a label fits the ontology."""

    kinds: Sequence[str]
    uuids: Sequence[str]
    user: str
    fits: Callable[[Label], bool]
    reserved: frozenset[str] = frozenset()
    tasks: dict[str, ModelTask] = field(default_factory=dict)
    tags: dict[str, set[str]] = field(default_factory=dict)
    edits: int = 0

    def add(self, images: Sequence[tuple[str, NewImage]]) -> None:
        names = [data_hash for data_hash, _ in images]
        if len(set(names)) != len(names) or set(names) & (self.tasks.keys() | self.reserved):
            raise Refused("known")
        self.tasks |= {data_hash: ModelTask(image.title) for data_hash, image in images}

    def delete(self, refs: Sequence[TaskRef]) -> None:
        self.find(refs)
        for ref in refs:
            del self.tasks[ref.data_hash]
            for members in self.tags.values():
                members.discard(ref.data_hash)

    def apply(self, request: RecipeWrite | PeopleWrite) -> None:
        """Apply the request to a copy first, so that a refusal leaves everything as it was."""
        tasks, tags = deepcopy(self.tasks), deepcopy(self.tags)
        try:
            self._apply(request)
        except Refused:
            self.tasks, self.tags = tasks, tags
            raise

    def find(self, refs: Sequence[TaskRef]) -> list[ModelTask]:
        if len({ref.data_hash for ref in refs}) != len(refs):
            raise Refused("twice")
        for ref in refs:
            if ref.data_hash not in self.tasks:
                raise Refused("unknown")
            if ref.label_hash is not None and self.tasks[ref.data_hash].label is None:
                raise Refused("no such label row")
        return [self.tasks[ref.data_hash] for ref in refs]

    def _apply(self, request: RecipeWrite | PeopleWrite) -> None:
        if isinstance(request, Move):
            self._need(request.origin != request.destination)
        if isinstance(request, SetPriority):
            self._need(len(request.priorities) == len(request.tasks))
        if isinstance(request, SaveLabels):
            self._need(len(request.labels) == len(request.tasks))
        for place, task in enumerate(self.find(request.tasks)):
            ref, here = request.tasks[place], self.kinds[task.stage]
            match request:
                case InitialiseLabels():
                    self._initialise(task)
                case Complete():
                    self._need(ref.label_hash is not None)
                    if here != "done":
                        self._enter(task, len(self.kinds) - 1, "completed", self.user)
                case Reopen():
                    if ref.label_hash is not None and task.stage != 0:
                        self._enter(task, 0, "reopened", self.user)
                case Move(origin=origin, destination=destination):
                    self._need(self.uuids[task.stage] == origin)
                    goal = self.uuids.index(destination)
                    back = self.kinds[goal] == "annotation" and here != "annotation"
                    self._enter(task, goal, "reopened" if back else self._arrival(goal), self.user)
                case SetPriority(priorities=priorities):
                    self._need(0 <= priorities[place] <= 1 and here != "done")
                    task.priority = priorities[place]
                case Assign(assignee=assignee):
                    self._need(here != "done")
                    task.status, task.assignee, task.by = "assigned", assignee, self.user
                case Release():
                    self._need(here != "done")
                    if task.assignee is not None:
                        task.status, task.assignee, task.by = "released", None, self.user
                case Skip(actor=actor):
                    self._need(here == "annotation")
                    task.status, task.by = "skipped", actor
                case SaveLabels(labels=labels, actor=actor):
                    self._need(self.fits(labels[place]))
                    self._save(task, labels[place])
                    task.by = actor
                case Submit(actor=actor):
                    self._need(here == "annotation")
                    self._initialise(task)
                    self._enter(task, task.stage + 1, self._arrival(task.stage + 1), actor)
                case Approve(actor=actor):
                    self._need(here == "review")
                    self._enter(task, task.stage + 1, self._arrival(task.stage + 1), actor)
                case Reject(actor=actor):
                    self._need(here == "review")
                    self._enter(task, 0, "reopened", actor)
                case AddTag(name=name):
                    self.tags.setdefault(name, set()).add(ref.data_hash)
                case RemoveTag(name=name):
                    self.tags.get(name, set()).discard(ref.data_hash)
                case DropTag():
                    pass
        if isinstance(request, AddTag):
            self.tags.setdefault(request.name, set())
        if isinstance(request, DropTag):
            self.tags.pop(request.name, None)

    def _arrival(self, stage: int) -> str:
        return "completed" if self.kinds[stage] == "done" else "new"

    def _enter(self, task: ModelTask, stage: int, status: str, actor: str) -> None:
        task.stage, task.status, task.assignee, task.by = stage, status, None, actor
        if self.kinds[stage] == "done":
            task.priority = None
        elif task.priority is None:
            task.priority = 0.5

    def _initialise(self, task: ModelTask) -> None:
        if task.label is None:
            self._save(task, Label())

    def _save(self, task: ModelTask, label: Label) -> None:
        self.edits += 1
        task.label, task.edit = label, self.edits

    @staticmethod
    def _need(condition: bool) -> None:
        if not condition:
            raise Refused("against the rules")
