"""Distinct: no near-duplicates in one batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt, Le

from alrun.numeric.blocks import ROWS
from alrun.numeric.cosine import leaders
from alrun.strategies.base import Ranking, Strategy, StrategyInputs
from alrun.strategies.composite import Composite, Rows, deep_enough, deep_work, filled, subset
from alrun.strategies.cost import Size, Work, points
from alrun.strategies.geometry import checked_points
from alrun.strategies.ranking import metric_column
from alrun.types import Need


@dataclass(frozen=True)
class Distinct(Composite):
    """Picks as `inner` does, but skips an image that is a near-duplicate of an earlier pick.

    A near-duplicate is closer than `within`, the cosine distance 1 - cos of the embeddings; or, if `metric` is given,
    has the same value of that metric. Score and direction are those of `inner`. If fewer images are distinct than
    picks are wanted, the skipped ones follow in the order of `inner`, and a note says how many.

    `inner` is asked for twice the budget, and for four times as many each time that does not do. Time: that of
    `inner`, and O(M B D) for M candidates looked at. Memory: that of `inner`, and copies of the M embeddings.

    Source: Encord Active's and FiftyOne's handling of near-duplicates; the greedy rule is that of non-maximum
    suppression.

    Attributes
    ----------
    inner
        The strategy that ranks.
    within
        Above 0, at most 2. Embeddings differ in scale: look at pairs at this distance first.
    metric
        A configured metric that numbers groups of duplicates, such as `duplicate_group`; no embedding is needed then.
        An image without a value is a duplicate of none.
    """

    inner: Strategy
    within: Annotated[float, Gt(0), Le(2)] = 0.05
    metric: str | None = None

    @property
    def needs(self) -> frozenset[Need]:
        """What `inner` needs, and embeddings unless a metric is given."""
        return super().needs | (frozenset({Need.EMBEDDINGS}) if self.metric is None else frozenset())

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns that `inner` reads, and its own."""
        return super().metrics | (frozenset() if self.metric is None else frozenset({self.metric}))

    def work(self, size: Size) -> Work:
        """Return the work of `inner` for twice the budget, as a rule, and of their distances."""
        looked_at = min(2 * size.budget, size.candidates)
        near = Work(looked_at**2 * size.dimensions, 24 * looked_at * size.dimensions + size.rows(3 * ROWS, 512))
        return deep_work(self.inner, size).then(near).holding(points(size) + 64 * size.candidates)

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates.

        Raises
        ------
        AlrunError
            If embeddings are not usable, the pool has no such metric, or as `inner` does.
        """
        if self.metric is None:
            near = checked_points(inputs)

            def first_of_each(ranking: Ranking) -> Rows:
                lead = leaders(near.points[near.places(ranking.rows)], self.within)
                return np.flatnonzero(lead == np.arange(len(lead)))

        else:
            values = metric_column(inputs, self.metric)

            def first_of_each(ranking: Ranking) -> Rows:
                groups = values[ranking.rows]
                _, first = np.unique(groups, return_index=True)
                return np.union1d(first, np.flatnonzero(np.isnan(groups)))

        ranking, kept = deep_enough(self.inner, inputs, budget, rng, first_of_each)
        found = subset(
            ranking,
            filled(kept, len(ranking.rows), budget),
            lambda p, reason: reason if p in kept else f"near-duplicate of a pick, as no other image is left: {reason}",
        )
        lacking = len(found.rows) - len(kept)
        if lacking <= 0:
            return found
        note = f"only {len(kept)} candidates are distinct: {lacking} near-duplicates were selected as well"
        return Ranking(found.rows, found.scores, found.reasons, (*found.notes, note))
