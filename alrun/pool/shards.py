"""Numbers that were computed from an image's bytes, kept in files under a digest of the bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.files import digest, write_bytes

Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Shards:
    """A folder of files, each with the rows of some images; several processes may write to it at once.

    Attributes
    ----------
    folder
        Where the files are; it is made when something is kept.
    identity
        What the rows depend on besides the image; a file of another identity is not believed.
    """

    folder: Path
    identity: str

    def keep(self, digests: Sequence[str], values: Values) -> None:
        """Write one file: row i of `values` belongs to the image with ``digests[i]``."""
        self.folder.mkdir(parents=True, exist_ok=True)
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, identity=self.identity, digests=np.array(digests), values=values)
        write_bytes(self.folder / f"{digest([self.identity, *digests])}.npz", content.getvalue())

    def kept(self, wanted: Collection[str]) -> Iterator[tuple[list[str], Values]]:
        """Yield the digests and rows of each file that has a wanted one; a damaged or foreign file is passed over.

        A digest may occur in several files.
        """
        sought = frozenset(wanted)
        for path in sorted(self.folder.glob("*.npz")):
            try:
                with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
                    digests = file["digests"].tolist()
                    if str(file["identity"]) != self.identity or sought.isdisjoint(digests):
                        continue
                    values = file["values"]  # the zip's checksum is verified by reading
            except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile):
                continue
            if values.ndim and len(values) == len(digests):
                yield digests, values
