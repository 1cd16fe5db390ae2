"""Random sampling: the baseline that every strategy has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alrun.seeds import uniform_by_key
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.ranking import rank_by
from alrun.types import Need


@dataclass(frozen=True)
class Random:
    """Picks uniformly at random; the score is the number drawn for the image in [0, 1), lowest first.

    The number of an image depends on the generator and its data hash only: a larger budget adds picks to
    those of a smaller one, and filtering out one image changes no other's turn.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` random candidates in random order."""
        drawn = uniform_by_key(inputs.candidates["data_hash"], rng)
        return rank_by(drawn, budget, "low", lambda _, score: f"drawn at random: {score:.4f}")
