"""Vectors on disk: one file that only grows, mapped into memory, and an index of what its rows belong to."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from alrun.embeddings.base import Vectors
from alrun.errors import DataError
from alrun.faults import reach
from alrun.files import append_line, digest


class Block(NamedTuple):
    """Rows that were appended together: those from `start` on belong to the images with these digests."""

    dtype: str
    width: int
    start: int
    checksum: str
    digests: list[str]


@dataclass(frozen=True)
class VectorStore:
    """The vectors of one embedding: ``vectors.bin``, rows one after the other, and ``index.jsonl``, a line a block.

    A block counts once its line is on the disk, which is after its rows are. What a kill tears, in either file, is
    passed over, and so is every line and every block that does not have the digest it was written with. Nothing is
    ever changed or cut off: rows that a process has mapped stay as they are while another appends.

    Attributes
    ----------
    folder
        Where the files are; it is made when something is appended.
    identity
        What the rows depend on besides the image; the lines of another identity are not believed.
    """

    folder: Path
    identity: str

    def append(self, digests: Sequence[str], vectors: Vectors) -> None:
        """Add a block: row i of `vectors`, shape (N, D), belongs to the image with ``digests[i]``.

        One process at a time may, see :func:`alrun.files.waited_for`; others may read meanwhile.

        Raises
        ------
        DataError
            If the vectors that are there already have another width or type.
        """
        first = next(self._blocks(), None)
        if first is not None and (first.dtype, first.width) != (vectors.dtype.str, vectors.shape[1]):
            raise DataError(
                f"the embedding returned {vectors.dtype} of width {vectors.shape[1]}, but its vectors in {self.folder} "
                f"are {np.dtype(first.dtype)} of width {first.width}: one `identity` must mean one width and type. "
                "Name in it what makes the difference, such as a version"
            )
        self.folder.mkdir(parents=True, exist_ok=True)
        content = vectors.tobytes()
        with self._rows.open("ab") as file:
            row = vectors.itemsize * vectors.shape[1]
            start = -(-file.tell() // row)
            file.write(bytes(start * row - file.tell()))  # after a torn row
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        reach("embeddings.before_index")
        block = Block(vectors.dtype.str, vectors.shape[1], start, digest(content), list(digests))
        body = json.dumps(block)
        append_line(self._index, f"\n{self._seal(body)} {body}")  # the first line end is for a line that was torn

    def kept(self, wanted: Collection[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield the first row of each undamaged block that has a wanted image, and the digests of all its images.

        A digest may occur in several blocks.
        """
        rows = self.mapped()
        shape = None if rows is None else (rows.dtype.str, rows.shape[1])
        for block in self._blocks():
            if rows is None or (block.dtype, block.width) != shape or not any(d in wanted for d in block.digests):
                continue
            if block.checksum == digest(rows[block.start : block.start + len(block.digests)].tobytes()):
                yield block.start, block.digests

    def mapped(self) -> Vectors | None:
        """Return all rows that are there now, shape (R, D), read-only and mapped; None if there are none."""
        block = next(self._blocks(), None)
        if block is None or not self._rows.exists():
            return None
        dtype = np.dtype(block.dtype)
        count = self._rows.stat().st_size // (dtype.itemsize * block.width)
        return np.asarray(np.memmap(self._rows, dtype, "r", shape=(count, block.width))) if count else None

    @property
    def _rows(self) -> Path:
        return self.folder / "vectors.bin"

    @property
    def _index(self) -> Path:
        return self.folder / "index.jsonl"

    def _seal(self, body: str) -> str:
        return digest([self.identity, body])

    def _blocks(self) -> Iterator[Block]:
        with suppress(FileNotFoundError), self._index.open(encoding="utf-8", errors="replace", newline="\n") as file:
            for line in file:
                seal, _, body = line.rstrip("\n").partition(" ")
                if seal == self._seal(body):
                    yield Block(*json.loads(body))
