"""Writes as values: what a recipe, a person, and the run beside them may send to a platform. No I/O here.

A recipe sends one of :data:`RecipeWrite`, none of which can touch a label; only an annotator sends :data:`PeopleWrite`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alrun.types import Label, TaskRef

DEFAULT_PRIORITY = 0.5
"""What a task has before anybody sets its priority, and again when it comes back from the done stage."""


@dataclass(frozen=True, slots=True)
class InitialiseLabels:
    """Create a label row for each task that has none; one that has keeps its own. Cannot be undone."""

    tasks: tuple[TaskRef, ...]


@dataclass(frozen=True, slots=True)
class Complete:
    """Move the tasks to the done stage from wherever they are; all need a label row, else `Refused`."""

    tasks: tuple[TaskRef, ...]


@dataclass(frozen=True, slots=True)
class Reopen:
    """Move the tasks to the first annotation stage; one without a label row stays where it is, silently."""

    tasks: tuple[TaskRef, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """Move the tasks from stage `origin` to stage `destination` (uuids).

    `Refused` as a whole if one of them is not in `origin`.
    """

    tasks: tuple[TaskRef, ...]
    origin: str
    destination: str


@dataclass(frozen=True, slots=True)
class SetPriority:
    """Give each task its priority in 0..1 (1 is served first); `priorities` runs beside `tasks`."""

    tasks: tuple[TaskRef, ...]
    priorities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AddTag:
    """Give the tasks the tag `name`; the tag is created if it is new. A task that has it keeps it."""

    tasks: tuple[TaskRef, ...]
    name: str


@dataclass(frozen=True, slots=True)
class RemoveTag:
    """Take the tag `name` from the tasks; one that has it not stays as it is."""

    tasks: tuple[TaskRef, ...]
    name: str


@dataclass(frozen=True, slots=True)
class DropTag:
    """Delete the tag `name` from the project; no tag of that name: nothing happens."""

    name: str
    tasks: tuple[TaskRef, ...] = ()


RecipeWrite = InitialiseLabels | Complete | Reopen | Move | SetPriority | AddTag | RemoveTag | DropTag


@dataclass(frozen=True, slots=True)
class Assign:
    """Give the tasks to the person with this e-mail address."""

    tasks: tuple[TaskRef, ...]
    assignee: str


@dataclass(frozen=True, slots=True)
class Release:
    """Take the tasks from whoever has them."""

    tasks: tuple[TaskRef, ...]


@dataclass(frozen=True, slots=True)
class Skip:
    """Put tasks of an annotation stage aside; they stay in their stage with status `skipped`."""

    tasks: tuple[TaskRef, ...]
    actor: str


@dataclass(frozen=True, slots=True)
class SaveLabels:
    """Save `labels` (beside `tasks`), as `actor`; creates missing label rows; moves nothing."""

    tasks: tuple[TaskRef, ...]
    labels: tuple[Label, ...]
    actor: str


@dataclass(frozen=True, slots=True)
class Submit:
    """Hand tasks of an annotation stage on to the next stage, labelled or not."""

    tasks: tuple[TaskRef, ...]
    actor: str


@dataclass(frozen=True, slots=True)
class Approve:
    """Hand tasks of a review stage on to the next stage."""

    tasks: tuple[TaskRef, ...]
    actor: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Send tasks of a review stage back to the first annotation stage."""

    tasks: tuple[TaskRef, ...]
    actor: str


PeopleWrite = Assign | Release | Skip | SaveLabels | Submit | Approve | Reject


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """Give the tasks' images the client metadata `after`, whole, in place of `before`; both run beside `tasks`.

    `before` is what the sender read and built on: a platform that can tell refuses the request whole if an image has
    other metadata by now. A key that is to go has the value None in `after`, which removes it, or leaves it without a
    value, whether the platform replaces metadata or merges them.
    """

    tasks: tuple[TaskRef, ...]
    before: tuple[Mapping[str, Any], ...]
    after: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Prelabel:
    """Propose a first label for each task, which people then correct or submit; `labels` runs beside `tasks`.

    `Refused` as a whole if one of the tasks is labelled by now, is in no annotation stage or in somebody's hands.
    Creates missing label rows; moves nothing.
    """

    tasks: tuple[TaskRef, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True, slots=True)
class Limits:
    """How many tasks the platform takes in one request of each kind."""

    listing: int = 1000
    initialise: int = 1000
    workflow: int = 1000
    move: int = 500
    priority: int = 1000
    tag: int = 1000
    metadata: int = 1000
    prelabel: int = 100

    def of(self, kind: type[RecipeWrite]) -> int:
        """Return the limit for a kind of write."""
        by_kind: dict[type[RecipeWrite], int] = {
            InitialiseLabels: self.initialise, Complete: self.workflow, Reopen: self.workflow,
            Move: self.move, SetPriority: self.priority, AddTag: self.tag, RemoveTag: self.tag,
            DropTag: self.tag,
        }  # fmt: skip
        return by_kind[kind]
