"""Embedding some of the images, in this process or in another: what can be decoded, and why the rest cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from socket import gethostname

import numpy as np

from alrun.embeddings.base import Embedding, Vectors
from alrun.embeddings.gathering import not_finite
from alrun.errors import BadImages, ConfigError, DataError
from alrun.pool.unread import Unread
from alrun.types import ImageFile, Scalar

_TYPES = (np.float32, np.float16)


@dataclass(frozen=True)
class Part:
    """What became of some images: the vectors of those with `digests`, shape (N, D), and why there are no others."""

    digests: list[str]
    vectors: Vectors
    bad: Unread


def embed_good(embedding: Embedding, images: Sequence[ImageFile]) -> Part:
    """Embed those of `images` that can be decoded.

    Raises
    ------
    BadImages
        If it names none of `images`.
    DataError
        If the embedding cannot do its work, or returns what it must not.
    """
    good, bad = list(images), dict[str, str]()
    while True:
        try:
            vectors = checked(embedding, good)
            return Part([image.digest for image in good], vectors, Unread.of(images, bad))
        except BadImages as error:
            found = {image.data_hash for image in good} & error.reasons.keys()
            if not found:
                raise
            bad |= error.reasons
            good = [image for image in good if image.data_hash not in found]


def embed_elsewhere(embedding: Embedding, facts: Mapping[str, Scalar], images: Sequence[ImageFile]) -> Part:
    """As :func:`embed_good`, in a process that may be on another machine.

    Parameters
    ----------
    facts
        The embedding's identity where its vectors are kept.

    Raises
    ------
    ConfigError
        If the embedding has another identity here: the vectors would be others.
    """
    here = embedding.identity()
    differing = [key for key in {**facts, **here} if facts.get(key) != here.get(key)]
    if differing:
        said = ", ".join(f"{key} is {here.get(key)!r} there and {facts.get(key)!r} here" for key in differing)
        raise ConfigError(
            f"embedding={facts.get('embedding')}: {gethostname()} would compute other vectors ({said}). The machines "
            "of a cluster need the same packages as this one, and the same kind of device: tasks see a GPU only if "
            "they take one (compute.gpus=1)"
        )
    return embed_good(embedding, images)


def checked(embedding: Embedding, images: Sequence[ImageFile]) -> Vectors:
    """Embed, and check what came back.

    Raises
    ------
    BadImages
        If images cannot be decoded.
    DataError
        If the embedding cannot do its work, or returns what it must not.
    """
    name = type(embedding).__name__
    vectors = embedding.embed(images)
    if vectors.dtype not in _TYPES or vectors.ndim != 2 or len(vectors) != len(images) or not vectors.shape[1]:
        raise DataError(
            f"embedding {name} returned {vectors.dtype} of shape {vectors.shape} for {len(images)} images; "
            f"expected float32 or float16 of shape ({len(images)}, D)"
        )
    broken = not_finite(vectors)
    if broken.size:
        first = ", ".join(images[row].data_hash for row in broken[:5])
        raise DataError(f"embedding {name} returned NaN or infinity for {broken.size} images: {first}")
    return vectors
