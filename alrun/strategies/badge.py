"""BADGE: a batch whose gradients are large and point different ways."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.numeric.blocks import Doubles, Rows
from alrun.numeric.d2 import Factor, d2_sample, row_norms, rows_of
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.cost import Size, Work, draws, picks, points
from alrun.strategies.geometry import checked_points
from alrun.strategies.ranking import class_probabilities
from alrun.types import Need


@dataclass(frozen=True)
class Badge:
    """Draws images by k-means++ on the gradients that their most likely label would cause in a last layer.

    The gradient of an image is g(x) = (p(x) - e(y)) x z(x), the outer product of its class probabilities less 1 at the
    most likely class y, and its embedding. First comes the LARGEST |g|; each next one is drawn with probability in
    proportion to D²(x), the squared distance of g(x) to the nearest one picked. Score: D(x) when it was drawn, |g| for
    the first. Labelled images play no part. Once D is 0 everywhere, the rest follows by data hash. Of equally likely
    classes y is the first. No hyper-parameter.

    z is the configured embedding, for every model. The paper takes the activations before the last layer of the
    network it trains; for a model with `inputs: embeddings` and a linear last layer the two are the same.

    Time: O((N + B²) (C + D)) in matrix products as a rule, O(N B (C + D)) at worst, for a budget of B, C classes and D
    dimensions. Memory besides the inputs: 32 bytes a candidate, 8 B (C + D) bytes and blocks; 26 MiB on 2 cores for
    N = 100,000, B = 1,000, C = 1,000 and D = 512. The N x C·D gradients, there 205 GB, are never formed, since
    <p x z, q x w> = <p, q> <z, w>. See `alrun.numeric.d2`: the distribution is exactly that of k-means++.

    Source: Ash, Zhang, Krishnamurthy, Langford and Agarwal, Deep Batch Active Learning by Diverse, Uncertain Gradient
    Lower Bounds, ICLR 2020, algorithm 1, and its code for the first pick.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS, Need.PROBABILITIES})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return 4 N B (C + D) operations at most, and the bytes of some numbers a candidate, the picks and blocks."""
        found = draws(size, size.budget, size.classes + size.dimensions)
        return found.holding(points(size) + 16 * size.candidates + picks(size))

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates with large and different gradients.

        Raises
        ------
        DataError
            If embeddings or probabilities are not usable; the message names the rows.
        """
        found = checked_points(inputs)
        probabilities = class_probabilities(inputs)
        size = len(found.points)
        count = min(budget, size)
        if not count:
            return found.ranking(np.zeros(0, np.int64), np.zeros(0), lambda *_: "")
        factors = [_residuals(probabilities, found.order), rows_of(found.points)]
        norms = row_norms(factors, size)
        rows, squares = d2_sample(factors, norms, int(norms.argmax()), count, rng)
        return found.ranking(
            rows,
            np.sqrt(squares),
            lambda rank, score: (
                f"largest gradient: {score:.4g}"
                if rank == 1
                else f"gradient {score:.4g} away from every earlier pick's"
            ),
        )


def _residuals(probabilities: npt.NDArray[np.floating], order: Rows) -> Factor:
    """Return p - e(y), of the rows in this order, as a factor: the gradient of the logits."""

    def residuals(rows: slice | Rows) -> Doubles:
        some = probabilities[order[rows]].astype(np.float64, copy=False)
        some[np.arange(len(some)), some.argmax(axis=1)] -= 1
        return some

    return residuals
