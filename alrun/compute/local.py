"""Work in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from alrun.compute.base import P, R


@dataclass(frozen=True)
class Local:
    """Works on one part after the other, in this process; libraries use threads within a part.

    Attributes
    ----------
    images
        How many images are embedded, and kept, at a time: a kill loses so many at most.
    """

    elsewhere: ClassVar[bool] = False

    images: Annotated[int, Ge(1)] = 512

    def map(self, work: Callable[[P], R], parts: Sequence[P]) -> Iterator[R]:
        """Yield ``work(part)`` for each part; see :class:`alrun.compute.base.Compute`."""
        return map(work, parts)
