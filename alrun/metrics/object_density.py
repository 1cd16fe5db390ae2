"""How much of an image its labelled objects cover."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.metrics.outlines import union_area
from alrun.types import Need


@dataclass(frozen=True)
class ObjectDensity:
    """The percentage of an image that its labelled objects cover together, in 0..100. HIGH is crowded.

    What several objects cover counts once. NaN where nobody labelled the image, and everywhere if the ontology has
    no object classes.

    Source: Encord Active, "Frame object density". Its second engine gave a fraction of 1.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,)."""
        del rng
        values = np.full(len(inputs.tasks), np.nan)
        if inputs.ontology.objects:
            for row in np.flatnonzero(inputs.labelled).tolist():
                label = inputs.labels[row]
                values[row] = 0 if label is None else 100 * union_area([o.points for o in label.objects])
        return values
