"""A connection that a test may cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from alrun.platform.port import (
    HoldsOut,
    KeepsMetadata,
    KnowsTruth,
    Platform,
    Project,
    Staffed,
    TakesPrelabels,
    TellsSkipped,
)
from alrun.platform.writes import RecipeWrite
from alrun.types import ImageFile, Label, LeftOut, Task


class Faulty:
    """A platform whose writes pass through a connection that a test may cut.

    Parameters
    ----------
    inner
        The platform itself. What it can do beyond the port (`act`, `truth`, `metadata`, ...), this can.
    on_write
        Called with the number of the write (from 1), the request, and ``"before"`` or ``"after"`` it was
        carried out. Raising before loses the request, raising after loses the answer.
    """

    def __init__(
        self,
        inner: Platform,
        on_write: Callable[[int, RecipeWrite, Literal["before", "after"]], None],
    ) -> None:
        self._inner = inner
        self._on_write = on_write
        self._writes = 0
        self.limits = inner.limits
        if isinstance(inner, Staffed):
            self.act = inner.act
        if isinstance(inner, KeepsMetadata):
            self.metadata = inner.metadata
            self.set_metadata = inner.set_metadata
        if isinstance(inner, TakesPrelabels):
            self.prelabel = inner.prelabel
        if isinstance(inner, TellsSkipped):
            self.skipped = inner.skipped
        if isinstance(inner, KnowsTruth):
            self.truth = inner.truth
        if isinstance(inner, HoldsOut):
            self.held_out = inner.held_out

    @property
    def lock(self) -> Path:
        """The inner platform's."""
        return self._inner.lock

    @property
    def requests(self) -> int:
        """The inner platform's: a request that was lost on the way does not count."""
        return self._inner.requests

    def project(self) -> Project:
        """Pass on."""
        return self._inner.project()

    def tasks(self, data_hashes: Sequence[str] | None = None) -> list[Task]:
        """Pass on."""
        return self._inner.tasks(data_hashes)

    def labels(self, label_hashes: Sequence[str]) -> dict[str, Label]:
        """Pass on."""
        return self._inner.labels(label_hashes)

    def tags(self) -> dict[str, frozenset[str]]:
        """Pass on."""
        return self._inner.tags()

    def tag_names(self) -> frozenset[str]:
        """Pass on."""
        return self._inner.tag_names()

    def images(self, data_hashes: Sequence[str]) -> tuple[list[ImageFile], list[LeftOut]]:
        """Pass on."""
        return self._inner.images(data_hashes)

    def write(self, request: RecipeWrite) -> None:
        """Pass on, between two calls of `on_write`."""
        self._writes += 1
        number = self._writes
        self._on_write(number, request, "before")
        self._inner.write(request)
        self._on_write(number, request, "after")

    def close(self) -> None:
        """Pass on."""
        self._inner.close()
