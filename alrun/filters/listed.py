"""Predicates about what the platform says of a task."""

# ruff: noqa: D102  the base class says what each method does

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import polars as pl

from alrun.filters.base import (
    Mention,
    Name,
    Names,
    Predicate,
    Share,
    bounds_text,
    check_bounds,
    every,
    inside,
    some,
)

NO_CLASS = "No class"


@dataclass(frozen=True)
class InStage(Predicate):
    """`stage: [TITLE, ...]`: the task is in one of these stages."""

    titles: Names

    def __str__(self) -> str:
        return f"stage is {' or '.join(self.titles)}"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        return pl.col("stage").is_in(self.titles)

    def mentions(self) -> Iterator[Mention]:
        yield from (("stage", title) for title in self.titles)


@dataclass(frozen=True)
class Tagged(Predicate):
    """`tags: {any: [...], all: [...], none: [...]}`: the image has the tags so; at least one list is given."""

    any: Names | None = None
    all: Names | None = None
    none: Names | None = None

    def __post_init__(self) -> None:
        if not self._lists():
            raise ValueError("at least one of any, all, none is needed")

    def __str__(self) -> str:
        return "tagged with " + " and ".join(f"{how} of {', '.join(names)}" for how, names in self._lists())

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        return every(_tags(how, names) for how, names in self._lists())

    def mentions(self) -> Iterator[Mention]:
        yield from (("tag", name) for _, names in self._lists() for name in names)

    def _lists(self) -> list[tuple[Literal["any", "all", "none"], Names]]:
        """Return the lists that are given, each with what it asks for."""
        lists: list[tuple[Literal["any", "all", "none"], Names | None]]
        lists = [("any", self.any), ("all", self.all), ("none", self.none)]
        return [(how, names) for how, names in lists if names is not None]


def _tags(how: Literal["any", "all", "none"], names: Names) -> pl.Expr:
    have = [pl.col("tags").list.contains(pl.lit(name)) for name in names]
    if how == "all":
        return every(have)
    return some(have) if how == "any" else ~some(have)


@dataclass(frozen=True)
class Untagged(Predicate):
    """`untagged: true`: the image has no tag; `false`: it has one or more."""

    wanted: bool

    def __str__(self) -> str:
        return "untagged" if self.wanted else "tagged"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        return (pl.col("tags").list.len() == 0) == self.wanted


@dataclass(frozen=True)
class HasClass(Predicate):
    """`object_class: [NAME, ...]`: one of these classes or options is in the label; `No class`: none at all is."""

    names: Names

    def __str__(self) -> str:
        return f"class is {' or '.join(self.names)}"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        return some(_class(name) for name in self.names)

    def mentions(self) -> Iterator[Mention]:
        yield from (("class", name) for name in self.names if name != NO_CLASS)


def _class(name: str) -> pl.Expr:
    classes = pl.col("classes").list
    return classes.len() == 0 if name == NO_CLASS else classes.contains(pl.lit(name))


@dataclass(frozen=True)
class InLabelState(Predicate):
    """`label_state: unlabelled` or `labelled`: as the pool's column `labelled` says."""

    state: Literal["labelled", "unlabelled"]

    def __str__(self) -> str:
        return self.state

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        return pl.col("labelled") == (self.state == "labelled")


@dataclass(frozen=True)
class HasText(Predicate):
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

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        pattern, literal = self.matches or self.contains or "", self.matches is None
        return pl.col(self.column).str.contains(pattern, literal=literal).fill_null(value=False)


@dataclass(frozen=True)
class AssignedTo(Predicate):
    """`assignee: [ADDRESS, ...]`: one of these people has the task."""

    people: Names

    def __str__(self) -> str:
        return f"assignee is {' or '.join(self.people)}"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        return pl.col("assignee").is_in(self.people).fill_null(value=False)


@dataclass(frozen=True)
class Unassigned(Predicate):
    """`unassigned: true`: nobody has the task; `false`: somebody has."""

    wanted: bool

    def __str__(self) -> str:
        return "unassigned" if self.wanted else "assigned"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        return pl.col("assignee").is_null() == self.wanted


@dataclass(frozen=True)
class HasPriority(Predicate):
    """`priority: {min: LOW, max: HIGH}`: the priority, 0..1, is in this range; either bound can be left out."""

    min: Share | None = None
    max: Share | None = None

    def __post_init__(self) -> None:
        check_bounds(self.min, self.max)

    def __str__(self) -> str:
        return f"priority{bounds_text(self.min, self.max)}"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        return inside(pl.col("priority"), self.min, self.max)


@dataclass(frozen=True)
class Edited(Predicate):
    """`edited: {since: MOMENT, before: MOMENT}`: the labels were last saved then; either can be left out.

    A MOMENT is ISO 8601, such as 2026-01-31 (its first instant) or 2026-01-31T18:00+01:00; without a zone it is
    UTC. `since` is included, `before` is not.
    """

    since: str | None = None
    before: str | None = None

    def __post_init__(self) -> None:
        since, before = _moment(self.since), _moment(self.before)
        if since is None and before is None:
            raise ValueError("at least one of since, before is needed")
        if since is not None and before is not None and since >= before:
            raise ValueError(f"since {self.since} is not before {self.before}: no task could pass")

    def __str__(self) -> str:
        since = "" if self.since is None else f" since {self.since}"
        return f"edited{since}" + ("" if self.before is None else f" before {self.before}")

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        written = pl.col("last_edited_at").str
        edited = pl.coalesce(
            written.to_datetime("%+", time_unit="us", strict=False),
            written.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False).dt.replace_time_zone("UTC"),
        )
        since, before = _moment(self.since), _moment(self.before)
        found = edited.is_not_null()
        if since is not None:
            found &= edited >= pl.lit(since)
        if before is not None:
            found &= edited < pl.lit(before)
        return found.fill_null(value=False)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"given {text!r}; needed: a date or time such as 2026-01-31 or 2026-01-31T18:00+01:00"
        ) from None


@dataclass(frozen=True)
class HasMetadata(Predicate):
    """`metadata: {name: NAME, any: [TEXT, ...]}` or `{name: NAME, min: LOW, max: HIGH}`: client metadata.

    Values are compared as the pool's column `meta.NAME` has them: as texts, a yes-or-no as `true` or `false`. For a
    range they are read as numbers; what is none does not pass.
    """

    name: Name
    any: Names | None = None
    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        bounded = self.min is not None or self.max is not None
        if (self.any is not None) == bounded:
            raise ValueError("either any, or min and max, one or both, is needed")
        if bounded:
            check_bounds(self.min, self.max)

    def __str__(self) -> str:
        wanted = bounds_text(self.min, self.max) if self.any is None else f" is {' or '.join(self.any)}"
        return f"metadata {self.name}{wanted}"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        column = pl.col(f"meta.{self.name}")
        if self.any is not None:
            return column.is_in(self.any).fill_null(value=False)
        return inside(column.cast(pl.Float64, strict=False).fill_nan(None), self.min, self.max)

    def mentions(self) -> Iterator[Mention]:
        yield "metadata", self.name
