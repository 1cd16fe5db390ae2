"""Whether the objects of an image are wide or tall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.metrics.objects import Aggregate, bounds, image_size, per_image
from alrun.types import LabelledObject, Need, Task


@dataclass(frozen=True)
class ObjectAspectRatio:
    """Width by height, in pixels, of the upright box around an object, 0 or above. HIGH is wide, LOW is tall.

    NaN where nobody labelled the image, without objects, for an object without height, and where the platform does not
    know the image's size.

    Source: Encord Active, "Object Aspect Ratio", one row an object, of corners rounded to pixels.

    Attributes
    ----------
    aggregate
        Which of an image's objects counts: the one with the lowest value, the highest, or the mean of all.
    """

    aggregate: Aggregate = "mean"

    needs: ClassVar[frozenset[Need]] = frozenset()

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,)."""
        del rng
        return per_image(inputs, _ratio, self.aggregate)


def _ratio(task: Task, item: LabelledObject) -> float:
    left, top, right, bottom = bounds(item)
    width, height = image_size(task)
    return (right - left) * width / ((bottom - top) * height) if bottom > top else float("nan")
