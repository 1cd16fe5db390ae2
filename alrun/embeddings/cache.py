"""Vectors that were computed once are kept: a second run computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alrun.embeddings.base import Embedding
from alrun.errors import DataError
from alrun.faults import reach
from alrun.files import digest
from alrun.pool.shards import Shards
from alrun.progress import track
from alrun.types import ImageFile

VERSION = 2
"""Of the files below; another number, and everything is computed again."""

Vectors = npt.NDArray[np.float32]


def embed_all(embedding: Embedding, images: Sequence[ImageFile], cache: Path, batch: int = 512) -> tuple[Vectors, int]:
    """Embed `images`, each content once ever.

    Vectors are kept under ``cache/embeddings/IDENTITY/``, `batch` of them in a file that is written when they are
    computed, so that a kill loses one batch at most. Two processes may do so at once.

    Parameters
    ----------
    batch
        How many images are embedded, and kept, at a time; 1 or more.

    Returns
    -------
    vectors : ndarray
        float32 of shape (N, D), finite, row i for ``images[i]``.
    computed : int
        How many were computed just now.

    Raises
    ------
    DataError
        If an image cannot be embedded, or the embedding returns what it must not.
    """
    if not embedding.cached:
        return _computed(embedding, images), 0
    kind = f"{type(embedding).__module__}.{type(embedding).__qualname__}"
    identity = digest([VERSION, kind, dict(embedding.identity())])
    shards = Shards(cache / "embeddings" / identity, identity)
    rows: dict[str, list[int]] = {}
    for row, image in enumerate(images):
        rows.setdefault(image.digest, []).append(row)
    result: Vectors | None = None
    for digests, vectors in shards.kept(rows):
        if vectors.dtype == np.float32 and vectors.ndim == 2:
            result = _fill(result, rows, digests, vectors, len(images))
    missing = [images[places[0]] for places in rows.values()]
    for start in track(range(0, len(missing), batch), "embedding images"):
        some = missing[start : start + batch]
        vectors = _computed(embedding, some)
        shards.keep([image.digest for image in some], vectors)
        reach("embeddings.kept")
        result = _fill(result, rows, [image.digest for image in some], vectors, len(images))
    if result is None:
        result = _computed(embedding, images)
    return result, len(missing)


def _fill(
    result: Vectors | None, rows: dict[str, list[int]], digests: Sequence[str], vectors: Vectors, count: int
) -> Vectors:
    """Write `vectors` into the rows that wait for them, and take those out of `rows`."""
    if result is None:
        result = np.empty((count, vectors.shape[1]), np.float32)
    for image_digest, vector in zip(digests, vectors, strict=True):
        result[rows.pop(image_digest, [])] = vector
    return result


def _computed(embedding: Embedding, images: Sequence[ImageFile]) -> Vectors:
    """Embed, and check what came back."""
    name = type(embedding).__name__
    vectors = embedding.embed(images)
    if vectors.dtype != np.float32 or vectors.ndim != 2 or len(vectors) != len(images):
        raise DataError(
            f"embedding {name} returned {vectors.dtype} of shape {vectors.shape} for {len(images)} images; "
            f"expected float32 of shape ({len(images)}, D)"
        )
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if broken.size:
        first = ", ".join(images[row].data_hash for row in broken[:5])
        raise DataError(f"embedding {name} returned NaN or infinity for {broken.size} images: {first}")
    return vectors
