"""How dense the pool is around an image."""

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
class Typicality:
    """1 / (1 + mean distance to the nearest other images), in 1/3..1. HIGH is typical, LOW is an outlier.

    The distance is the Euclidean one between embeddings scaled to length 1, 0..2. NaN if there is no other image.

    Source: Hacohen, Dekel and Weinshall, "Active Learning on a Budget: Opposite Strategies Suit High and Low
    Budgets" (ICML 2022). Theirs is 1 / mean, which an image with copies makes infinite; the order is the same.

    Attributes
    ----------
    neighbours
        How many of the nearest count; all others if there are fewer.
    """

    neighbours: Annotated[int, Ge(1), Le(1000)] = 20

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,)."""
        del rng
        return 1 / (1 + mean_of_nearest(np.sqrt(2 * all_neighbours(inputs, self.neighbours))))
