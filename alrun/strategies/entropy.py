"""Entropy sampling: the most uncertain class distribution first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alrun.numeric.information import bits
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.ranking import probability_scores, rank_by
from alrun.types import Need


@dataclass(frozen=True)
class Entropy:
    """Picks the HIGHEST entropy of the class probabilities first.

    Score: -sum(p log2 p) over the classes, in bits, 0..log2(C); 0 log 0 is 0. Draws nothing at random.

    Time: O(N C). Memory: a few numbers a candidate, and blocks of 2^19 numbers.

    Source: Shannon, A Mathematical Theory of Communication, 1948; Settles, Active Learning Literature Survey, 2009,
    3.1; Encord Active, "Entropy" (log base 2, as there).
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.PROBABILITIES})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return the `budget` candidates with the highest entropy.

        Raises
        ------
        DataError
            If the probabilities are not usable; the message names the rows.
        """
        scores = probability_scores(inputs, bits)
        return rank_by(scores, budget, "high", lambda _, score: f"entropy {score:.2f} bits")
