"""Images that come inside installed packages, read without importing those packages."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alrun.datasets.base import Item
from alrun.errors import DataError
from alrun.files import file_digest
from alrun.types import Answer, Label, Ontology, Question, QuestionKind, Scalar

Pixels = npt.NDArray[np.uint8]

FORMAT = 1
"""Version of how a table becomes images, titles and labels: part of the identity."""

QUESTION = Question("digit", QuestionKind.RADIO, tuple("0123456789"))


@dataclass(frozen=True)
class PackagedDigits:
    """A gzipped CSV inside a package: one row an image, its pixels and then its digit.

    Attributes
    ----------
    name
        What the titles begin with.
    package, path
        The top-level package, and the file relative to it.
    requirement
        What to install where the file is missing.
    side
        Height and width of the images in pixels.
    white
        The value that stands for white.
    """

    name: str
    package: str
    path: str
    requirement: str
    side: int
    white: int

    def identity(self) -> Mapping[str, Scalar]:
        """Return what the images depend on."""
        return {"dataset": self.name, "format": FORMAT, "source": file_digest(self._file())}

    def ontology(self) -> Ontology:
        """Return one question, the digit."""
        return Ontology(questions=(QUESTION,))

    def items(self) -> Iterator[Item]:
        """Yield the images in the file's order, as PNG whose bytes depend on the pixels only."""
        text = gzip.decompress(self._file().read_bytes())
        table = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.uint8, ndmin=2)
        images = np.rint(table[:, :-1] * (255 / self.white)).astype(np.uint8).reshape(-1, self.side, self.side)
        for row, (pixels, target) in enumerate(zip(images, table[:, -1].tolist(), strict=True)):
            label = Label((Answer(QUESTION.name, (str(target),)),))
            yield Item(f"{self.name}_{row:05}.png", partial(png, pixels), label)

    def _file(self) -> Path:
        return packaged_file(self.name, self.package, self.path, self.requirement)


def packaged_file(dataset: str, package: str, path: str, requirement: str) -> Path:
    """Return the file at `path` in the top-level `package`, which is not imported.

    Raises
    ------
    DataError
        If it is not there; the message says that `dataset` reads it and that `requirement` is to be installed.
    """
    spec = find_spec(package)
    for folder in (spec and spec.submodule_search_locations) or ():
        file = Path(folder) / path
        if file.is_file():
            return file
    raise DataError(
        f"dataset={dataset} reads {package}/{path}, which is not installed here: "
        f"pip install '{requirement}', or choose another dataset"
    )


def png(pixels: Pixels) -> bytes:
    """Return grey `pixels`, uint8 of shape (H, W) and below 64 KiB, as PNG: the same bytes on every machine.

    The pixels are one stored (not compressed) block, since compressors differ between versions of zlib.
    """
    height, width = pixels.shape
    filtered = np.zeros((height, width + 1), np.uint8)  # each line begins with 0: no filter
    filtered[:, 1:] = pixels
    lines = filtered.tobytes()
    size = struct.pack("<HH", len(lines), len(lines) ^ 0xFFFF)
    stream = b"\x78\x01\x01" + size + lines + struct.pack(">I", zlib.adler32(lines))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", stream) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
