"""Fashion-MNIST, from the files that Zalando published and Debian packages."""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from annotated_types import Ge

from alrun.datasets.base import Item, Split, TestSize
from alrun.datasets.packaged import png
from alrun.errors import DataError
from alrun.files import file_digest
from alrun.types import Answer, Label, Ontology, Question, QuestionKind, Scalar

FORMAT = 1
"""Version of how a file becomes images, titles and labels: part of the identity."""

CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
QUESTION = Question("garment", QuestionKind.RADIO, CLASSES)
TRAIN, TEST = "train", "t10k"
_UBYTE = 8


@dataclass(frozen=True)
class FashionMnist:
    """Garments: 60,000 grey images of 28 x 28 pixels in ten classes, and 10,000 to test on.

    The files are in the IDX format of MNIST, so that a folder with MNIST's own works too, but for the names of the
    classes.

    Attributes
    ----------
    path
        The folder with `train-images-idx3-ubyte.gz` and the other three; the default is where Debian's package
        `dataset-fashion-mnist` puts them.
    images, test_images
        How many of the training and of the test files' images to take, from the beginning; all if there are fewer.
    test_size
        How many images of the pool to hold out besides.

    Source: Xiao, Rasul and Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms,
    2017.
    """

    path: Path = Path("/usr/share/datasets/fashion-mnist")
    images: Annotated[int, Ge(1)] = 60_000
    test_images: Annotated[int, Ge(0)] = 10_000
    test_size: TestSize = 0

    def identity(self) -> Mapping[str, Scalar]:
        """Return the digests of the files, how many images are taken, and our format."""
        files = (self._file(part, kind) for part in (TRAIN, TEST) for kind in ("images-idx3", "labels-idx1"))
        digests = {f"source {file.name}": file_digest(file) for file in files}
        return {
            "dataset": "fashion_mnist", "format": FORMAT, "images": self.images, "test_images": self.test_images,
            **digests,
        }  # fmt: skip

    def ontology(self) -> Ontology:
        """Return one question, the garment."""
        return Ontology(questions=(QUESTION,))

    def items(self) -> Iterator[Item]:
        """Yield the training images, then the test images, each in the order of its file."""
        yield from self._part(TRAIN, self.images, "pool" if not self.test_size else None)
        yield from self._part(TEST, self.test_images, "test")

    def __len__(self) -> int:
        """Return how many images are taken."""
        counts = (len(_read(self._file(part, "labels-idx1"), 1)) for part in (TRAIN, TEST))
        return sum(min(count, most) for count, most in zip(counts, (self.images, self.test_images), strict=True))

    def _part(self, part: str, most: int, split: Split | None) -> Iterator[Item]:
        images = _read(self._file(part, "images-idx3"), 3)
        targets = _read(self._file(part, "labels-idx1"), 1)
        if len(images) != len(targets) or (len(targets) and targets.max() >= len(CLASSES)):
            raise DataError(
                f"{self.path}: {part} has {len(images)} images and {len(targets)} labels, which must be as many and in "
                f"0..{len(CLASSES) - 1}"
            )
        for row, (pixels, target) in enumerate(zip(images[:most], targets[:most].tolist(), strict=True)):
            label = Label((Answer(QUESTION.name, (CLASSES[target],)),))
            yield Item(f"{part}_{row:05}.png", partial(png, pixels), label, split)

    def _file(self, part: str, kind: str) -> Path:
        file = self.path / f"{part}-{kind}-ubyte.gz"
        if not file.is_file():
            raise DataError(
                f"dataset=fashion_mnist reads {file}, which does not exist: apt install dataset-fashion-mnist, or set "
                "dataset.path to the folder with the four files"
            )
        return file


def _read(file: Path, dimensions: int) -> npt.NDArray[np.uint8]:
    """Read a gzipped IDX file of bytes.

    Raises
    ------
    DataError
        If it is anything else, or cut short.
    """
    try:
        content = gzip.decompress(file.read_bytes())
        zeros, kind, found, *shape = struct.unpack_from(f">HBB{dimensions}I", content)
        values = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions)
        images = values.reshape(shape)
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise DataError(f"{file} is not a complete IDX file of bytes with {dimensions} dimensions ({error})") from None
    if (zeros, kind, found) != (0, _UBYTE, dimensions):
        raise DataError(f"{file} is not a complete IDX file of bytes: it begins with {content[:4].hex()}")
    return images
