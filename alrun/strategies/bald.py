"""BALD: where the members are each sure of something else first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alrun.numeric.information import mutual_information
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.ranking import rank_by, sample_scores
from alrun.types import Need


@dataclass(frozen=True)
class Bald:
    """Picks the HIGHEST mutual information of an image's label and the model's weights first.

    Score: H(mean of p_k) - mean of H(p_k) over the K samples, in bits, in 0..min(log2 C, log2 K). An image that every
    sample finds ambiguous scores 0, unlike in `entropy`. Draws nothing at random itself. No hyper-parameter; the paper
    leaves K to the model (20 to 100 draws of MC dropout).

    Time: O(N K C). Memory: the samples, and blocks of 2^19 numbers.

    Source: Houlsby, Huszár, Ghahramani and Lengyel, Bayesian Active Learning for Classification and Preference
    Learning, 2011; for MC dropout, Gal, Islam and Ghahramani, Deep Bayesian Active Learning with Image Data, ICML 2017.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.SAMPLES})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return the `budget` candidates with the highest mutual information.

        Raises
        ------
        DataError
            If the samples are not usable; the message names the rows.
        """
        scores = sample_scores(inputs, mutual_information)
        return rank_by(scores, budget, "high", lambda _, score: f"{score:.3g} bits about the model")
