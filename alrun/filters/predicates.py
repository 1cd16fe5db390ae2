"""The predicates, a closed union; each is a polars expression and a text for people."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Annotated, Literal

import polars as pl
from annotated_types import Ge, Le, MinLen

NO_CLASS = "No class"

Kind = Literal["stage", "tag", "class", "metric"]
Mention = tuple[Kind, str]
Count = Annotated[int, Ge(0), Le(2**31 - 1)]
Names = Annotated[tuple[str, ...], MinLen(1)]
Name = Annotated[str, MinLen(1)]


@dataclass(frozen=True)
class InStage:
    """`stage: [TITLE, ...]`: the task is in one of these stages."""

    titles: Names

    def __str__(self) -> str:
        return f"stage is {' or '.join(self.titles)}"


@dataclass(frozen=True)
class Tagged:
    """`tags: {any: [...], all: [...], none: [...]}`: the image has the tags so; at least one list is given."""

    any: Names | None = None
    all: Names | None = None
    none: Names | None = None

    def __post_init__(self) -> None:
        if not self.lists():
            raise ValueError("at least one of any, all, none is needed")

    def __str__(self) -> str:
        return "tagged with " + " and ".join(f"{how} of {', '.join(names)}" for how, names in self.lists())

    def lists(self) -> list[tuple[Literal["any", "all", "none"], Names]]:
        """Return the lists that are given, each with what it asks for."""
        lists: list[tuple[Literal["any", "all", "none"], Names | None]]
        lists = [("any", self.any), ("all", self.all), ("none", self.none)]
        return [(how, names) for how, names in lists if names is not None]


@dataclass(frozen=True)
class Untagged:
    """`untagged: true`: the image has no tag; `false`: it has one or more."""

    wanted: bool

    def __str__(self) -> str:
        return "untagged" if self.wanted else "tagged"


@dataclass(frozen=True)
class HasClass:
    """`object_class: [NAME, ...]`: one of these classes or options is in the label; `No class`: none at all is."""

    names: Names

    def __str__(self) -> str:
        return f"class is {' or '.join(self.names)}"


@dataclass(frozen=True)
class InLabelState:
    """`label_state: unlabelled` or `labelled`: as the pool's column `labelled` says."""

    state: Literal["labelled", "unlabelled"]

    def __str__(self) -> str:
        return self.state


@dataclass(frozen=True)
class InRange:
    """`metric: {name: NAME, min: LOW, max: HIGH}`: the metric is in this range; either bound can be left out."""

    name: Name
    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        if self.min is None and self.max is None:
            raise ValueError("at least one of min, max is needed")
        if any(bound is not None and not math.isfinite(bound) for bound in (self.min, self.max)):
            raise ValueError("a bound must be finite; leave it out where there is none")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}: no task could pass")

    def __str__(self) -> str:
        low = "" if self.min is None else f" from {self.min:g}"
        high = "" if self.max is None else f" up to {self.max:g}"
        return f"{self.name}{low}{high}"


@dataclass(frozen=True)
class HasText:
    """`text: {column: title, contains: TEXT}` or `{column: title, matches: PATTERN}`; case counts.

    PATTERN is a regular expression of the Rust regex crate, found anywhere: `(?i)` ignores case, ^ and $
    anchor; look-around and back-references do not exist.
    """

    column: Literal["title", "assignee"] = "title"
    contains: Name | None = None
    matches: Name | None = None

    def __post_init__(self) -> None:
        if (self.contains is None) == (self.matches is None):
            raise ValueError("exactly one of contains, matches is needed")
        if self.matches is not None:
            try:
                pl.Series([""]).str.contains(self.matches)
            except pl.exceptions.ComputeError as error:
                reason = str(error).rpartition("error: ")[2].partition("\n")[0]
                raise ValueError(f"given {self.matches!r}, not a regular expression: {reason}") from None

    def __str__(self) -> str:
        return f"{self.column} " + (f"matches {self.matches}" if self.matches else f"contains {self.contains}")


@dataclass(frozen=True)
class Lowest:
    """`bottom: {metric: NAME, n: N}`: the task is one of the n with the lowest metric."""

    metric: Name
    n: Count

    def __str__(self) -> str:
        return f"lowest {self.n} by {self.metric}"


@dataclass(frozen=True)
class Highest:
    """`top: {metric: NAME, n: N}`: the task is one of the n with the highest metric."""

    metric: Name
    n: Count

    def __str__(self) -> str:
        return f"highest {self.n} by {self.metric}"


@dataclass(frozen=True)
class Not:
    """`not: PREDICATE`: the predicate does not hold."""

    part: Predicate

    def __str__(self) -> str:
        return f"not ({self.part})"


@dataclass(frozen=True)
class AnyOf:
    """`any: [PREDICATE, ...]`: one of them holds, or more."""

    parts: tuple[Predicate, ...]

    def __str__(self) -> str:
        return " or ".join(f"({part})" for part in self.parts)


@dataclass(frozen=True)
class AllOf:
    """`all: [PREDICATE, ...]`: each of them holds; an empty list holds for every task."""

    parts: tuple[Predicate, ...]

    def __str__(self) -> str:
        return " and ".join(f"({part})" for part in self.parts) or "anything"

    def steps(self, scope: pl.Expr) -> list[tuple[Predicate, pl.Expr]]:
        """Return the parts in the order in which they act, those that rank last, each with its expression."""
        plain = [(part, mask(part, scope)) for part in self.parts if not ranks(part)]
        left = _every((scope, *(expression for _, expression in plain)))
        return plain + [(part, mask(part, left)) for part in self.parts if ranks(part)]


Leaf = InStage | Tagged | Untagged | HasClass | InLabelState | InRange | HasText | Lowest | Highest
Predicate = Leaf | Not | AnyOf | AllOf


def mask(predicate: Predicate, scope: pl.Expr) -> pl.Expr:
    """Return a bool expression without nulls; a `bottom` or `top` counts among the tasks of `scope`."""
    match predicate:
        case InStage():
            return pl.col("stage").is_in(predicate.titles)
        case Tagged():
            return _every(_tags(how, names) for how, names in predicate.lists())
        case Untagged():
            return (pl.col("tags").list.len() == 0) == predicate.wanted
        case HasClass():
            return _some(_class(name) for name in predicate.names)
        case InLabelState():
            return pl.col("labelled") == (predicate.state == "labelled")
        case InRange():
            return _range(predicate)
        case HasText():
            pattern, literal = predicate.matches or predicate.contains or "", predicate.matches is None
            return pl.col(predicate.column).str.contains(pattern, literal=literal).fill_null(value=False)
        case Lowest():
            return _first(value(predicate.metric), predicate.n, scope)
        case Highest():
            return _first(-value(predicate.metric), predicate.n, scope)
        case Not():
            return ~mask(predicate.part, scope)
        case AnyOf():
            return _some(mask(part, scope) for part in predicate.parts)
        case AllOf():
            return _every(expression for _, expression in predicate.steps(scope))


def ranks(predicate: Predicate) -> bool:
    """Return whether there is a `bottom` or `top` in the predicate."""
    match predicate:
        case Lowest() | Highest():
            return True
        case Not():
            return ranks(predicate.part)
        case AnyOf() | AllOf():
            return any(ranks(part) for part in predicate.parts)
        case _:
            return False


def mentions(predicate: Predicate) -> Iterator[Mention]:
    """Yield the names in the predicate that only a project and its run know."""
    match predicate:
        case InStage():
            yield from (("stage", title) for title in predicate.titles)
        case Tagged():
            yield from (("tag", name) for _, names in predicate.lists() for name in names)
        case HasClass():
            yield from (("class", name) for name in predicate.names if name != NO_CLASS)
        case InRange():
            yield "metric", predicate.name
        case Lowest() | Highest():
            yield "metric", predicate.metric
        case Not():
            yield from mentions(predicate.part)
        case AnyOf() | AllOf():
            for part in predicate.parts:
                yield from mentions(part)
        case _:
            pass


def value(metric: str) -> pl.Expr:
    """Return a metric as float64, null where it is missing."""
    return pl.col(metric).cast(pl.Float64).fill_nan(None)


def _every(expressions: Iterable[pl.Expr]) -> pl.Expr:
    return reduce(and_, expressions, pl.lit(True))


def _some(expressions: Iterable[pl.Expr]) -> pl.Expr:
    return reduce(or_, expressions, pl.lit(False))


def _tags(how: Literal["any", "all", "none"], names: Names) -> pl.Expr:
    have = [pl.col("tags").list.contains(pl.lit(name)) for name in names]
    if how == "all":
        return _every(have)
    return _some(have) if how == "any" else ~_some(have)


def _class(name: str) -> pl.Expr:
    classes = pl.col("classes").list
    return classes.len() == 0 if name == NO_CLASS else classes.contains(pl.lit(name))


def _range(wanted: InRange) -> pl.Expr:
    number = value(wanted.name)
    inside = number.is_not_null()
    if wanted.min is not None:
        inside &= number >= wanted.min
    if wanted.max is not None:
        inside &= number <= wanted.max
    return inside.fill_null(value=False)


def _first(key: pl.Expr, n: int, scope: pl.Expr) -> pl.Expr:
    return (pl.when(scope).then(key).rank("ordinal") <= n).fill_null(value=False)
