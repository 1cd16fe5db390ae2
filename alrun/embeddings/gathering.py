"""Rows gathered from where vectors are kept: in memory if they are few, else in a file that is mapped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Numbers = npt.NDArray[Any]

LARGE = 256 * 2**20
"""Bytes from which on vectors are not copied into memory."""

_BLOCK = 4 * 2**20


def gathered(parts: Sequence[Numbers], rows: Rows, folder: Path, large: int = LARGE) -> Floats:
    """Return float32 of shape (len(rows), D): these rows of `parts`, numbered through from one part to the next.

    Fewer than `large` bytes are copied into memory. From there on the result is read-only: a view where `rows` follow
    each other in one part of float32 (mapped if the part is), else a copy in a file of `folder`, mapped. The file
    has no name; it is gone with the last array that shows it, or with the process.

    Parameters
    ----------
    parts
        One or more, all of the same width D, of any type of number.
    folder
        On a disk with room for the copy; it is made if need be.

    Raises
    ------
    OSError
        If the disk is full.
    """
    width = parts[0].shape[1]
    if len(rows) * width * 4 < large:
        found = np.empty((len(rows), width), np.float32)
        for start, block in _copied(parts, rows):
            found[start : start + len(block)] = block
        return found
    view = _view(parts, rows)
    if view is not None:
        return view
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=folder) as file:
        for _, block in _copied(parts, rows):
            file.write(block.data)  # not mapped for writing: there a full disk would kill the process
        file.flush()
        return np.asarray(np.memmap(file, np.float32, "r", shape=(len(rows), width)))


def not_finite(vectors: Numbers) -> Rows:
    """Return the rows that hold NaN or infinity."""
    step = _step(vectors.shape[1])
    starts = range(0, len(vectors), step)
    found = [start + np.flatnonzero(~np.isfinite(vectors[start : start + step]).all(axis=1)) for start in starts]
    return np.concatenate([np.zeros(0, np.int64), *found])


def _step(width: int) -> int:
    return max(_BLOCK // (max(width, 1) * 4), 1)


def _copied(parts: Sequence[Numbers], rows: Rows) -> Iterator[tuple[int, Floats]]:
    """Yield the gathered rows block by block, each with its place in the result."""
    width = parts[0].shape[1]
    for start in range(0, len(rows), _step(width)):
        some = rows[start : start + _step(width)]
        block = np.empty((len(some), width), np.float32)
        offset = 0
        for part in parts:
            here = (some >= offset) & (some < offset + len(part))
            block[here] = part[some[here] - offset]
            offset += len(part)
        yield start, block


def _view(parts: Sequence[Numbers], rows: Rows) -> Floats | None:
    if not (np.diff(rows) == 1).all():
        return None
    start = int(rows[0])
    for part in parts:
        if start >= 0 and start + len(rows) <= len(part) and part.dtype == np.float32 and part.flags.c_contiguous:
            view = part[start : start + len(rows)].view()
            view.flags.writeable = False
            return np.asarray(view, np.float32)
        start -= len(part)
    return None
