"""How unlike its neighbours an image is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Le

from alrun.metrics.base import MetricInputs
from alrun.metrics.neighbourhood import all_neighbours, mean_of_nearest
from alrun.types import Need


@dataclass(frozen=True)
class NeighbourDiversity:
    """The mean cosine distance of an image to its nearest other images, 1 at most, in 0..1. HIGH is unlike them.

    NaN if there is no other image.

    Source: Encord Active, second engine, which calls this "Image Diversity": the name of its first engine's rank,
    of which LOW comes first (see `alrun.metrics.image_diversity`). Here the two have two names, and neighbours are
    exact.

    Attributes
    ----------
    neighbours
        How many of the nearest count; all others if there are fewer.
    """

    neighbours: Annotated[int, Ge(1), Le(1000)] = 50

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,)."""
        del rng
        return np.minimum(mean_of_nearest(all_neighbours(inputs, self.neighbours)), 1)
