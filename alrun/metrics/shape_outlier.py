"""Whether an object has another shape than most of its class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.metrics.hu import DEGREES, hu_moments
from alrun.metrics.objects import Aggregate, image_size, together
from alrun.types import LabelledObject, Need, Task

Doubles = npt.NDArray[np.float64]

_FEWEST = 10
_CONSTANT = 1e-6


@dataclass(frozen=True)
class ShapeOutlier:
    """How unusual an object's shape is within its class, 0 or above. HIGH is an outlier; about 1 is ordinary.

    The shape is told by Hu's seven moments of the area inside the outline, in pixels, each as the root of its degree,
    so that they are of like size. Each is measured in standard deviations from the mean of the class over the
    project; the value is the root of the mean of their squares. Moments that are the same throughout a class (all but
    two are, if it has boxes only) do not count, and if all are, the value is 0. Position, size and turning make no
    difference. NaN for objects of a class with fewer than 10, for those without an area, where the platform does not
    know the image's size, and where nobody labelled the image.

    Source: Encord Active, "Shape outlier detection", which was documented but never run. Its value was 1 / distance to
    the mean, infinite for the most ordinary shape, of moments over eight orders of magnitude.

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
        found: list[tuple[int, str, Doubles]] = []
        for row in np.flatnonzero(inputs.labelled).tolist():
            label = inputs.labels[row]
            for item in () if label is None else label.objects:
                shape = _shape(inputs.tasks[row], item)
                if np.isfinite(shape).all():
                    found.append((row, item.name, shape))
        per_row: list[list[float]] = [[] for _ in inputs.tasks]
        for name in {name for _, name, _ in found}:
            members = [(row, shape) for row, of, shape in found if of == name]
            unusual = _unusual(np.array([shape for _, shape in members]))
            for (row, _), value in zip(members, unusual.tolist(), strict=True):
                per_row[row].append(value)
        return np.array([together(values, self.aggregate) for values in per_row], np.float64)


def _shape(task: Task, item: LabelledObject) -> Doubles:
    """Return the seven numbers of an object's shape, float64 (7,)."""
    points: Sequence[tuple[float, float]] = item.points
    if len(points) == 2:
        (left, top), (right, bottom) = points
        points = ((left, top), (right, top), (right, bottom), (left, bottom))
    moments = hu_moments(np.array(points, np.float64) * image_size(task))
    return np.asarray(np.sign(moments) * np.abs(moments) ** (1 / DEGREES))


def _unusual(shapes: Doubles) -> Doubles:
    """Return the value of each object of one class; sums are exact, so that the order of the objects is no matter."""
    size = len(shapes)
    if size < _FEWEST:
        return np.full(size, np.nan)
    mean = np.array([fsum(column) / size for column in shapes.T])
    spread = np.sqrt([fsum(np.square(column)) / size for column in (shapes - mean).T])
    varies = spread > _CONSTANT
    if not varies.any():
        return np.zeros(size)
    scores = (shapes - mean)[:, varies] / spread[varies]
    return np.asarray(np.sqrt(np.square(scores).mean(axis=1)))
