"""Cluster-Margin: the smallest margins, from many clusters."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Le

from alrun.numeric.linkage import average_linkage
from alrun.seeds import uniform_by_key
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.cost import REASON, Size, Work, picks, points
from alrun.strategies.geometry import checked_points
from alrun.strategies.margin import Margin
from alrun.types import Need


@dataclass(frozen=True)
class ClusterMargin:
    """Keeps the `factor` times the budget with the LOWEST margin and draws from their clusters in turn.

    The margin is p1 - p2, the two highest class probabilities; it is the score. All candidates are clustered by average
    linkage of the cosine distances of their embeddings. The clusters of the images kept take turns, those with the
    fewest such images first, of equal ones that with the lowest data hash; each gives one at random, until it is used
    up. Labelled images play no part.

    Time: O(N² D) in matrix products for the clusters, in each round anew: a minute or two for 50,000 candidates on two
    cores; O(N C) for the margins. Memory: a scaled copy of the embeddings, 12 bytes more for each number of it, and
    blocks: O(N D), not N x N.

    Source: Citovsky et al., Batch Active Learning at Scale, NeurIPS 2021, algorithms 1 and 2. `factor` is k_m / k_t,
    and `distance` is epsilon. There the clusters are found once for the whole pool, with the network's last but one
    layer; here each round finds those of its candidates, with the configured embedding.

    Attributes
    ----------
    factor
        1 or above.
    distance
        The mean cosine distance up to which clusters are joined, above 0, at most 2. None takes `cluster_size`.
    cluster_size
        1 or above: the closest clusters are joined until they have so many images on average.
    """

    factor: Annotated[int, Ge(1)] = 10
    distance: Annotated[float, Gt(0), Le(2)] | None = None
    cluster_size: Annotated[int, Ge(1)] = 10

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS, Need.PROBABILITIES})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return 4 N² D operations, and the bytes of a few copies of the embeddings."""
        number, width = size.candidates, size.dimensions
        copies = 28 * number * width + 256 * number + size.rows(3 * 2048, 512) + 4 * 8 * 4096 * width
        kept = REASON * min(number, self.factor * size.budget)
        return Work(4 * number**2 * (width + 32), points(size, unit=True) + copies + kept + picks(size))

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates with small margins from many clusters.

        Raises
        ------
        DataError
            If embeddings or probabilities are not usable; the message names the rows.
        """
        found = checked_points(inputs, unit=True)
        kept = Margin().select(inputs, self.factor * budget, rng)
        places = found.places(kept.rows)
        clusters = self._clusters(found.points)[places]
        sizes = np.bincount(clusters, minlength=1)[clusters]
        drawn = uniform_by_key(inputs.candidates["data_hash"].gather(kept.rows), rng)
        turns = _places_in_groups(clusters, np.lexsort((places, drawn)))
        order = np.lexsort((clusters, sizes, turns))[:budget]
        reasons = tuple(
            f"best guess {score:.1%} ahead of the next, from a cluster of {size} of the {len(places)} smallest margins"
            for score, size in zip(kept.scores[order].tolist(), sizes[order].tolist(), strict=True)
        )
        return Ranking(kept.rows[order], kept.scores[order], reasons)

    def _clusters(self, points: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
        if self.distance is not None:
            return average_linkage(points, self.distance).clusters(1)
        return average_linkage(points).clusters(ceil(len(points) / self.cluster_size))


def _places_in_groups(groups: npt.NDArray[np.int64], order: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how many of its group each row comes after, in the order given."""
    places = np.empty(len(groups), np.int64)
    by_group = order[np.argsort(groups[order], kind="stable")]
    starts = np.searchsorted(groups[by_group], groups[by_group])
    places[by_group] = np.arange(len(groups)) - starts
    return places
