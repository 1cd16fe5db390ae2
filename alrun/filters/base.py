"""What a predicate is: a polars expression, a text for people, and the names that it relies on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Annotated, Literal

import polars as pl
from annotated_types import Ge, Le, MinLen

Kind = Literal["stage", "tag", "class", "metric", "metadata", "prediction", "runs", "truth"]
Mention = tuple[Kind, str]
Names = Annotated[tuple[str, ...], MinLen(1)]
Name = Annotated[str, MinLen(1)]
Share = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True)
class Predicate(ABC):
    """What holds for a task or does not; `str()` says it as a sentence."""

    @property
    def ranks(self) -> bool:
        """Whether it compares tasks with each other, so that it matters which others are there."""
        return False

    @abstractmethod
    def mask(self, scope: pl.Expr) -> pl.Expr:
        """Return a bool expression without nulls; one that ranks does so among the tasks of `scope`."""

    def mentions(self) -> Iterator[Mention]:
        """Yield the names in it that only a project and its run know."""
        return iter(())

    @abstractmethod
    def __str__(self) -> str: ...


def value(metric: str) -> pl.Expr:
    """Return a metric as float64, null where it is missing."""
    return pl.col(metric).cast(pl.Float64).fill_nan(None)


def inside(number: pl.Expr, low: float | pl.Expr | None, high: float | pl.Expr | None) -> pl.Expr:
    """Return whether a number is in a range, bounds included; a missing one is not."""
    found = number.is_not_null()
    if low is not None:
        found &= number >= low
    if high is not None:
        found &= number <= high
    return found.fill_null(value=False)


def every(expressions: Iterable[pl.Expr]) -> pl.Expr:
    """Return whether all hold; true of none."""
    return reduce(and_, expressions, pl.lit(True))


def some(expressions: Iterable[pl.Expr]) -> pl.Expr:
    """Return whether one holds or more; false of none."""
    return reduce(or_, expressions, pl.lit(False))


def check_bounds(low: float | None, high: float | None) -> None:
    """Raise `ValueError` unless one bound is given or both, finite and in order."""
    import math

    if low is None and high is None:
        raise ValueError("at least one of min, max is needed")
    if any(bound is not None and not math.isfinite(bound) for bound in (low, high)):
        raise ValueError("a bound must be finite; leave it out where there is none")
    if low is not None and high is not None and low > high:
        raise ValueError(f"min {low:g} is above max {high:g}: no task could pass")


def bounds_text(low: float | None, high: float | None) -> str:
    """Return the bounds in words."""
    return ("" if low is None else f" from {low:g}") + ("" if high is None else f" up to {high:g}")
