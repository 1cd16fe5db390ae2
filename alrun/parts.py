"""Long lists in parts, as what takes them can only hold so many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def in_parts(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Return the items in order, in parts of `size`; the last may be smaller."""
    return [items[start : start + size] for start in range(0, len(items), size)]
