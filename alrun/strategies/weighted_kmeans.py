"""Weighted k-means: diverse among the uncertain, the more uncertain the more weight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.central import central
from alrun.strategies.cost import REASON, Size, Work, clustering, picks, points
from alrun.strategies.geometry import checked_points
from alrun.strategies.margin import Margin
from alrun.types import Need


@dataclass(frozen=True)
class WeightedKMeans:
    """Keeps the `factor` times the budget with the LOWEST margin and picks the most central ones of their clusters.

    The margin is p1 - p2, the two highest class probabilities. The images kept are clustered into as many clusters as
    the budget by k-means in which each weighs 1 - margin: the sum of weight * distance² to the centre is least. Of each
    cluster the closest to its centre is picked. Score: that Euclidean distance, LEAST of its cluster. The largest
    cluster comes first; where fewer images are distinct than picks are wanted, the clusters' next closest follow in
    turn. Labelled images play no part. Embeddings are taken as they are. Ties go to the lower data hash.

    Time: O(N C) for the margins and O(T factor B² D) for T passes of k-means. Memory: a copy of the factor * B
    embeddings kept, O(B D), and 32 bytes a candidate.

    Source: Zhdanov, Diverse mini-batch Active Learning, 2019, sections 3.1 and 3.2; factor is its beta, 10 to 50 there.
    It leaves the measure of uncertainty open; its experiments use the margin. A single k-means++ start; see
    `alrun.numeric.kmeans`.

    Attributes
    ----------
    factor
        1 or above.
    """

    factor: Annotated[int, Ge(1)] = 10

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS, Need.PROBABILITIES})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return the work of k-means with 100 passes of the factor * B images kept, with a copy of their embeddings."""
        kept = size.among(self.factor * size.budget)
        held = 64 * size.candidates + 4 * kept.candidates * size.dimensions + REASON * kept.candidates
        return clustering(kept, size.budget).holding(points(size) + held + picks(size))

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` uncertain candidates that are central to their clusters.

        Raises
        ------
        DataError
            If embeddings or probabilities are not usable; the message names the rows.
        """
        found = checked_points(inputs)
        kept = Margin().select(inputs, self.factor * budget, rng)
        places = found.places(kept.rows)
        order = np.argsort(places)
        return central(found, places[order], budget, rng, 1 - kept.scores[order], ", weight {:.3f}")
