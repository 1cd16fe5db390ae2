"""Variation ratio: where the fewest members vote for the most voted class first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alrun.numeric.information import vote_shares
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.geometry import hash_order
from alrun.strategies.ranking import rank_by, sample_scores
from alrun.types import Need


@dataclass(frozen=True)
class VariationRatio:
    """Picks the HIGHEST share of members that do not vote for the most voted class first.

    Score: 1 - f/K, where each of K members votes for its most likely class (the first of equals) and f votes are for
    the most voted one; in 0..1 - 1/min(C, K). Draws nothing at random. Time: O(N K C). Memory: the samples, and blocks.

    Source: Freeman, Elementary Applied Statistics, 1965; Gal, Islam and Ghahramani, Deep Bayesian Active Learning with
    Image Data, ICML 2017; for ensembles, Beluch, Genewein, Nürnberger and Köhler, CVPR 2018.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.SAMPLES})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return the `budget` candidates that the members agree on least.

        Raises
        ------
        DataError
            If the samples are not usable; the message names the rows.
        """
        scores = sample_scores(inputs, lambda samples: 1 - vote_shares(samples).max(axis=1))
        order = hash_order(inputs.candidates["data_hash"])  # votes tie all the time
        reason = "{:.0%} of the votes against the most voted class".format
        return rank_by(scores, budget, "high", lambda _, score: reason(score), order)
