"""Core-Set: cover the pool, the image that is farthest from everything labelled next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alrun.numeric.kcenter import k_center
from alrun.seeds import uniform_by_key
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.cost import Size, Work, picks, points
from alrun.strategies.geometry import checked_points
from alrun.types import Need


@dataclass(frozen=True)
class KCenter:
    """Picks the image with the LARGEST Euclidean distance to the nearest labelled or already picked one.

    Score: that distance, min over s of |z(x) - z(s)|: no image is further than the next score from what is chosen.
    With nothing labelled the first pick is random and has the score of the second, the distance of the farthest
    image from it. Embeddings are taken as they are. The picks equal those of a float64 loop; ties go to the lower
    data hash. See `alrun.numeric.kcenter` for how.

    Time: O(N (L + B) D) at worst for N candidates, L labelled, a budget of B and D dimensions; a fifth of it and less
    on embeddings of images. Memory: 24 bytes a candidate, the labelled and picked embeddings, and a block of 32,768
    rows at most; the pool's embeddings may be memory-mapped.

    Source: Sener and Savarese, Active Learning for Convolutional Neural Networks: A Core-Set Approach, ICLR 2018,
    algorithm 1 (the greedy one, as everybody uses; not the mixed integer programme that refines it). The paper
    uses the activations of the trained network; here it is the configured embedding.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return at most N (L + B) D operations, and the bytes of the centres and of the rows a round looks at."""
        width, centres = size.dimensions, size.labelled + size.budget
        copied = 8 * min(size.candidates, 32_768) * width
        held = points(size) + 64 * size.candidates + 12 * centres * width + copied + size.rows(256 + width / 2)
        return Work(size.candidates * (centres + 1) * (width + 8), held + picks(size))

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates that cover the pool.

        Raises
        ------
        DataError
            If embeddings are not usable; the message names the rows.
        """
        found = checked_points(inputs)
        size = len(found.points)
        count = min(budget, size)
        if not count:
            return found.ranking(np.zeros(0, np.int64), np.zeros(0), lambda *_: "")
        first = int(uniform_by_key(inputs.candidates["data_hash"].gather(found.order), rng).argmin())
        rows, scores = k_center(found.points, found.labelled, first, min(max(count, 2), size))
        if not len(found.labelled):
            scores[0] = scores[1] if size > 1 else 0
        return found.ranking(
            rows[:count], scores[:count], lambda _, score: f"{score:.4g} away from everything labelled or picked"
        )
