"""TypiClust: the most typical image of each part of the pool that is not labelled yet."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge

from alrun.cores import cores
from alrun.numeric.blocks import EQUAL, blocks, workers
from alrun.numeric.kmeans import kmeans
from alrun.progress import gauge
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.cost import DOUBLE, Size, Work, clustering, picks, points
from alrun.strategies.geometry import checked_points
from alrun.types import Need

_CELLS = 2**22  # distances that are held at once
_ZERO = 1e-12  # a squared distance of unit vectors that is this small is rounding


@dataclass(frozen=True)
class TypiClust:
    """Visits clusters with the FEWEST labelled images, of these the LARGEST, and picks the most typical image of each.

    Typicality: 1 / the mean distance to the `neighbours` nearest candidates of the cluster (half the cluster if that is
    fewer), on embeddings scaled to length 1. Score: that mean distance, the LOWEST of the cluster, 0 for the last
    one of a cluster. Clusters: k-means of candidates and labelled images together, as many as there are labelled
    images and picks wanted, `max_clusters` at most. Each cluster gives one image in its turn, then they are
    visited again, without the images picked.

    Time: O(T N K D) for T passes of k-means with K clusters, and O(n² D) for each visit to a cluster of n. Memory: two
    scaled copies of the embeddings, O(K D), and blocks. Mean distances that are equal to within 1e-9 go by data hash.

    Source: Hacohen, Dekel and Weinshall, Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets,
    ICML 2022, with the constants of its code. There, clusters of up to `small_cluster` images are left out; here they
    come last, so that a pool can be used up. There, k-means is not seeded and, above 50 clusters, is run on
    mini-batches; here it is `alrun.numeric.kmeans`.

    Attributes
    ----------
    neighbours
        1 or above.
    max_clusters
        1 or above.
    small_cluster
        Clusters of up to this many images, labelled ones included, come last; 0 or above.
    """

    neighbours: Annotated[int, Ge(1)] = 20
    max_clusters: Annotated[int, Ge(1)] = 500
    small_cluster: Annotated[int, Ge(0)] = 5

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return the work of k-means with 100 passes, and 2 n² D for each visit to a cluster of n images.

        That for clusters four times as large as their mean; the bytes are for any.
        """
        everything = size.among(size.candidates)
        everything = replace(everything, candidates=size.candidates + size.labelled)
        clusters = max(1, min(everything.candidates, size.labelled + size.budget, self.max_clusters))
        visited = min(size.candidates, 4 * size.candidates / clusters)
        visits = Work(
            DOUBLE * size.budget * visited**2 * (size.dimensions + 32),
            24 * size.candidates * size.dimensions + 8 * 6 * min(_CELLS, size.candidates**2) * cores(),
        )
        held = points(size, unit=True) + 4 * everything.candidates * (size.dimensions + 8) + picks(size)
        return clustering(everything, clusters).then(visits).holding(held)

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates that are typical of their clusters.

        Raises
        ------
        DataError
            If embeddings are not usable; the message names the rows.
        """
        found = checked_points(inputs, unit=True)
        size = len(found.points)
        count = min(budget, size)
        if not count:
            return found.ranking(np.zeros(0, np.int64), np.zeros(0), lambda *_: "")
        everything = np.concatenate([found.points, found.labelled])
        clusters = min(len(found.labelled) + count, self.max_clusters)
        labels = kmeans(everything, clusters, rng).labels
        left = {k: np.flatnonzero(labels[:size] == k) for k in self._visits(labels, size)}
        rows: list[int] = []
        scores: list[float] = []
        reasons: list[str] = []
        turns: list[int] = []
        with workers() as pool, gauge("picking typical images", count) as show:
            while len(rows) < count:
                show(len(rows))
                turns = turns or self._turns(left, labels)
                cluster = turns.pop(0)
                row, score = self._most_typical(found.points, left[cluster], pool)
                left[cluster] = left[cluster][left[cluster] != row]
                rows.append(row)
                scores.append(score)
                members = int(np.count_nonzero(labels == cluster))
                reasons.append(f"typical of a cluster of {members}, {score:.4g} from its neighbours")
        return found.ranking(np.array(rows, np.int64), np.array(scores), lambda rank, _: reasons[rank - 1])

    def _visits(self, labels: npt.NDArray[np.int64], size: int) -> list[int]:
        """Return the clusters in the order of their turns; of equal ones that of the lower row is first."""
        found, first, sizes = np.unique(labels, return_index=True, return_counts=True)
        marked = np.bincount(labels[size:], minlength=int(found[-1]) + 1)[found]
        return [int(k) for k in found[np.lexsort((first, -sizes, marked))]]

    def _turns(self, left: dict[int, npt.NDArray[np.int64]], labels: npt.NDArray[np.int64]) -> list[int]:
        """Return the clusters to visit next, each once; small ones only when no other has candidates."""
        some = [k for k, rows in left.items() if len(rows)]
        sizes = np.bincount(labels)
        return [k for k in some if sizes[k] > self.small_cluster] or some

    def _most_typical(
        self, points: npt.NDArray[np.float32], rows: npt.NDArray[np.int64], pool: Executor
    ) -> tuple[int, float]:
        if len(rows) == 1:
            return int(rows[0]), 0.0
        near = points[rows].astype(np.float64)
        parts = blocks(len(rows), max(1, _CELLS // len(rows)))
        mean = np.concatenate(list(pool.map(partial(self._mean_distances, near), parts)))
        least = float(mean.min())
        return int(rows[np.argmax(mean <= least * (1 + EQUAL))]), least

    def _mean_distances(self, near: npt.NDArray[np.float64], block: slice) -> npt.NDArray[np.float64]:
        norms = np.square(near).sum(axis=1)
        squares = norms[block, None] + norms - 2 * (near[block] @ near.T)
        squares[squares <= _ZERO] = 0
        squares[np.arange(len(squares)), np.arange(block.start, block.stop)] = np.inf
        k = min(self.neighbours, len(near) // 2)
        nearest = np.sort(np.partition(squares, k - 1, axis=1)[:, :k], axis=1)
        mean: npt.NDArray[np.float64] = np.sqrt(nearest).mean(axis=1)
        return mean
