"""The dataset port: what can be imported into the local platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

from alrun.types import Label, Ontology, Scalar


@dataclass(frozen=True)
class Item:
    """One image to import.

    Attributes
    ----------
    title
        The task's title, such as the file's relative path. Untrusted.
    read
        Returns the encoded image (PNG, JPEG, ...); may raise `OSError`.
    label
        What an oracle would answer; None if unknown.
    split
        ``"pool"`` or ``"test"`` where the dataset decides it; None leaves it to the split by seed.
    """

    title: str
    read: Callable[[], bytes]
    label: Label | None = None
    split: Literal["pool", "test"] | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)


@runtime_checkable
class Dataset(Protocol):
    """A source of images. A frozen dataclass whose fields are its configuration.

    Every dataset has a field `test_size`: how many labelled images the split by seed holds out, as a number
    of images (1 or more), a share (between 0 and 1), or 0 for none.
    """

    test_size: float

    def identity(self) -> Mapping[str, Scalar]:
        """Return what the content depends on, cheap to compute: a cached import with the same identity is reused.

        Raises
        ------
        DataError
            If the source does not exist or cannot be read; the message says what is expected.
        """
        ...

    def ontology(self) -> Ontology:
        """Return the classes and questions that the labels use."""
        ...

    def items(self) -> Iterator[Item]:
        """Yield every image in a stable order; a bad row raises `DataError`, a bad image is for the importer."""
        ...

    def __len__(self) -> int:
        """Return how many items there will be, for a progress bar."""
        ...
