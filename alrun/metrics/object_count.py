"""How many objects are labelled in an image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.types import Need


@dataclass(frozen=True)
class ObjectCount:
    """The number of objects in the label of an image, 0 or above. HIGH is crowded.

    Objects of any shape count, answers about the whole image do not. NaN where nobody labelled the image, and
    everywhere if the ontology has no object classes.

    Source: Encord Active, "Object Count". It gave 0 to images that nobody had looked at yet; its second engine
    counted answers too.
    """

    needs: ClassVar[frozenset[Need]] = frozenset()

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,)."""
        del rng
        if not inputs.ontology.objects:
            return np.full(len(inputs.tasks), np.nan)
        counts = np.array([0 if label is None else len(label.objects) for label in inputs.labels], np.float64)
        return np.where(inputs.labelled, counts, np.nan)
