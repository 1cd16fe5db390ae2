"""k-means sampling: as many clusters as picks, the most central image of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.central import central
from alrun.strategies.cost import Size, Work, clustering, picks, points
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

    def work(self, size: Size) -> Work:
        """Return the operations of 100 passes, 2 N B (D + 16) each, more than nearly all take, and the bytes."""
        return clustering(size, size.budget).holding(points(size) + picks(size))

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates that are central to their clusters.

        Raises
        ------
        DataError
            If embeddings are not usable; the message names the rows.
        """
        found = checked_points(inputs)
        return central(found, np.arange(len(found.points)), budget, rng)
