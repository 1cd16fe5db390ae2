"""Vectors that were computed elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from tempfile import gettempdir
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.embeddings.gathering import gathered, not_finite
from alrun.errors import DataError, one_of
from alrun.table_files import read_table
from alrun.types import ImageFile, Scalar

VERSION = 1


@dataclass(frozen=True)
class File:
    """Precomputed vectors, found by data hash. The file may hold more than the pool.

    Attributes
    ----------
    path
        Either ``NAME.parquet`` with the columns `data_hash` (text) and `vector` (a list of D numbers), or
        ``NAME.npy`` of shape (N, D) with the N data hashes, one a line, in ``NAME.ids.txt`` beside it. Millions of
        vectors belong into a .npy: it is mapped, and used where it lies if it is float32 and in the order of the data
        hashes; else a copy goes into the system's folder for temporary files (``$TMPDIR``). Parquet is read whole.
    """

    cached: ClassVar[bool] = False

    path: Path

    def identity(self) -> Mapping[str, Scalar]:
        """Return the digest of the file or files."""
        digests = {}
        for file in self._files():
            with file.open("rb") as opened:
                digests[file.name] = file_digest(opened, "blake2b").hexdigest()
        return {"embedding": "file", "version": VERSION, **digests}

    def embed(self, images: Sequence[ImageFile]) -> npt.NDArray[np.float32]:
        """Return float32 of shape (N, D).

        Raises
        ------
        DataError
            If the file is missing or malformed, has not all images, or has NaN or infinity in one of theirs.
        """
        file, *_ = self._files()
        names, vectors = _parquet(file) if file.suffix == ".parquet" else _npy(file)
        place = {name: row for row, name in enumerate(names)}
        if len(place) < len(names):
            twice = next(name for row, name in enumerate(names) if place[name] != row)
            raise DataError(f"{file}: data hash {twice} occurs more than once")
        missing = [image.data_hash for image in images if image.data_hash not in place]
        if missing:
            raise DataError(
                f"{file} has no vector for {len(missing)} of {len(images)} images: data hash {', '.join(missing[:5])}"
            )
        rows = np.array([place[image.data_hash] for image in images], np.intp)
        with np.errstate(over="ignore"):  # too large for float32 becomes infinity, which is refused below
            found = gathered([vectors], rows, Path(gettempdir()))
        broken = not_finite(found)
        if broken.size:
            first = ", ".join(f"{rows[i]} ({images[i].data_hash})" for i in broken[:5])
            raise DataError(f"{file}: NaN or infinity (as float32) in {broken.size} rows, counted from 0: {first}")
        return found

    def _files(self) -> list[Path]:
        path = self.path.expanduser().resolve()
        if path.suffix not in (".parquet", ".npy"):
            raise DataError(f"embedding.path={self.path}: expected a name that ends with .parquet or .npy")
        files = [path] if path.suffix == ".parquet" else [path, _ids(path)]
        for file in files:
            if not file.is_file():
                raise DataError(f"embedding.path={self.path}: there is no file {file}")
        return files


def _ids(path: Path) -> Path:
    return path.with_suffix(".ids.txt")


def _parquet(file: Path) -> tuple[list[str], npt.NDArray[np.floating]]:
    frame = read_table(file)
    for name in ("data_hash", "vector"):
        if name not in frame.columns:
            raise DataError(f"{file} has no column {name!r}: {one_of(name, frame.columns)}")
    names, column = frame["data_hash"], frame["vector"]
    if names.dtype != pl.String or names.null_count():
        raise DataError(f"{file}: the column 'data_hash' must be text without gaps, it is {names.dtype}")
    if not isinstance(column.dtype, pl.List | pl.Array) or not column.dtype.inner.is_numeric():
        raise DataError(f"{file}: the column 'vector' must hold lists of numbers, it is {column.dtype}")
    lists = column.cast(pl.List(pl.Float64))
    lengths = lists.list.len().fill_null(0).to_numpy()
    width = lengths.max(initial=1)
    odd = np.flatnonzero(lengths != width)
    if odd.size:
        raise DataError(
            f"{file}: every vector must have the same number of values, one or more; "
            f"row {odd[0]}, counted from 0, has {lengths[odd[0]]}, another has {width}"
        )
    return names.to_list(), lists.explode().to_numpy().reshape(len(names), width)


def _npy(file: Path) -> tuple[list[str], npt.NDArray[np.floating]]:
    try:
        vectors = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{file} cannot be read as .npy: {error}") from error
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        found = f"{vectors.dtype} of shape {vectors.shape}" if isinstance(vectors, np.ndarray) else "an archive"
        raise DataError(f"{file}: expected numbers of shape (N, D), it is {found}")
    names = _ids(file).read_text(encoding="utf-8", errors="replace").split()
    if len(names) != len(vectors):
        raise DataError(f"{_ids(file)} has {len(names)} data hashes, but {file.name} has {len(vectors)} rows")
    return names, vectors
