"""The dataset port: what can be imported into the local platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol, runtime_checkable

from annotated_types import Ge, Predicate

from alrun.types import Label, Ontology, Scalar

Split = Literal["pool", "test"]


def whole_or_share(test_size: float) -> bool:
    """Tell whether `test_size` is a whole number of images or a share below 1."""
    return test_size < 1 or float(test_size).is_integer()


TestSize = Annotated[float, Ge(0), Predicate(whole_or_share)]
"""How many labelled images the split by seed holds out: a number (1 or more), a share (below 1), 0 for none."""


@dataclass(frozen=True)
class Item:
    """One image to import.

    Attributes
    ----------
    title
        The task's title, such as the file's relative path. Untrusted.
    read
        Returns the encoded image (PNG, JPEG, ...); may raise `OSError`. Called from another thread.
    label
        What an oracle would answer; None if unknown.
    split
        ``"pool"`` or ``"test"`` where the dataset decides it; None leaves it to the split by seed.
    size
        The number of bytes where it is known before `read`, so that a giant file is never read.
    """

    title: str
    read: Callable[[], bytes]
    label: Label | None = None
    split: Split | None = None
    size: int | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)


@runtime_checkable
class Dataset(Protocol):
    """A source of images. A frozen dataclass whose fields are its configuration.

    Every dataset has a field `test_size: TestSize`.
    """

    @property
    def test_size(self) -> float:
        """How many labelled images the split by seed holds out (see `TestSize`)."""
        ...

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
