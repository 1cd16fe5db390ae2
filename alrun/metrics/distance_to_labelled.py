"""How far an image is from what is labelled already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.metrics.neighbourhood import embeddings_of
from alrun.numeric.cosine import nearest_distances
from alrun.types import Need


@dataclass(frozen=True)
class DistanceToLabelled:
    """The cosine distance of each image to the nearest labelled one, in 0..2. HIGH is unlike all that is labelled.

    0 for labelled images; NaN for all while nothing is labelled.

    Source: the distance of Sener and Savarese, "Active Learning for Convolutional Neural Networks: A Core-Set
    Approach" (ICLR 2018), with the cosine.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,)."""
        del rng
        points = embeddings_of(inputs)
        values = np.zeros(len(points))
        labelled, others = np.flatnonzero(inputs.labelled), np.flatnonzero(~inputs.labelled)
        nearest = nearest_distances(points, others, labelled, 1)[:, 0]
        values[others] = nearest if len(labelled) else np.nan
        return values
