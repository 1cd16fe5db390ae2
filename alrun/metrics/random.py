"""Random values: the baseline that every metric has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.seeds import uniform_by_key
from alrun.types import Need


@dataclass(frozen=True)
class Random:
    """A uniform random number in [0, 1) for each image; neither end means anything.

    The number of an image depends on the generator and its data hash only, so that it stays the same whatever
    else is in the pool. Source: Encord Active, "Random Values on Images", which is not seeded.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return the numbers, float64 of shape (N,), in [0, 1)."""
        return uniform_by_key((task.data_hash for task in inputs.tasks), rng)
