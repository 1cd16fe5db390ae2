"""How close the objects of an image come to its border."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.metrics.objects import Aggregate, bounds, per_image
from alrun.types import LabelledObject, Need, Task


@dataclass(frozen=True)
class BorderCloseness:
    """How far towards a border an object reaches, in 0.5..1. HIGH is at the border: the object may be cut off.

    The largest of right, bottom, 1 - left and 1 - top of its outline, relative to the image: 1 touches a border, 0.5 is
    a point in the middle. NaN where nobody labelled the image, and without objects.

    Source: Encord Active, "Annotation closeness to image borders", first engine, one row an object. Its second engine
    divided by the number of pixels twice.

    Attributes
    ----------
    aggregate
        Which of an image's objects counts: the one with the lowest value, the highest, or the mean of all.
    """

    aggregate: Aggregate = "max"

    needs: ClassVar[frozenset[Need]] = frozenset()

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,)."""
        del rng
        return per_image(inputs, _closeness, self.aggregate)


def _closeness(_: Task, item: LabelledObject) -> float:
    left, top, right, bottom = bounds(item)
    return max(right, bottom, 1 - left, 1 - top)
