"""Rank sampling: the lowest or the highest of any metric first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.ranking import metric_column, rank_by
from alrun.types import Need


@dataclass(frozen=True)
class Rank:
    """Picks the lowest or the highest values of one metric first; the score is that value.

    Images without the metric are never picked. Ties go to the lower row. Draws nothing at random. Time O(N log N),
    memory O(N). Source: Encord Active, sorting by a metric and labelling from the top.

    Attributes
    ----------
    metric
        The name of a configured metric.
    first
        Which end is labelled first.
    """

    metric: str = "image_diversity"
    first: Literal["low", "high"] = "low"

    needs: ClassVar[frozenset[Need]] = frozenset()

    @property
    def metrics(self) -> frozenset[str]:
        """The metric column it reads."""
        return frozenset({self.metric})

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return the `budget` candidates with the lowest or highest values.

        Raises
        ------
        ConfigError
            If the pool has no such metric.
        """
        values = metric_column(inputs, self.metric)
        size = int(np.count_nonzero(~np.isnan(values)))
        end = "lowest" if self.first == "low" else "highest"
        return rank_by(
            values, budget, self.first, lambda rank, score: f"{rank} of {size} from the {end} {self.metric}: {score:g}"
        )
