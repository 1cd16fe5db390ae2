"""How large the objects of an image are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.metrics.objects import Aggregate, image_size, per_image
from alrun.metrics.outlines import union_area
from alrun.types import LabelledObject, Need, Task


@dataclass(frozen=True)
class ObjectAreaAbsolute:
    """The area of an object in square pixels, 0 or above. LOW is small.

    NaN where nobody labelled the image, without objects, and where the platform does not know the image's size.

    Source: Encord Active, "Object Area - Absolute", one row an object, which cut off the part after the point.

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
        return per_image(inputs, _area, self.aggregate)


def _area(task: Task, item: LabelledObject) -> float:
    width, height = image_size(task)
    return width * height * union_area([item.points])
