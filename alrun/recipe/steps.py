"""The steps of a plan: a closed union, read by `explain` and by `apply`.

Every step names its tasks by their positions in `Plan.tasks`. A step that has nothing to do stays in the plan
with no tasks, so that a reader sees that it was considered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from alrun.platform.writes import (
    AddTag,
    Complete,
    DropTag,
    InitialiseLabels,
    Limits,
    Move,
    RecipeWrite,
    RemoveTag,
    Reopen,
    SetPriority,
)
from alrun.types import TaskRef


@dataclass(frozen=True, slots=True)
class Choose:
    """Says which tasks the next steps are about; writes nothing."""

    number: str
    text: str
    tasks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CreateLabelRows:
    """Create the label rows that completing a task needs. Cannot be undone; the rows are empty."""

    number: str
    text: str
    tasks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tag:
    """Give the tasks a tag."""

    number: str
    text: str
    tasks: tuple[int, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Untag:
    """Take a tag from the tasks."""

    number: str
    text: str
    tasks: tuple[int, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Park:
    """Complete the tasks for a while, from whichever stage they are in."""

    number: str
    text: str
    tasks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ParkByMove:
    """Move the tasks from `origin` to the done stage for a while."""

    number: str
    text: str
    tasks: tuple[int, ...]
    origin: str


@dataclass(frozen=True, slots=True)
class Unpark:
    """Reopen parked tasks: they come back to the first annotation stage."""

    number: str
    text: str
    tasks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UnparkByMove:
    """Move parked tasks from the done stage back to `destination`."""

    number: str
    text: str
    tasks: tuple[int, ...]
    destination: str


@dataclass(frozen=True, slots=True)
class SendBack:
    """Reopen complete tasks, so that people label them again: they come to the first annotation stage."""

    number: str
    text: str
    tasks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CompleteAgain:
    """Complete the tasks that were sent back and that nobody took up."""

    number: str
    text: str
    tasks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prioritise:
    """Give each task its place in the queue; `priorities` runs beside `tasks`."""

    number: str
    text: str
    tasks: tuple[int, ...]
    priorities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class GiveBackPriority:
    """Give each task the priority it had in the snapshot, if it still has the one in `ours`, which runs beside `tasks`.

    That is the one that this run set, or the one that a task has after it was brought back.
    """

    number: str
    text: str
    tasks: tuple[int, ...]
    ours: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AwaitLabels:
    """The queue is ready: people label the tasks. Applying stops here until they have."""

    number: str
    text: str
    tasks: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RemoveTagForGood:
    """Delete a tag that only this run used."""

    number: str
    text: str
    name: str
    tasks: tuple[int, ...] = ()


Write = (
    CreateLabelRows | Tag | Untag | Park | ParkByMove | Unpark | UnparkByMove | SendBack | CompleteAgain
    | Prioritise | GiveBackPriority | RemoveTagForGood
)  # fmt: skip
Step = Choose | AwaitLabels | Write

KINDS: dict[str, type[Step]] = {
    kind.__name__: kind
    for kind in (
        Choose, AwaitLabels, CreateLabelRows, Tag, Untag, Park, ParkByMove, Unpark, UnparkByMove,
        SendBack, CompleteAgain, Prioritise, GiveBackPriority, RemoveTagForGood,
    )
}  # fmt: skip

Tagging = Tag | Untag | RemoveTagForGood
Parking = Park | ParkByMove
Displacing = Park | ParkByMove | SendBack
Tried = Displacing | Prioritise
Returning = Unpark | UnparkByMove | CompleteAgain
Undoing = Unpark | UnparkByMove | CompleteAgain | GiveBackPriority | Untag | RemoveTagForGood


def request_kind(step: Write) -> type[RecipeWrite]:
    """Return the kind of request that carries out `step`."""
    match step:
        case CreateLabelRows():
            return InitialiseLabels
        case Tag():
            return AddTag
        case Untag():
            return RemoveTag
        case RemoveTagForGood():
            return DropTag
        case Park() | CompleteAgain():
            return Complete
        case Unpark() | SendBack():
            return Reopen
        case ParkByMove() | UnparkByMove():
            return Move
        case Prioritise() | GiveBackPriority():
            return SetPriority
    assert_never(step)


def first_rows(step: Write, limits: Limits) -> int:
    """Return how many tasks are written before it is looked at whether the run would know them again."""
    return min(8, limits.of(request_kind(step)), limits.listing)


def request(step: Write, refs: tuple[TaskRef, ...], priorities: tuple[float, ...], done: str) -> RecipeWrite:
    """Return the request that carries out `step` for some of its tasks.

    Parameters
    ----------
    priorities
        One for each of `refs`; used by the two steps that set them.
    done
        The uuid of the done stage.
    """
    match step:
        case CreateLabelRows():
            return InitialiseLabels(refs)
        case Tag():
            return AddTag(refs, step.name)
        case Untag():
            return RemoveTag(refs, step.name)
        case RemoveTagForGood():
            return DropTag(step.name)
        case Park() | CompleteAgain():
            return Complete(refs)
        case Unpark() | SendBack():
            return Reopen(refs)
        case ParkByMove():
            return Move(refs, step.origin, done)
        case UnparkByMove():
            return Move(refs, done, step.destination)
        case Prioritise() | GiveBackPriority():
            return SetPriority(refs, priorities)
    assert_never(step)
