"""CLUE: the centres of clusters in which uncertain images weigh more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Gt

from alrun.numeric.information import bits
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.central import central
from alrun.strategies.cost import Size, Work, clustering, picks, points
from alrun.strategies.geometry import checked_points
from alrun.strategies.ranking import probability_scores
from alrun.types import Need


@dataclass(frozen=True)
class Clue:
    """Clusters the candidates, weighted by entropy, and picks the LEAST distance to each centre.

    k-means with as many clusters as the budget finds the least sum of H(x) |z(x) - centre|², where H(x) is the entropy
    of the class probabilities p^(1/T), scaled to sum 1: those of a softmax at `temperature` T. Of each cluster the
    closest to its centre is picked. Score: that Euclidean distance. The largest cluster comes first; where fewer
    images are distinct than picks are wanted, the clusters' next closest follow in turn. If all entropies are 0, all
    images weigh the same. Labelled images play no part. Embeddings are taken as they are. Ties go to the lower hash.

    Time: O(T N B D) for T passes of Lloyd's algorithm. Memory: O(B D) and 48 bytes a candidate; the embeddings are not
    copied.

    Source: Prabhu, Chandrasekaran, Saenko and Hoffman, Active Domain Adaptation via Clustering Uncertainty-weighted
    Embeddings, ICCV 2021. T is 1 for its digits and 0.1 for DomainNet. There the embedding is the network's last but
    one layer; here it is the configured one. A single k-means++ start; see `alrun.numeric.kmeans`.

    Attributes
    ----------
    temperature
        Above 0; below 1 makes the model look surer, so that the weights differ more.
    """

    temperature: Annotated[float, Gt(0)] = 1.0

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS, Need.PROBABILITIES})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return the operations of 100 passes, 2 N B (D + 16) each, more than nearly all take, and the bytes."""
        weigh = Work(64 * size.candidates * size.classes, size.rows(6 * size.classes))
        return weigh.then(clustering(size, size.budget)).holding(points(size) + 24 * size.candidates + picks(size))

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates that are central to their clusters.

        Raises
        ------
        DataError
            If embeddings or probabilities are not usable; the message names the rows.
        """
        found = checked_points(inputs)

        def weigh(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
            sharper = (probabilities / probabilities.max(axis=1, keepdims=True)) ** (1 / self.temperature)
            return bits(sharper / sharper.sum(axis=1, keepdims=True))

        weights = probability_scores(inputs, weigh)[found.order]
        rows = np.arange(len(found.points))
        return central(found, rows, budget, rng, np.maximum(weights, 0), ", entropy {:.2f} bits")
