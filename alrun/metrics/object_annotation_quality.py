"""Whether objects that look alike are of one class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Le

from alrun.metrics.base import MetricInputs
from alrun.metrics.neighbourhood import by_data_hash
from alrun.metrics.objects import Aggregate, together
from alrun.numeric.cosine import nearest_rows
from alrun.types import Need


@dataclass(frozen=True)
class ObjectAnnotationQuality:
    """The share of the nearest other objects that have an object's class, in 0..1. LOW is probably wrong.

    Nearest by cosine distance of the embeddings of what is inside their upright boxes, among all labelled objects of
    the project, exact; of those that are equally far, the one of the lower data hash, then the first in its label. All
    others, if there are fewer than `neighbours`. NaN where nobody labelled the image, without objects, and if no other
    object is there to compare with.

    Source: Encord Active, "Object Annotation Quality", first engine, one row an object. It gave objects the vectors of
    others after one without a usable outline, which here has none; its second engine let far neighbours weigh more.

    Attributes
    ----------
    neighbours
        How many of the nearest count; the original has 9.
    aggregate
        Which of an image's objects counts: the one with the lowest value, the highest, or the mean of all.
    """

    neighbours: Annotated[int, Ge(1), Le(1000)] = 9
    aggregate: Aggregate = "min"

    needs: ClassVar[frozenset[Need]] = frozenset({Need.CROPS})

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,)."""
        del rng
        if inputs.crops is None:
            raise ValueError("the metric was called without the crops it declares")
        found = [
            (row, item.name, vector)
            for row in by_data_hash(inputs).tolist()
            for label in [inputs.labels[row] if inputs.labelled[row] else None]
            for item, vector in zip(() if label is None else label.objects, inputs.crops[row], strict=False)
            if np.isfinite(vector).all()
        ]
        values: list[list[float]] = [[] for _ in inputs.tasks]
        if len(found) > 1:
            agreed = self._agreement(np.stack([vector for _, _, vector in found]), [name for _, name, _ in found])
            for (row, _, _), value in zip(found, agreed.tolist(), strict=True):
                values[row].append(value)
        return np.array([together(several, self.aggregate) for several in values], np.float64)

    def _agreement(self, vectors: npt.NDArray[np.float32], names: list[str]) -> npt.NDArray[np.float64]:
        _, classes = np.unique(names, return_inverse=True)
        rows = np.arange(len(vectors))
        near = nearest_rows(vectors, rows, rows, self.neighbours)
        same = (classes[near] == classes[:, None]) & (near >= 0)
        return np.asarray(same.sum(axis=1) / (near >= 0).sum(axis=1))
