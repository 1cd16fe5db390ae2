"""What the metrics of labelled objects share: one number an object, brought together to one an image."""

from __future__ import annotations

from collections.abc import Callable
from math import isnan, nan
from statistics import fmean
from typing import Literal

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.types import LabelledObject, Task

Aggregate = Literal["min", "max", "mean"]
Doubles = npt.NDArray[np.float64]


def per_image(inputs: MetricInputs, measure: Callable[[Task, LabelledObject], float], aggregate: Aggregate) -> Doubles:
    """Return float64 of shape (N,): the aggregate of what `measure` says of the objects in each image's label.

    Objects for which it says NaN do not count. NaN where nobody labelled the image, and where no object counts.
    """
    values = np.full(len(inputs.tasks), np.nan)
    for row in np.flatnonzero(inputs.labelled).tolist():
        label, task = inputs.labels[row], inputs.tasks[row]
        values[row] = together([] if label is None else [measure(task, item) for item in label.objects], aggregate)
    return values


def together(values: list[float], aggregate: Aggregate) -> float:
    """Return the aggregate of the values that are not NaN; NaN if there is none."""
    there = [value for value in values if not isnan(value)]
    if not there:
        return nan
    if aggregate == "mean":
        return fmean(there)
    return min(there) if aggregate == "min" else max(there)


def bounds(item: LabelledObject) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of the upright box around an object, relative to the image."""
    x, y = zip(*item.points, strict=True)
    return min(x), min(y), max(x), max(y)


def image_size(task: Task) -> tuple[float, float]:
    """Return width and height of the image in pixels; NaN where the platform does not know them."""
    if not task.width or not task.height:
        return nan, nan
    return float(task.width), float(task.height)
