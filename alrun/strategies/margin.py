"""Margin sampling: the closest race of the two best guesses first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alrun.numeric.information import lead
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.ranking import probability_scores, rank_by
from alrun.types import Need


@dataclass(frozen=True)
class Margin:
    """Picks the LOWEST p1 - p2 first, the two highest class probabilities.

    Score: in 0..1; with a single class p2 is 0. Draws nothing at random.

    Time: O(N C). Memory: a few numbers a candidate, and blocks of 2^19 numbers.

    Source: Scheffer, Decomain and Wrobel, Active Hidden Markov Models for Information Extraction, IDA 2001; Encord
    Active, "Margin".
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.PROBABILITIES})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return the `budget` candidates with the closest two best guesses.

        Raises
        ------
        DataError
            If the probabilities are not usable; the message names the rows.
        """
        scores = probability_scores(inputs, lead)
        return rank_by(scores, budget, "low", lambda _, score: f"best guess {score:.1%} ahead of the next")
