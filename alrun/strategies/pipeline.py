"""Pipeline: one strategy narrows the pool, another picks among what is left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Ge

from alrun.strategies.base import Ranking, Strategy, StrategyInputs, asked
from alrun.strategies.composite import Composite, check_given
from alrun.strategies.cost import REASON, Size, Work, copies, picks, points, work_of


@dataclass(frozen=True)
class Pipeline(Composite):
    """Keeps the best `factor` times the budget by `first`, and lets `then` pick among these only.

    Order, score and direction are those of `then`; the reason of a pick says both. Labelled images are the same to
    both, so that k-center stays away from them. More than two steps are a pipeline in a pipeline.

    Time and memory: those of `first` for factor * B picks among N candidates, then of `then` for B among factor * B:
    that is how a strategy whose time grows with N² serves a large pool.

    Source: Zhdanov, Diverse mini-batch Active Learning, 2019 (10 to 50 times the budget by margin, then k-means); Wei,
    Iyer and Bilmes, ICML 2015 (by uncertainty, then facility location).

    Attributes
    ----------
    first, then
        The two strategies.
    factor
        1 or above.
    """

    first: Strategy
    then: Strategy
    factor: Annotated[int, Ge(1)] = 10

    def work(self, size: Size) -> Work:
        """Return the work of `first` for factor * B picks, then of `then` among these."""
        kept = size.among(self.factor * size.budget)
        first = work_of(self.first, size.among(size.candidates, self.factor * size.budget))
        then = work_of(self.then, kept).holding(copies(kept) + REASON * kept.candidates)
        return first.then(then).holding(points(size) + picks(size))

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates, or all of those that both can rank.

        Raises
        ------
        AlrunError
            As the two strategies do.
        """
        check_given(inputs)
        kept = asked(self.first, inputs, self.factor * budget, rng)
        order = np.argsort(kept.rows)  # `then` sees the candidates in their own order
        chosen = asked(self.then, inputs.take(kept.rows[order]), budget, rng)
        places = order[chosen.rows]
        reasons = tuple(
            f"{reason}; {place + 1} of {len(order)} kept: {kept.reasons[place]}"
            for reason, place in zip(chosen.reasons, places.tolist(), strict=True)
        )
        return replace(chosen, rows=kept.rows[places], reasons=reasons, notes=kept.notes + chosen.notes)
