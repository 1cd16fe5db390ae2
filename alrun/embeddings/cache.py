"""Vectors that were computed once are kept: a second run computes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alrun.compute.base import Compute
from alrun.compute.local import Local
from alrun.embeddings.base import Embedding, Vectors
from alrun.embeddings.gathering import LARGE, Floats, Rows, gathered
from alrun.embeddings.part import checked, embed_elsewhere, embed_good
from alrun.embeddings.store import VectorStore
from alrun.errors import BadImages, DataError
from alrun.faults import reach
from alrun.files import digest, waited_for
from alrun.parts import in_parts
from alrun.progress import track
from alrun.types import ImageFile, Scalar

VERSION = 3
"""Of the files below; another number, and everything is computed again."""


@dataclass(frozen=True)
class Embedded:
    """Where the vectors of some images are.

    Attributes
    ----------
    vectors
        float32 or float16, shape (R, D), finite where `rows` point to; mapped from the file that keeps them.
    rows
        int64, shape (N,): the row of each image. In what is kept, a row number stays right as the file grows.
    computed
        How many were computed just now.
    """

    vectors: Vectors
    rows: Rows
    computed: int


@dataclass
class EmbeddedImages:
    """The vectors of the images of one run: each is embedded, or looked up, once.

    Attributes
    ----------
    cache
        The folder of what is kept, and of large copies while they are in use.
    large
        Bytes from which on vectors are not copied into memory; see `gathered`.
    compute
        Where images are embedded.
    """

    embedding: Embedding
    cache: Path
    large: int = LARGE
    compute: Compute = field(default_factory=Local)
    _rows: dict[str, int] = field(default_factory=dict)
    _parts: list[Vectors] = field(default_factory=list)
    _latest: tuple[Rows, Floats] | None = None

    def __contains__(self, data_hash: str) -> bool:
        return data_hash in self._rows

    def embed(self, images: Sequence[ImageFile]) -> int:
        """Embed images that are not here yet, and return how many were computed just now; raises as `embed_all`."""
        if not images and self._parts:
            return 0
        found = find_or_embed(self.embedding, images, self.cache, self.compute)
        start = 0
        if self.embedding.cached:
            self._parts = [found.vectors]  # it has grown; the rows it had are the same
        else:
            start = sum(map(len, self._parts))
            self._parts.append(found.vectors)
        self._rows.update(zip((image.data_hash for image in images), (found.rows + start).tolist(), strict=True))
        return found.computed

    def of(self, data_hashes: Sequence[str]) -> Floats:
        """Return float32 of shape (N, D), row i for ``data_hashes[i]``, which was embedded; read-only if it is large.

        Asking again for the large result that was handed out last returns the same array.
        """
        if not self._parts:
            self.embed([])
        rows = np.fromiter((self._rows[h] for h in data_hashes), np.int64, len(data_hashes))
        if self._latest is not None and np.array_equal(rows, self._latest[0]):
            return self._latest[1]
        self._latest = None
        vectors = gathered(self._parts, rows, self.cache / "embeddings", self.large)
        if vectors.nbytes >= self.large:
            self._latest = rows, vectors
        return vectors


def embed_all(
    embedding: Embedding, images: Sequence[ImageFile], cache: Path, compute: Compute | None = None
) -> tuple[Floats, int]:
    """Embed `images`, each content once ever.

    As :func:`find_or_embed`.

    Returns
    -------
    vectors : ndarray
        float32 of shape (N, D), finite, row i for ``images[i]``; read-only and mapped if it is large.
    computed : int
        How many were computed just now.
    """
    found = find_or_embed(embedding, images, cache, compute)
    return gathered([found.vectors], found.rows, cache / "embeddings"), found.computed


def find_or_embed(
    embedding: Embedding, images: Sequence[ImageFile], cache: Path, compute: Compute | None = None
) -> Embedded:
    """Look up the vectors of `images`, and embed those that are not kept yet, each content once ever.

    Vectors are kept in ``cache/embeddings/IDENTITY/``, in the type they come in: see `VectorStore`. Each part is
    written when it comes, so that a kill loses what had not come. Of two processes that want the same, one computes
    and the other waits. An embedding that looks its vectors up is asked for all of them at once, here, and nothing is
    kept.

    Parameters
    ----------
    compute
        Where, and how many at a time; None is here.

    Raises
    ------
    BadImages
        If images cannot be had or decoded; it names all of them. The vectors of the others are kept nonetheless.
    ConfigError
        If the machines of `compute` would embed differently, or do not see the images.
    DataError
        If the embedding cannot do its work, or returns what it must not.
    """
    if not embedding.cached or not images:
        return Embedded(checked(embedding, images), np.arange(len(images)), 0)
    kind = f"{type(embedding).__module__}.{type(embedding).__qualname__}"
    facts = dict(embedding.identity())
    identity = digest([VERSION, kind, facts])
    store = VectorStore(cache / "embeddings" / identity, identity)
    places: dict[str, int] = {}
    for place, image in enumerate(images):
        places.setdefault(image.digest, place)
    first = np.array([places[image.digest] for image in images])
    rows = np.full(len(images), -1)
    _look_up(store, places, rows)
    missing: list[ImageFile] = []
    if places:
        with waited_for(store.folder / ".lock"):
            _look_up(store, places, rows)  # another process may have computed them meanwhile
            missing = [images[place] for place in places.values()]
            bad = _embed_and_keep(embedding, facts, missing, store, compute or Local())
            if bad:
                raise BadImages({image.data_hash: bad[image.digest] for image in images if image.digest in bad})
            _look_up(store, places, rows)
    vectors = store.mapped()
    if vectors is None or places:
        raise DataError(f"the vectors that were just written to {store.folder} cannot be read: check the disk")
    return Embedded(vectors, rows[first], len(missing))


def _look_up(store: VectorStore, places: dict[str, int], rows: npt.NDArray[np.int64]) -> None:
    """Write down the rows of the images that are kept, and take those out of `places`."""
    for start, digests in store.kept(places):
        for row, image_digest in enumerate(digests, start):
            place = places.pop(image_digest, None)
            if place is not None:
                rows[place] = row


def _embed_and_keep(
    embedding: Embedding, facts: Mapping[str, Scalar], images: Sequence[ImageFile], store: VectorStore, compute: Compute
) -> dict[str, str]:
    """Embed and keep those of `images` that can be decoded; return the digests of the others, with the reason."""
    work = partial(embed_elsewhere, embedding, facts) if compute.elsewhere else partial(embed_good, embedding)
    parts = in_parts(images, compute.images)
    bad: dict[str, str] = {}
    for part in track(compute.map(work, parts), "embedding images", len(parts)):
        part.bad.check(images)
        if part.digests:
            store.append(part.digests, part.vectors)
            reach("embeddings.kept")
        bad |= part.bad.reasons
    return {image.digest: bad[image.data_hash] for image in images if image.data_hash in bad}
