"""k-means sampling: as many clusters as picks, the most central image of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alrun.numeric.kmeans import kmeans
from alrun.numeric.turns import round_robin_ranks
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.geometry import checked_points
from alrun.types import Need


@dataclass(frozen=True)
class KMeans:
    """Clusters the candidates into as many clusters as the budget and picks the LEAST distance to each centre.

    Score: the Euclidean distance of the image to its cluster's centre. The largest cluster comes first. Where fewer
    images are distinct than picks are wanted, the clusters' next closest images follow in turn. Labelled images play
    no part. Embeddings are taken as they are. Ties go to the lower data hash.

    Time: O(T N B D) for T passes of Lloyd's algorithm, rarely above 100. Memory: O(B D) and 32 bytes a candidate.

    Source: Zhdanov, Diverse mini-batch Active Learning, 2019, section 3.1 without weights; Yuan, Lin and Boyd-Graber,
    Cold-start Active Learning through Self-supervised Language Modeling, EMNLP 2020. A single k-means++ start; see
    `alrun.numeric.kmeans`.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates that are central to their clusters.

        Raises
        ------
        DataError
            If embeddings are not usable; the message names the rows.
        """
        found = checked_points(inputs)
        count = min(budget, len(found.points))
        if not count:
            return found.ranking(np.zeros(0, np.int64), np.zeros(0), lambda *_: "")
        clustering = kmeans(found.points, count, rng)
        rows = np.argsort(round_robin_ranks(clustering.labels, clustering.distances))[:count]
        sizes = np.bincount(clustering.labels)[clustering.labels[rows]]
        return found.ranking(
            rows,
            np.sqrt(clustering.distances[rows]),
            lambda rank, score: f"{score:.4g} from the centre of a cluster of {sizes[rank - 1]}",
        )
