"""PowerBALD: images drawn by a power of their BALD score, so that a batch is not one image many times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt

from alrun.numeric.information import mutual_information
from alrun.seeds import uniform_by_key
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.ranking import rank_by, sample_scores
from alrun.types import Need


@dataclass(frozen=True)
class PowerBald:
    """Draws images without replacement, each with probability in proportion to its BALD score to the power of `beta`.

    In one pass: the order of ln s + G / beta, HIGHEST first, with a Gumbel number G for each image is such a draw.
    An image with score 0 comes last; those follow by row. Score: s, the BALD score in bits (see `bald`), so that the
    scores of a batch do not fall steadily.

    Time: O(N (K C + log N)). Memory: the samples, blocks, and a few numbers a candidate.

    Attributes
    ----------
    beta
        0 would be `random` among images with a score, infinity is `bald`; 1 as in the paper.

    Source: Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron and Gal, Stochastic Batch Acquisition: A Simple
    Baseline for Deep Active Learning, TMLR 2023.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.SAMPLES})

    beta: Annotated[float, Gt(0)] = 1.0

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates, drawn.

        Raises
        ------
        DataError
            If the samples are not usable; the message names the rows.
        """
        scores = sample_scores(inputs, mutual_information)
        # The number of an image does not depend on which others are candidates; 0 becomes the least above it.
        uniform = np.maximum(uniform_by_key(inputs.candidates["data_hash"], rng), 2.0**-53)
        gumbel = -np.log(-np.log(uniform))
        with np.errstate(divide="ignore"):
            keys = np.log(scores) + gumbel / self.beta
        rows = rank_by(keys, budget, "high", lambda *_: "").rows
        return Ranking(rows, scores[rows], tuple(f"drawn by {s:.3g} bits about the model" for s in scores[rows]))
