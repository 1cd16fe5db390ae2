"""The pixels themselves as an embedding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from alrun.datasets.packaged import png
from alrun.embeddings.base import Embedding
from alrun.embeddings.pixels import Pixels
from alrun.embeddings.testing import EmbeddingContract
from alrun.platform.store import ImageStore
from alrun.types import ImageFile
from tests.datasets import pictures


class TestPixels(EmbeddingContract):
    def embedding(self, folder: Path, images: Sequence[ImageFile]) -> Embedding:  # noqa: ARG002
        return Pixels()


class TestColourPixels(EmbeddingContract):
    def embedding(self, folder: Path, images: Sequence[ImageFile]) -> Embedding:  # noqa: ARG002
        return Pixels(size=5, grey=False)


def stored(folder: Path, content: bytes) -> ImageFile:
    store = ImageStore(folder)
    found = store.put(content)
    return ImageFile("data", store.path(found), found)


def test_a_grey_digit_gives_its_784_pixels_over_255(tmp_path: Path) -> None:
    pixels = np.arange(784, dtype=np.uint32).reshape(28, 28).astype(np.uint8)  # every value from 0 to 255
    (vector,) = Pixels().embed([stored(tmp_path, png(pixels))])
    np.testing.assert_array_equal(vector, pixels.ravel().astype(np.float32) / np.float32(255))


def test_grey_is_what_pillow_makes_of_colours(tmp_path: Path) -> None:
    image = pictures.noise(0, 28, 28)
    (vector,) = Pixels().embed([stored(tmp_path, pictures.encoded(image))])
    np.testing.assert_array_equal(np.rint(vector * 255), np.asarray(image.convert("L")).ravel())


def test_colours_are_kept_if_asked_for(tmp_path: Path) -> None:
    image = Image.new("RGB", (2, 2), (255, 51, 0))
    (vector,) = Pixels(size=2, grey=False).embed([stored(tmp_path, pictures.encoded(image))])
    np.testing.assert_array_equal(vector, np.array([1, 0.2, 0] * 4, np.float32))


def test_other_parameters_are_another_identity() -> None:
    identities = [Pixels().identity(), Pixels(size=8).identity(), Pixels(grey=False).identity()]
    assert all(one != other for i, one in enumerate(identities) for other in identities[:i])
