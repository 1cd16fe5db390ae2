"""The metric port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from alrun.errors import DataError
from alrun.types import ImageFile, Label, Need, Ontology, Task


@dataclass(frozen=True)
class MetricInputs:
    """What a metric may look at; row i of everything belongs to `tasks[i]`, sorted by data hash.

    Attributes
    ----------
    labels
        The label of each task, None where there is no label row.
    labelled
        bool, shape (N,): whether a person labelled the image or submitted it as empty.
    embeddings
        float32, shape (N, D), finite; None unless the metric needs `Need.EMBEDDINGS`.
    images
        The image of each task, None where it could not be had; None unless the metric needs `Need.IMAGES`.
    crops
        For each task float32 of shape (M, D): the embeddings of its label's M objects, each cut out of the image, NaN
        for one that has no pixel; None unless the metric needs `Need.CROPS`.
    """

    tasks: Sequence[Task]
    labels: Sequence[Label | None]
    labelled: npt.NDArray[np.bool_]
    ontology: Ontology
    embeddings: npt.NDArray[np.float32] | None = None
    images: Sequence[ImageFile | None] | None = None
    crops: Sequence[npt.NDArray[np.float32]] | None = None


@runtime_checkable
class Metric(Protocol):
    """One number an image.

    A metric is a frozen dataclass whose fields are its configuration. Its column in the pool has the name
    under which the config lists it. One that looks at the pixels of each image by itself is an
    `alrun.metrics.images.PixelMetric`: a run decodes images once for all of these, and keeps their values.
    """

    needs: ClassVar[frozenset[Need]]

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,), NaN where the metric is not defined.

        The value of a row depends on the contents of the rows only, not on their order.
        """
        ...


def checked_values(answer: object, titles: Sequence[str], name: str) -> npt.NDArray[np.float64]:
    """Return a metric's answer as :class:`Metric` promises it, float64 of shape (N,).

    Other types of real numbers, and lists of them, are taken as well.

    Parameters
    ----------
    titles
        Of the N images.

    Raises
    ------
    DataError
        If it is not one number, or NaN, for each image; it names the metric, the fault and the first image at fault.
    """
    try:
        values = np.asarray(answer)
    except ValueError as error:  # lists of different lengths
        raise _unusable(name, str(error)) from None
    if values.dtype.kind not in "biuf" or values.shape != (len(titles),):
        given = "None" if answer is None else f"{values.dtype} of shape {values.shape}"
        raise _unusable(name, f"it is {given}; needed: float64 of shape ({len(titles)},), one number an image")
    values = values.astype(np.float64)
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        first = f"{values[infinite[0]]} for {titles[infinite[0]]!r}"
        more = f" and {len(infinite) - 1} more" if len(infinite) > 1 else ""
        raise _unusable(name, f"{first}{more}; needed: finite numbers, or NaN where it has no value")
    return values


def _unusable(name: str, fault: str) -> DataError:
    return DataError(f"metric {name!r} gave no usable answer: {fault}. Nothing was selected")
