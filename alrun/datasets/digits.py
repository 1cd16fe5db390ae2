"""The 1,797 small digits that scikit-learn carries: the quickest dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alrun.datasets.base import Item, TestSize
from alrun.datasets.packaged import PackagedDigits
from alrun.types import Ontology, Scalar

SOURCE = PackagedDigits("digits", "sklearn", "datasets/data/digits.csv.gz", "scikit-learn>=1.7", side=8, white=16)
COUNT = 1797


@dataclass(frozen=True)
class Digits:
    """Handwritten digits: 1,797 grey images of 8 x 8 pixels, 174 to 183 of each digit.

    Source: the test part of the UCI data set "Optical Recognition of Handwritten Digits" (Alpaydin and Kaynak),
    as `sklearn.datasets.load_digits` returns it, with 0..16 spread over 0..255.
    """

    test_size: TestSize = 360

    def identity(self) -> Mapping[str, Scalar]:
        """Return the packaged file's digest and our format."""
        return SOURCE.identity()

    def ontology(self) -> Ontology:
        """Return one question, the digit."""
        return SOURCE.ontology()

    def items(self) -> Iterator[Item]:
        """Yield the images in the file's order."""
        return SOURCE.items()

    def __len__(self) -> int:
        """Return 1,797."""
        return COUNT
