"""The port for predictions that were made elsewhere: nothing is fitted, they are looked up by data hash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from alrun.errors import ConfigError, DataError
from alrun.files import write_json
from alrun.models.base import Array
from alrun.models.detections import Detections
from alrun.types import Ontology


@dataclass(frozen=True, slots=True)
class Known:
    """An image that predictions may be about; size in pixels, None where the platform does not know it."""

    data_hash: str
    title: str
    width: int | None
    height: int | None


@dataclass(frozen=True, eq=False)
class Imported:
    """Predictions for N images: class probabilities or objects, one of the two.

    Attributes
    ----------
    source
        Where they come from, for messages.
    rows
        The row of each image by its data hash.
    probabilities
        float64, shape (N, C), rows sum to 1, or are NaN for an image that has none; C and the order are those of
        the ontology's first radio question.
    objects
        What was found in the N images, of the ontology's object classes.
    confidence
        Objects with a lower score count neither for a selection nor for precision, recall, F1 and confusion.
    iou
        From which overlap on an object counts as found.
    digest
        Of the content of the source.
    """

    source: str
    rows: Mapping[str, int]
    probabilities: npt.NDArray[np.float64] | None = None
    objects: Detections | None = None
    confidence: float = 0.0
    iou: float = 0.5
    digest: str = ""

    def predict_proba(self, data_hashes: Array) -> npt.NDArray[np.float64]:
        """Return float64 of shape (len(data_hashes), C); rows sum to 1.

        Raises
        ------
        ConfigError
            If these are objects.
        DataError
            If an image has no probabilities.
        """
        if self.probabilities is None:
            raise ConfigError(
                f"{self.source} holds objects, not class probabilities of images: choose a strategy that goes by "
                "objects, such as strategy=detection"
            )
        hashes = data_hashes.tolist()
        found = self.probabilities[np.array([self._row(h) for h in hashes], np.intp)]
        lacking = [h for h, first in zip(hashes, found[:, 0].tolist(), strict=True) if np.isnan(first)]
        if lacking:
            raise DataError(
                f"{self.source} has no class probabilities for {len(lacking)} of {len(hashes)} images: data hash "
                f"{', '.join(lacking[:5])}"
            )
        return found

    def detections(self, data_hashes: Sequence[str]) -> Detections:
        """Return all that was found in these images, whatever the score; an image may have nothing.

        Raises
        ------
        ConfigError
            If these are class probabilities.
        """
        if self.objects is None:
            raise ConfigError(
                f"{self.source} holds class probabilities of images, not objects: choose a strategy that goes by them, "
                "such as strategy=margin"
            )
        return self.objects.of([self._row(h) for h in data_hashes])

    def save(self, folder: Path) -> None:
        """Write down where the predictions come from and how many images they are about; they stay where they are."""
        about = sum(self.has(data_hash) for data_hash in self.rows)
        write_json(folder / "imported.json", {"source": self.source, "digest": self.digest, "images": about})

    def has(self, data_hash: str) -> bool:
        """Whether there is a prediction for this image; an image in which nothing was found has one."""
        row = self.rows.get(data_hash)
        return row is not None and (self.probabilities is None or not np.isnan(self.probabilities[row]).any())

    def _row(self, data_hash: str) -> int:
        row = self.rows.get(data_hash)
        if row is None:
            raise DataError(f"{self.source} was read before image {data_hash} was in the project: start anew")
        return row


@runtime_checkable
class ImportedModel(Protocol):
    """A model that takes part without being fitted: a frozen dataclass that finds its predictions somewhere."""

    inputs: ClassVar[Literal["hashes"]]

    def read(self, images: Sequence[Known], ontology: Ontology) -> Imported:
        """Return the predictions for `images`; what is about others is left out.

        Raises
        ------
        DataError
            If they cannot be used; the message names every row at fault.
        """
        ...
