"""How far an image is from the nearest other image: copies have none of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.metrics.neighbourhood import by_data_hash, embeddings_of
from alrun.numeric.cosine import distinct, leaders, nearest_distances
from alrun.types import Need

DUPLICATE = 1e-5
"""Images whose cosine distance is less than this are duplicates."""


@dataclass(frozen=True)
class Uniqueness:
    """The cosine distance of each image to the nearest image that is not its duplicate, in 0..2. LOW is redundant.

    Of images that are duplicates of each other (distance below 1e-5) the first by data hash gets this distance, the
    others get 0: in the order of the data hashes, an image that is no duplicate yet makes all later ones within
    1e-5 its duplicates. Up to 0.03 the original speaks of near-duplicates. NaN if there is no other image.

    With `embedding=pixels` images that differ only in brightness count as duplicates: the cosine distance does not see
    a common factor.

    Source: Encord Active, "Image Singularity" (in its cloud "Uniqueness"), first engine. Where this differs:

    * Neighbours are exact. There, they were approximate (NN-descent), of 30 at most, so that an image with 30
      duplicates got no value.
    * Its second engine divided by 2, and in small projects took a far neighbour for the nearest.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,)."""
        del rng
        order = by_data_hash(inputs)
        values = np.empty(len(order))
        values[order] = _uniqueness(embeddings_of(inputs)[order])
        return values


def _uniqueness(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    first, _ = distinct(points)
    different = points[first]
    rows = np.arange(len(first))
    nearest = nearest_distances(different, rows, rows, 1)[:, 0]
    close = np.flatnonzero(nearest < DUPLICATE)
    lead = rows.copy()
    lead[close] = close[leaders(different[close], DUPLICATE)]
    nearest[lead != rows] = 0
    search, k = close[lead[close] == close], 4
    while len(search):
        distances = nearest_distances(different, search, rows, k)
        nearest[search] = np.where(distances >= DUPLICATE, distances, np.inf).min(axis=1)
        search, k = search[distances[:, -1] < DUPLICATE], 4 * k
    values = np.zeros(len(points))
    values[first] = np.where(np.isfinite(nearest), nearest, np.nan)
    return values
