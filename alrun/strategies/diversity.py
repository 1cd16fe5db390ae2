"""Diversity: prototypes of the pool first, clusters in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.ranking import metric_column, rank_by
from alrun.types import Need

METRIC = "image_diversity"


@dataclass(frozen=True)
class Diversity:
    """Picks the LOWEST Image Diversity first; the score is that metric, a rank from 1.

    Reads the pool's column `image_diversity` (`alrun.metrics.image_diversity.ImageDiversity`). Images without
    it, the labelled ones, are never picked. Draws nothing at random. Source: Encord Active, "Active learning
    in Encord", step 7.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()

    @property
    def metrics(self) -> frozenset[str]:
        """The metric column it reads."""
        return frozenset({METRIC})

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return the `budget` candidates with the lowest Image Diversity.

        Raises
        ------
        ConfigError
            If the pool has no column `image_diversity`.
        """
        values = metric_column(inputs, METRIC)
        size = int(np.count_nonzero(~np.isnan(values)))
        return rank_by(values, budget, "low", lambda rank, score: f"rank {rank} of {size} by {METRIC}: {score:g}")
