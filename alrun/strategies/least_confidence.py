"""Least confidence sampling: the least likely best guess first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alrun.numeric.information import largest
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.ranking import probability_scores, rank_by
from alrun.types import Need


@dataclass(frozen=True)
class LeastConfidence:
    """Picks the HIGHEST 1 - max(p) first: where the model's best guess is the least likely.

    Score: in 0..1 - 1/C. Draws nothing at random.

    Time: O(N C). Memory: a few numbers a candidate, and blocks of 2^19 numbers.

    Source: Lewis and Gale, A Sequential Algorithm for Training Text Classifiers, SIGIR 1994; Encord Active, "Least
    Confidence".
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.PROBABILITIES})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return the `budget` candidates with the least likely best guess.

        Raises
        ------
        DataError
            If the probabilities are not usable; the message names the rows.
        """
        scores = probability_scores(inputs, lambda probabilities: 1 - largest(probabilities))
        return rank_by(scores, budget, "high", lambda _, score: f"best guess {1 - score:.1%} likely")
