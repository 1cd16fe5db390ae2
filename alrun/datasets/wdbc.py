"""A table of numbers as images: the breast cancer data that scikit-learn carries."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from alrun.datasets.base import Item, TestSize
from alrun.datasets.packaged import packaged_file, png
from alrun.files import file_digest
from alrun.types import Answer, Label, Ontology, Question, QuestionKind, Scalar

COUNT = 569
FEATURES = 30
SIDE = 6
MIDDLE = 56
SCALE = 16

FORMAT = 1
"""Version of how the table becomes images, titles and labels: part of the identity."""

QUESTION = Question("diagnosis", QuestionKind.RADIO, ("malignant", "benign"))


@dataclass(frozen=True)
class Wdbc:
    """Breast masses: 569 rows of 30 features, 212 malignant and 357 benign, each row a grey image of 6 x 6 pixels.

    alrun labels images, so a feature is a pixel: 56 + 16 z, rounded, where z is the feature standardised over all
    rows. z is -3.2 to 12.1, which fits into 0..255 without a loss but that of rounding, at most 1/32 of a standard
    deviation; no label is looked at. The first five lines hold the features in the table's order, the sixth is black.
    All features have one scale, so that with `embedding=pixels embedding.size=6` distances are those between
    standardised rows, times 16/255.

    Source: UCI's "Breast Cancer Wisconsin (Diagnostic)" (Wolberg, Mangasarian, Street and Street), as
    `sklearn.datasets.load_breast_cancer` returns it.
    """

    test_size: TestSize = 0.4

    def identity(self) -> Mapping[str, Scalar]:
        """Return the packaged file's digest and our format."""
        return {"dataset": "wdbc", "format": FORMAT, "source": file_digest(_file())}

    def ontology(self) -> Ontology:
        """Return one question, the diagnosis."""
        return Ontology(questions=(QUESTION,))

    def items(self) -> Iterator[Item]:
        """Yield the rows in the table's order, as PNG whose bytes depend on the pixels only."""
        table = np.loadtxt(io.BytesIO(_file().read_bytes()), delimiter=",", skiprows=1)
        features, targets = table[:, :FEATURES], table[:, FEATURES].astype(int)
        deviations = (features - features.mean(axis=0)) / features.std(axis=0)
        images = np.zeros((len(table), SIDE * SIDE), np.uint8)
        images[:, :FEATURES] = np.rint(MIDDLE + SCALE * deviations)
        for row, (pixels, target) in enumerate(zip(images.reshape(-1, SIDE, SIDE), targets.tolist(), strict=True)):
            label = Label((Answer(QUESTION.name, (QUESTION.options[target],)),))
            yield Item(f"wdbc_{row:05}.png", partial(png, pixels), label)

    def __len__(self) -> int:
        """Return 569."""
        return COUNT


def _file() -> Path:
    return packaged_file("wdbc", "sklearn", "datasets/data/breast_cancer.csv", "scikit-learn>=1.7")
