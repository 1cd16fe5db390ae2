"""Variance sampling: the flattest class distribution first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.ranking import probability_scores, rank_by
from alrun.types import Need


@dataclass(frozen=True)
class Variance:
    """Picks the LOWEST variance of the class probabilities first: the flattest distribution.

    Score: the mean squared deviation from 1/C (ddof 0), in 0..(C - 1)/C². Draws nothing at random.

    Time: O(N C). Memory: a few numbers a candidate, and blocks of 2^19 numbers.

    Source: Encord Active, "Variance".
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.PROBABILITIES})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return the `budget` candidates with the lowest variance.

        Raises
        ------
        DataError
            If the probabilities are not usable; the message names the rows.
        """
        scores = probability_scores(inputs, lambda probabilities: probabilities.var(axis=1, dtype=np.float64))
        return rank_by(scores, budget, "low", lambda _, score: f"variance {score:.4f} of the class probabilities")
