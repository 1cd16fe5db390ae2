"""What labelled objects look like: each cut out of its image, and embedded as an image is."""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from alrun.embeddings.cache import embed_all
from alrun.errors import ConfigError
from alrun.files import digest, write_bytes
from alrun.pool.images import for_each_decoded
from alrun.run.job import choice
from alrun.run.session import Session
from alrun.types import ImageFile, Label, LabelledObject

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = 1
"""Of how objects are cut out; another number, and it is done again."""

Vectors = npt.NDArray[np.float32]


def crop_vectors(session: Session, images: Sequence[ImageFile | None], labels: Sequence[Label | None]) -> list[Vectors]:
    """Return for each image float32 (M, D): the embeddings of its M objects, NaN where there are no pixels to look at.

    What is cut out is the upright box around the outline, all pixels that it touches. It is kept as a PNG under
    ``cache/crops``, so that an image is decoded again only for new objects.

    Raises
    ------
    ConfigError
        If the embedding looks vectors up instead of computing them.
    BadImages
        If images cannot be decoded; it names all of them.
    """
    embedding, folder = session.job.embedding, session.job.cache / "crops"
    if not embedding.cached:
        raise ConfigError(
            f"embedding={choice(embedding)} has vectors of whole images only, and a metric looks at single objects: "
            "choose an embedding that computes them, such as embedding=pixels"
        )
    wanted = [
        [_crop(image, item, folder) for item in label.objects] if image is not None and label is not None else []
        for image, label in zip(images, labels, strict=True)
    ]
    new = [row for row, crops in enumerate(wanted) if not all(crop.path.exists() for crop in crops)]

    def cut(place: int, pixels: Image) -> None:
        label = labels[new[place]]
        for crop, item in zip(wanted[new[place]], () if label is None else label.objects, strict=True):
            box = _box(item, pixels.size)
            if box is not None and not crop.path.exists():
                _write(crop.path, pixels.crop(box))

    for_each_decoded([image for row in new if (image := images[row]) is not None], cut)
    there = [crop for crops in wanted for crop in crops if crop.path.exists()]
    vectors, _ = embed_all(embedding, there, session.job.cache, session.job.compute)
    row_of = {crop.digest: row for row, crop in enumerate(there)}
    nothing = np.full(vectors.shape[1], np.nan, np.float32)
    return [
        np.array([vectors[row_of[c.digest]] if c.digest in row_of else nothing for c in crops], np.float32).reshape(
            len(crops), vectors.shape[1]
        )
        for crops in wanted
    ]


def _crop(image: ImageFile, item: LabelledObject, folder: Path) -> ImageFile:
    """Return the file of an object's crop, which may not be there yet: named after the image's bytes and the outline.

    The name stands for the content, as a digest of the bytes would.
    """
    name = digest([VERSION, image.digest, item.points])
    return ImageFile(image.data_hash, folder / name[:2] / f"{name}.png", name)


def _box(item: LabelledObject, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Return the pixels that the upright box around an object touches; None if these are none."""
    (xs, ys), (width, height) = zip(*item.points, strict=True), size
    left, top = max(floor(min(xs) * width), 0), max(floor(min(ys) * height), 0)
    right, bottom = min(ceil(max(xs) * width), width), min(ceil(max(ys) * height), height)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _write(path: Path, pixels: Image) -> None:
    out = io.BytesIO()
    pixels.save(out, "PNG")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, out.getvalue())
