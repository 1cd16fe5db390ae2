"""What the strategies share that are made of other strategies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.strategies.base import Ranking, Strategy, StrategyInputs, asked, at_stage
from alrun.strategies.cost import Size, Work, copies, picks, work_of
from alrun.strategies.geometry import checked_points
from alrun.strategies.ranking import class_probabilities, class_samples
from alrun.types import Need

Rows = npt.NDArray[np.int64]

_WIDER = 4


@dataclass(frozen=True)
class Composite(ABC):
    """A strategy whose fields hold strategies: it needs and reads what any of them does."""

    @property
    def parts(self) -> tuple[Strategy, ...]:
        """The strategies it is made of, in the order of its fields."""
        values = [getattr(self, field.name) for field in fields(self)]
        inside = [[*value.values()] if isinstance(value, Mapping) else [value] for value in values]
        return tuple(part for group in inside for part in group if isinstance(part, Strategy))

    @property
    def needs(self) -> frozenset[Need]:
        """What any of its strategies looks at."""
        return frozenset().union(*(part.needs for part in self.parts))

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns that any of its strategies reads."""
        return frozenset().union(*(part.metrics for part in self.parts))

    def at(self, labelled: int) -> Strategy:
        """Return the strategy that chooses once so many images are labelled: the same, of its parts at that stage."""
        changed: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Strategy):
                changed[field.name] = at_stage(value, labelled)
            elif isinstance(value, Mapping) and any(isinstance(part, Strategy) for part in value.values()):
                changed[field.name] = {name: at_stage(part, labelled) for name, part in value.items()}
        return replace(self, **changed)

    def work(self, size: Size) -> Work:
        """Return the work of its parts, one after the other, with a copy of what they are given."""
        total = Work()
        for part in self.parts:
            total = total.then(work_of(part, size))
        return total.holding(copies(size) + picks(size))

    @abstractmethod
    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return at most `budget` picks; see `alrun.strategies.base.Strategy`."""


def check_given(inputs: StrategyInputs) -> None:
    """Check all rows of what is given, so that a fault does not go unseen where a part looks at some rows only.

    Raises
    ------
    DataError
        If embeddings, probabilities or samples are not usable; the message names the rows.
    """
    if inputs.embeddings is not None:
        checked_points(inputs)
    if inputs.probabilities is not None:
        class_probabilities(inputs)
    if inputs.samples is not None:
        class_samples(inputs)


def deep_work(inner: Strategy, size: Size) -> Work:
    """Return the work of :func:`deep_enough` as a rule: if `inner` is asked once, for twice the budget."""
    return work_of(inner, size.among(size.candidates, 2 * size.budget)).holding(picks(size))


def deep_enough(
    inner: Strategy,
    inputs: StrategyInputs,
    budget: int,
    rng: np.random.Generator,
    chosen: Callable[[Ranking], Rows],
) -> tuple[Ranking, Rows]:
    """Ask `inner` for more and more picks until `chosen` finds `budget` of them, or there are no more.

    Parameters
    ----------
    chosen
        Returns the places in a ranking, ascending, of the picks that may stay.

    Returns
    -------
    The last ranking, which had the first state of `rng`, and what `chosen` returned for it.
    """
    size, depth, state = inputs.candidates.height, 2 * budget, deepcopy(rng)
    while True:
        ranking = asked(inner, inputs, min(depth, size), deepcopy(state))
        places = chosen(ranking)
        if len(places) >= budget or depth >= size:
            return ranking, places
        depth *= _WIDER


def subset(ranking: Ranking, places: Rows, reason: Callable[[int, str], str] | None = None) -> Ranking:
    """Return the picks at these places, in this order; `reason` is called with the place and its reason."""
    reasons = tuple(ranking.reasons[p] if reason is None else reason(p, ranking.reasons[p]) for p in places.tolist())
    return Ranking(ranking.rows[places], ranking.scores[places], reasons, ranking.notes)


def filled(kept: Rows, size: int, budget: int) -> Rows:
    """Return the places `kept`, as many as the budget, and then the first others of `size` if there are fewer."""
    others = np.setdiff1d(np.arange(size), kept)
    return np.concatenate([kept[:budget], others[: max(budget - len(kept), 0)]]).astype(np.int64)
