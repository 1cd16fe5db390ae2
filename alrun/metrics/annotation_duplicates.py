"""Whether two objects of one class lie on each other: probably one, labelled twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.metrics.objects import bounds
from alrun.metrics.outlines import intersection_over_union
from alrun.types import LabelledObject, Need


@dataclass(frozen=True)
class AnnotationDuplicates:
    """The largest intersection over union of two objects of the same class in an image, in 0..1. HIGH is suspicious.

    0 where no two of the same class overlap. NaN where nobody labelled the image, and with fewer than two objects.

    Source: Encord Active, "Annotation Duplicates", first engine, which spoke of duplicates from 0.6 on. Its second
    engine compared objects of different classes too.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,)."""
        del rng
        values = np.full(len(inputs.tasks), np.nan)
        for row in np.flatnonzero(inputs.labelled).tolist():
            label = inputs.labels[row]
            if label is not None and len(label.objects) > 1:
                values[row] = _largest_overlap(label.objects)
        return values


def _largest_overlap(objects: Sequence[LabelledObject]) -> float:
    pairs = [(a, b) for a, b in combinations(objects, 2) if a.name == b.name and _boxes_meet(a, b)]
    return max((intersection_over_union(a.points, b.points) for a, b in pairs), default=0.0)


def _boxes_meet(one: LabelledObject, other: LabelledObject) -> bool:
    (left, top, right, bottom), (x0, y0, x1, y1) = bounds(one), bounds(other)
    return left < x1 and x0 < right and top < y1 and y0 < bottom
