"""Predicates about metrics."""

# ruff: noqa: D102  the base class says what each method does

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import polars as pl
from annotated_types import Ge, Le

from alrun.filters.base import Mention, Name, Predicate, Share, bounds_text, check_bounds, inside, value

Count = Annotated[int, Ge(0), Le(2**31 - 1)]
_ROUNDING = 1e-9


@dataclass(frozen=True)
class InRange(Predicate):
    """`metric: {name: NAME, min: LOW, max: HIGH}`: the metric is in this range; either bound can be left out."""

    name: Name
    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        check_bounds(self.min, self.max)

    def __str__(self) -> str:
        return f"{self.name}{bounds_text(self.min, self.max)}"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        return inside(value(self.name), self.min, self.max)

    def mentions(self) -> Iterator[Mention]:
        yield "metric", self.name


@dataclass(frozen=True)
class _OfMetric(Predicate):
    metric: Name

    def mentions(self) -> Iterator[Mention]:
        yield "metric", self.metric


@dataclass(frozen=True)
class Missing(_OfMetric):
    """`missing: NAME`: the metric has no value."""

    def __str__(self) -> str:
        return f"{self.metric} is missing"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        return value(self.metric).is_null()


@dataclass(frozen=True)
class _Ranking(_OfMetric):
    @property
    def ranks(self) -> bool:
        return True


@dataclass(frozen=True)
class InQuantile(_Ranking):
    """`quantile: {metric: NAME, min: LOW, max: HIGH}`: the metric lies between two quantiles, each of 0..1.

    Quantiles are interpolated: 0.5 is the median. Either bound can be left out; equal values pass together, so for
    an exact number of tasks there are `bottom` and `top`.
    """

    min: Share | None = None
    max: Share | None = None

    def __post_init__(self) -> None:
        check_bounds(self.min, self.max)

    def __str__(self) -> str:
        return f"quantile of {self.metric}{bounds_text(self.min, self.max)}"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        number = pl.when(scope).then(value(self.metric))
        low, high = (None if q is None else _quantile(number, q) for q in (self.min, self.max))
        return inside(number, low, high)


@dataclass(frozen=True)
class _Extreme(_Ranking):
    n: Count


@dataclass(frozen=True)
class Lowest(_Extreme):
    """`bottom: {metric: NAME, n: N}`: the task is one of the n with the lowest metric."""

    def __str__(self) -> str:
        return f"lowest {self.n} by {self.metric}"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        return _first(value(self.metric), self.n, scope)


@dataclass(frozen=True)
class Highest(_Extreme):
    """`top: {metric: NAME, n: N}`: the task is one of the n with the highest metric."""

    def __str__(self) -> str:
        return f"highest {self.n} by {self.metric}"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        return _first(-value(self.metric), self.n, scope)


@dataclass(frozen=True)
class OneOfEach(_Ranking):
    """`one_of_each: NAME`: the task is the first of those with its value of the metric, or has no value.

    With the metric `duplicate_group` it keeps one of each group of duplicates, and all that have no duplicate.
    """

    def __str__(self) -> str:
        return f"one of each {self.metric}"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        number = value(self.metric)
        here = scope & number.is_not_null()
        return number.is_null() | (here & (here.cast(pl.UInt32).cum_sum().over(number) == 1))


def _quantile(number: pl.Expr, q: float) -> pl.Expr:
    """Return a quantile, interpolated; where it is a value itself, that value, whatever 0.29 times 100 comes to."""
    place = q * (number.count().cast(pl.Float64) - 1)
    whole = (place - place.round()).abs() < _ROUNDING
    return pl.when(whole).then(number.quantile(q, "nearest")).otherwise(number.quantile(q, "linear"))


def _first(key: pl.Expr, n: int, scope: pl.Expr) -> pl.Expr:
    return (pl.when(scope).then(key).rank("ordinal") <= n).fill_null(value=False)
