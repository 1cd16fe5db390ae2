"""The compute port: somewhere to do work on many images, part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, Protocol, TypeVar, runtime_checkable

P = TypeVar("P")
R = TypeVar("R")


@runtime_checkable
class Compute(Protocol):
    """Somewhere to do work: a frozen dataclass. What comes out does not depend on it.

    Attributes
    ----------
    elsewhere
        Whether it is done in other processes, which may be on other machines: what is sent there should be small.
    """

    elsewhere: ClassVar[bool]

    @property
    def images(self) -> int:
        """How many images make a part, 1 or more."""
        ...

    def map(self, work: Callable[[P], R], parts: Sequence[P]) -> Iterator[R]:
        """Yield ``work(part)`` for each part, in their order; few of them are in memory at a time.

        Closing the iterator (Ctrl-C does) ends what is still being worked on.

        Parameters
        ----------
        work
            A function of a module, or a `functools.partial` of one, so that another process finds it by name. It
            may be called again for a part whose process was lost.

        Raises
        ------
        ConfigError
            If this way of computing is not available here; nothing was done.
        StateError
            If processes were lost again and again.
        Exception
            What `work` raises, for the first part for which it does.
        """
        ...
