"""MaxHerding: generalised coverage for low budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Gt

from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.cost import Size, Work
from alrun.strategies.coverage import cover, cover_work
from alrun.types import Need


@dataclass(frozen=True)
class MaxHerding:
    """Picks the LARGEST gain of C(S) = mean over candidates x of max over s in S of k(z(x), z(s)).

    k(a, b) = exp(-|a - b|² / (2 bandwidth²)) on embeddings scaled to length 1. Score: the gain, in 0..1. Labelled
    images are in S from the beginning; with none, the first pick is the mode of the kernel density. Rows whose gains
    are equal to within 1e-9 go by data hash. Draws nothing at random.

    Time: O(N² D) to begin with. Up to 50,000 candidates, O(N² log(budget)) operations on whole numbers then, as a rule;
    above, O(256 N D) for each batch of gains that is brought up to date, one or a few a pick. Memory: a scaled copy of
    the embeddings, O(N), and, up to 50,000 candidates, all similarities in 16 bits: 200 MB for 10,000, 5 GB for 50,000.

    Source: Bae, Noh and Sutherland, Generalized Coverage for More Robust Low-Budget Active Learning, ECCV 2024,
    algorithm 1. There the mean is over candidates and labelled images: the latter are covered fully, which changes no
    pick. The same choice as the plain loop over all gains, found lazily.

    Attributes
    ----------
    bandwidth
        Above 0, a length between unit vectors (0..2). The paper finds results robust to it.
    """

    bandwidth: Annotated[float, Gt(0)] = 1.0

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return the work of :func:`alrun.strategies.coverage.cover_work`."""
        return cover_work(size, 64)

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return `budget` candidates that cover the pool.

        Raises
        ------
        DataError
            If embeddings are not usable; the message names the rows.
        """
        return cover(inputs, self._kernel, budget)

    def _kernel(self, points: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        squares = points @ others.T
        squares *= -2
        squares += np.square(points).sum(axis=1)[:, None]
        squares += np.square(others).sum(axis=1)
        squares /= -2 * self.bandwidth**2
        similar: npt.NDArray[np.float64] = np.exp(np.minimum(squares, 0, out=squares), out=squares)
        return similar
