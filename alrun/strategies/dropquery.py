"""DropQuery: diverse among the images of which parts of the embedding tell the model something else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Lt

from alrun.errors import DataError
from alrun.numeric.blocks import ROWS, blocks
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.central import central
from alrun.strategies.cost import Size, Work, clustering, picks, points
from alrun.strategies.geometry import Points, checked_points
from alrun.types import Need


@dataclass(frozen=True)
class DropQuery:
    """Keeps the images whose prediction changes in MOST of `masks` dropouts, and picks the most central of clusters.

    A dropout sets each number of the embedding to 0 with probability `rate` and divides the others by 1 - rate. The
    images of which more than half of the dropouts change the most likely class, or those that change most often if
    fewer than the budget do, are clustered by k-means into as many clusters as the budget; of each the closest to its
    centre is picked. Score: that Euclidean distance, LEAST of its cluster. The largest cluster comes first; where fewer
    images are distinct than picks are wanted, the clusters' next closest follow in turn. Labelled images play no part.
    Ties go to the lower data hash.

    The model must take embeddings (`inputs: embeddings`): it is asked about changed ones.

    Time: masks + 1 predictions of the pool, and O(T M B D) for T passes of k-means over the M images kept. Memory: a
    copy of the embeddings kept, O(B D), 24 bytes a candidate, and blocks.

    Source: Gupte, Aklilu, Nirschl and Yeung-Levy, Revisiting Active Learning in the Era of Vision Foundation Models,
    TMLR 2024: 3 dropouts at a rate of 0.75. scikit-activeml takes 5, and does not divide.

    Attributes
    ----------
    masks
        1 or above.
    rate
        Above 0, below 1.
    """

    masks: Annotated[int, Ge(1)] = 3
    rate: Annotated[float, Gt(0), Lt(1)] = 0.75

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS, Need.PREDICT})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return the work of k-means with 100 passes of all candidates, that all are kept, and of a linear model."""
        masked = size.rows(4 * size.dimensions) + 8 * ROWS * (6 * size.dimensions + 8 * size.classes)
        held = points(size) + 4 * size.candidates * size.dimensions + 40 * size.candidates + masked + picks(size)
        passes = 4 * size.candidates * (self.masks + 1) * size.dimensions * max(size.classes, 16)
        return Work(passes).then(clustering(size, size.budget)).holding(held)

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates on which the model can be swayed.

        Raises
        ------
        DataError
            If embeddings are not usable; the message names the rows.
        """
        found = checked_points(inputs)
        changes = self._changes(found, inputs, rng)
        order = np.argsort(-changes, kind="stable")
        count = max(int(np.count_nonzero(changes > self.masks / 2)), min(budget, len(changes)))
        rows = np.sort(order[:count])
        what = f" of those of which {int(changes[rows].min(initial=self.masks))} or more of {self.masks} dropouts"
        return central(found, rows, budget, rng, what=f"{what} change the prediction")

    def _changes(self, found: Points, inputs: StrategyInputs, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Return how many dropouts change the prediction of each point."""
        if inputs.predict is None:
            raise ValueError("the strategy was called without the predictions it declares")
        changes = np.zeros(len(found.points), np.int64)
        for block in blocks(len(found.points)):
            points = found.points[block]
            straight = _most_likely(inputs.predict, points)
            for _ in range(self.masks):
                kept = rng.random(points.shape, np.float32) >= self.rate
                dropped = np.where(kept, points / np.float32(1 - self.rate), np.float32(0))
                changes[block] += _most_likely(inputs.predict, dropped) != straight
        return changes


def _most_likely(
    predict: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]], points: npt.NDArray[np.float32]
) -> npt.NDArray[np.int64]:
    probabilities = predict(points)
    if probabilities.ndim != 2 or len(probabilities) != len(points) or not np.isfinite(probabilities).all():
        raise DataError(
            f"the model's predictions of {len(points)} embeddings cannot be used: they have the shape "
            f"{probabilities.shape}, or a number that is not finite"
        )
    return np.asarray(probabilities.argmax(axis=1))
