"""How much of an image one of its objects covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.metrics.objects import Aggregate, per_image
from alrun.metrics.outlines import union_area
from alrun.types import LabelledObject, Need, Task


@dataclass(frozen=True)
class ObjectAreaRelative:
    """The percentage of an image that an object covers, in 0..100. LOW is small.

    NaN where nobody labelled the image, and without objects. What several cover together is `object_density`.

    Source: Encord Active, "Object Area - Relative", one row an object. Its second engine gave a fraction of 1.

    Attributes
    ----------
    aggregate
        Which of an image's objects counts: the one with the lowest value, the highest, or the mean of all.
    """

    aggregate: Aggregate = "min"

    needs: ClassVar[frozenset[Need]] = frozenset()

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,)."""
        del rng
        return per_image(inputs, _percentage, self.aggregate)


def _percentage(_: Task, item: LabelledObject) -> float:
    return 100 * union_area([item.points])
