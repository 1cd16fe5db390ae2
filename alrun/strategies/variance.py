"""Variance sampling: the flattest class distribution first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alrun.numeric.blocks import number_per_row
from alrun.numeric.information import rows_at_once
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.ranking import class_probabilities, rank_by
from alrun.types import Need


@dataclass(frozen=True)
class Variance:
    """Picks the LOWEST variance of the class probabilities first: the flattest distribution.

    Score: the mean squared deviation from 1/C (ddof 0), in 0..(C - 1)/C². Draws nothing at random. Source:
    Encord Active, "Variance".
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
        probabilities = class_probabilities(inputs)
        at_once = rows_at_once(probabilities.shape[1])
        scores = number_per_row(lambda rows: probabilities[rows].var(axis=1), len(probabilities), at_once)
        return rank_by(scores, budget, "low", lambda _, score: f"variance {score:.4f} of the class probabilities")
