"""Facility location: every image similar to one that is chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.cost import Size, Work
from alrun.strategies.coverage import cover, cover_work
from alrun.types import Need


@dataclass(frozen=True)
class FacilityLocation:
    """Picks the LARGEST gain of F(S) = mean over candidates x of max over s in S of max(0, cos(z(x), z(s))).

    Score: the gain, in 0..1. Labelled images are in S from the beginning. Greedy, at least (1 - 1/e) of the best
    possible F. Rows whose gains are equal to within 1e-9 go by data hash. Draws nothing at random.

    Time: O(N² D) to begin with. Up to 50,000 candidates, O(N² log(budget)) operations on whole numbers then, as a rule;
    above, O(256 N D) for each batch of gains that is brought up to date, one or a few a pick. Memory: a scaled copy of
    the embeddings, O(N), and, up to 50,000 candidates, all similarities in 16 bits: 200 MB for 10,000, 5 GB for 50,000.

    Source: Nemhauser, Wolsey and Fisher, An analysis of approximations for maximizing submodular set functions, 1978
    (greedy); Minoux, Accelerated greedy algorithms, 1978 (lazy); Wei, Iyer and Bilmes, Submodularity in Data Subset
    Selection and Active Learning, ICML 2015, without their filter by uncertainty. There the similarity is the
    largest distance less the distance; cosine is what later libraries use for embeddings.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return the work of :func:`alrun.strategies.coverage.cover_work`."""
        return cover_work(size)

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return `budget` candidates to which the others are similar.

        Raises
        ------
        DataError
            If embeddings are not usable; the message names the rows.
        """
        return cover(inputs, _cosine, budget)


def _cosine(points: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return points @ others.T
