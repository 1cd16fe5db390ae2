"""Fashion-MNIST and other files in the IDX format."""

from __future__ import annotations

import gzip
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alrun.datasets.base import Dataset
from alrun.datasets.fashion_mnist import CLASSES, FashionMnist
from alrun.datasets.importer import contents
from alrun.datasets.testing import DatasetContract
from alrun.errors import DataError


def write(file: Path, values: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    file.write_bytes(gzip.compress(header + values.tobytes()))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("idx"))


def make(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    for part, count in (("train", 60), ("t10k", 20)):
        write(folder / f"{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (count, 28, 28), np.uint8))
        write(folder / f"{part}-labels-idx1-ubyte.gz", (np.arange(count) % 10).astype(np.uint8))
    return folder


class TestFashionMnist(DatasetContract):
    def dataset(self, folder: Path) -> Dataset:
        if not any(folder.iterdir()):
            make(folder)
        return FashionMnist(folder)


def test_the_test_files_are_held_out(files: Path, tmp_path: Path) -> None:
    split = contents(FashionMnist(files, images=40, test_images=15), tmp_path, seed=0)
    assert (len(split.pool), len(split.held_out)) == (40, 15)
    assert {image.title[:4] for image in split.held_out} == {"t10k"}
    assert len(contents(FashionMnist(files, test_images=0, test_size=10), tmp_path, seed=0).held_out) == 10


def test_pixels_and_labels_are_those_of_the_files(files: Path) -> None:
    first = next(FashionMnist(files).items())
    pixels = np.asarray(Image.open(BytesIO(first.read())))
    np.testing.assert_array_equal(pixels, np.random.default_rng(0).integers(0, 256, (60, 28, 28), np.uint8)[0])
    assert first.label is not None
    assert first.label.answer("garment") == (CLASSES[0],)


def test_files_that_are_missing_or_wrong_are_named(files: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="apt install dataset-fashion-mnist"):
        FashionMnist(tmp_path).identity()
    make(tmp_path)
    broken = tmp_path / "train-images-idx3-ubyte.gz"
    whole = broken.read_bytes()
    for content in (
        whole[:-40],
        b"no gzip",
        gzip.compress(b"\0\0\x08\x03"),
        gzip.compress(b"\0\0\x09\x03" + bytes(12)),
    ):
        broken.write_bytes(content)
        with pytest.raises(DataError, match=r"train-images-idx3-ubyte\.gz is not a complete IDX file"):
            list(FashionMnist(tmp_path).items())
    broken.write_bytes((files / broken.name).read_bytes())
    write(tmp_path / "train-labels-idx1-ubyte.gz", np.full(60, 11, np.uint8))
    with pytest.raises(DataError, match=r"as many and in 0\.\.9"):
        list(FashionMnist(tmp_path).items())
