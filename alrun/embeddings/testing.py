"""The contract that every embedding passes, also a third party's, which inherits it.

::

    class TestMyEmbedding(EmbeddingContract):
        def embedding(self, folder: Path, images: Sequence[ImageFile]) -> Embedding:
            return MyEmbedding()
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from alrun.datasets.packaged import png
from alrun.embeddings.base import Embedding
from alrun.errors import BadImages
from alrun.platform.store import ImageStore
from alrun.types import ImageFile


def example_images(folder: Path, count: int = 12) -> list[ImageFile]:
    """Make `count` different grey images of a few sizes, among them a black, a white and a 1-pixel one."""
    rng = np.random.default_rng(0)
    shapes = [(1, 1), (8, 8), (28, 28), (31, 17)]
    pixels = [np.zeros((9, 9), np.uint8), np.full((9, 9), 255, np.uint8)]
    pixels += [rng.integers(0, 256, shapes[i % len(shapes)], dtype=np.uint8) for i in range(count - 2)]
    store = ImageStore(folder)
    digests = [store.put(png(image)) for image in pixels]
    return [ImageFile(f"data-{i:02}", store.path(found), found) for i, found in enumerate(digests)]


class EmbeddingContract:
    """Inherit and say how the embedding is made."""

    def embedding(self, folder: Path, images: Sequence[ImageFile]) -> Embedding:
        """Make the embedding; one that looks vectors up writes those of `images` into `folder`."""
        raise NotImplementedError

    def test_identity_is_json_and_stable(self, tmp_path: Path) -> None:
        """Vectors are found again by another process."""
        embedding = self.embedding(tmp_path, example_images(tmp_path / "images"))
        identity = dict(embedding.identity())
        assert identity
        assert json.loads(json.dumps(identity)) == dict(embedding.identity())

    def test_vectors_are_finite(self, tmp_path: Path) -> None:
        """One row an image, all of the same width, also for one image and for none."""
        images = example_images(tmp_path / "images")
        embedding = self.embedding(tmp_path, images)
        vectors = embedding.embed(images)
        assert vectors.dtype in (np.float32, np.float16)
        assert vectors.ndim == 2
        assert len(vectors) == len(images)
        assert vectors.shape[1] >= 1
        assert np.isfinite(vectors).all()
        assert embedding.embed(images[:1]).shape == (1, vectors.shape[1])
        assert embedding.embed([]).shape == (0, vectors.shape[1])

    def test_a_row_depends_on_its_own_image_only(self, tmp_path: Path) -> None:
        """The same bits in another order, in smaller batches, alone, and a second time."""
        images = example_images(tmp_path / "images")
        embedding = self.embedding(tmp_path, images)
        vectors = embedding.embed(images)
        order = np.random.default_rng(1).permutation(len(images))
        np.testing.assert_array_equal(embedding.embed([images[i] for i in order]), vectors[order])
        halves = [embedding.embed(images[:5]), embedding.embed(images[5:])]
        np.testing.assert_array_equal(np.concatenate(halves), vectors)
        alone = [embedding.embed([image]) for image in images]
        np.testing.assert_array_equal(np.concatenate(alone), vectors)
        np.testing.assert_array_equal(embedding.embed(images), vectors)

    def test_images_that_cannot_be_decoded_are_all_named(self, tmp_path: Path) -> None:
        """A run does without them. An embedding that reads no image has nothing to say."""
        images = example_images(tmp_path / "images", 40)
        embedding = self.embedding(tmp_path, images)
        if not embedding.cached:
            return
        for row in (3, 39):
            images[row].path.write_bytes(images[row].path.read_bytes()[:40])
        with pytest.raises(BadImages) as caught:
            embedding.embed(images)
        assert list(caught.value.reasons) == ["data-03", "data-39"]
        assert all(caught.value.reasons.values())

    def test_different_images_have_different_vectors(self, tmp_path: Path) -> None:
        """Black and white, at the least."""
        images = example_images(tmp_path / "images")
        black, white = self.embedding(tmp_path, images).embed(images[:2])
        assert (black != white).any()
