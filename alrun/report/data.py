"""What a report is made of: plain values that a run fills in and the page and the terminal summary read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alrun.report.quality import QualityView
from alrun.types import LeftOut, Pick


@dataclass(frozen=True, slots=True)
class StepRow:
    """One numbered step of the recipe: how many tasks and requests it took, and how it ended."""

    number: str
    text: str
    tasks: int
    requests: int
    seconds: float
    outcome: str


@dataclass(frozen=True, slots=True)
class FilterRow:
    """One filter in words, and how many tasks of the pool it removed."""

    text: str
    removed: int


@dataclass(frozen=True, slots=True)
class WrittenRow:
    """What a round wrote to images beside its recipe.

    Attributes
    ----------
    what
        Client metadata or pre-labels.
    asked, written, there
        How many images were to have it, how many got it, and how many had it already.
    left_alone
        The others, with the reason.
    """

    what: str
    asked: int
    written: int
    there: int = 0
    left_alone: tuple[LeftOut, ...] = ()

    def __add__(self, other: WrittenRow) -> WrittenRow:
        """Return both together."""
        counts = (self.asked + other.asked, self.written + other.written, self.there + other.there)
        return WrittenRow(self.what, *counts, (*self.left_alone, *other.left_alone))


@dataclass(frozen=True, slots=True)
class AgainRow:
    """What became of labelled tasks that were sent back to be labelled again.

    `changed` and `unchanged` came back with another label and with the same one; `untouched` nobody answered. All three
    are None while people are at work.
    """

    sent: int
    changed: int | None = None
    unchanged: int | None = None
    untouched: int | None = None


@dataclass(frozen=True, slots=True)
class Phase:
    """How long one phase took, all times together; `round` is 0 for what happens once a run."""

    name: str
    round: int
    seconds: float
    detail: str = ""


@dataclass(frozen=True, eq=False, slots=True)
class MetricView:
    """The number that a round's selection went by.

    Attributes
    ----------
    direction
        Which end was labelled first, in words: ``"lowest first"`` or ``"highest first"``; None if the selection went
        by more than this number.
    values
        float64, shape (candidates,); NaN where the metric has no value.
    selected
        float64, shape (selected,): the values of the selected rows.
    """

    name: str
    direction: str | None
    values: NDArray[np.float64]
    selected: NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class PlaneView:
    """Where images are in a projection of their embeddings, as a picture shows them.

    Attributes
    ----------
    places
        float64, shape (M, 2).
    kinds
        For each place one of ``"pool"``, ``"candidate"``, ``"labelled"`` or ``"selected"``.
    classes
        For each place its class, None where none is known.
    total
        How many images there are; M if all are shown, else these are a sample.
    """

    places: NDArray[np.float64]
    kinds: tuple[str, ...]
    classes: tuple[str | None, ...]
    total: int


@dataclass(frozen=True, eq=False, slots=True)
class RoundSection:
    """One round: what was selected, what happened to it and what was labelled.

    Attributes
    ----------
    picks
        In rank order.
    labels
        What was labelled in words, by data hash; only what was labelled in this round.
    class_counts
        How many images labelled in this round have each class.
    moved, restored
        Tasks that the recipe took out of the annotators' queue, and those it brought back.
    again
        Of a recipe that has labelled tasks labelled again: what came of it.
    written
        What was written to images beside the recipe.
    left_out
        Tasks that preflight or a recipe left alone.
    unread
        Other tasks whose image cannot be had or decoded.
    """

    number: int
    strategy: str
    picks: tuple[Pick, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    class_counts: Mapping[str, int] = field(default_factory=dict)
    metric: MetricView | None = None
    filters: tuple[FilterRow, ...] = ()
    steps: tuple[StepRow, ...] = ()
    moved: int = 0
    restored: int = 0
    again: AgainRow | None = None
    written: tuple[WrittenRow, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    unread: tuple[LeftOut, ...] = ()
    plane: PlaneView | None = None


@dataclass(frozen=True, eq=False, slots=True)
class RunReport:
    """Everything that a report says about one run.

    Attributes
    ----------
    asked
        What the config asked for, in reading order: project, platform, dataset, strategy, budget, ...
    stages_before, stages_after
        Tasks a stage, in workflow order.
    curve
        One row an evaluation: `round`, `labelled`, then figures such as `accuracy`, the most telling first; no rows
        if nothing was evaluated.
    per_class
        The last evaluation: `class`, `precision`, `recall`, `f1`, `support`, of objects also `ap`.
    quality
        Of imported predictions, the last evaluation.
    audit
        What a random share of the picks says about the model and the strategy, in words.
    thumbnails
        PNG or JPEG bytes by data hash, see :func:`alrun.report.thumbnails.thumbnails`; a pick may have none.
    outputs
        What lies in the run folder: a name for people, and the path.
    """

    title: str
    run_id: str
    status: str
    command: str
    action: str
    asked: Mapping[str, str]
    stages_before: Mapping[str, int]
    stages_after: Mapping[str, int]
    rounds: tuple[RoundSection, ...]
    curve: pl.DataFrame
    per_class: pl.DataFrame | None = None
    quality: QualityView | None = None
    audit: tuple[str, ...] = ()
    phases: tuple[Phase, ...] = ()
    import_left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    config_yaml: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    thumbnails: Mapping[str, bytes] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def selected(self) -> int:
        """How many tasks were selected in all rounds."""
        return sum(len(r.picks) for r in self.rounds)

    @property
    def labelled(self) -> int:
        """How many tasks were labelled in all rounds."""
        return sum(len(r.labels) for r in self.rounds)

    @property
    def moved(self) -> int:
        """How many tasks the recipe took out of the queue in all rounds."""
        return sum(r.moved for r in self.rounds)

    @property
    def restored(self) -> int:
        """How many tasks the recipe brought back in all rounds."""
        return sum(r.restored for r in self.rounds)

    @property
    def again(self) -> AgainRow | None:
        """What became of all tasks that were sent back; None if the recipe sends none back."""
        rows = [r.again for r in self.rounds if r.again is not None]
        if not rows:
            return None
        over = [row for row in rows if row.changed is not None]
        counts = [sum(getattr(row, name) for row in over) for name in ("changed", "unchanged", "untouched")]
        return AgainRow(sum(row.sent for row in rows), *(counts if over else ()))

    @property
    def written(self) -> tuple[WrittenRow, ...]:
        """What was written to images in all rounds, a row a kind."""
        kinds: dict[str, WrittenRow] = {}
        for row in (row for r in self.rounds for row in r.written):
            kinds[row.what] = kinds[row.what] + row if row.what in kinds else row
        return tuple(kinds.values())

    @property
    def figure(self) -> str:
        """The name of the most telling figure: the curve's first."""
        return self.curve.columns[2]

    @property
    def latest(self) -> float | None:
        """The most telling figure after the last evaluation, 0..1; None if nothing was evaluated."""
        return self.curve[self.figure][-1] if self.curve.height else None
