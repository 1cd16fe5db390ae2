"""How predicates combine."""

# ruff: noqa: D102  the base class says what each method does

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from alrun.filters.base import Mention, Predicate, every, some


@dataclass(frozen=True)
class Not(Predicate):
    """`not: PREDICATE`: the predicate does not hold."""

    part: Predicate

    def __str__(self) -> str:
        return f"not ({self.part})"

    @property
    def ranks(self) -> bool:
        return self.part.ranks

    def mask(self, scope: pl.Expr) -> pl.Expr:
        return ~self.part.mask(scope)

    def mentions(self) -> Iterator[Mention]:
        return self.part.mentions()


@dataclass(frozen=True)
class _Group(Predicate):
    parts: tuple[Predicate, ...]

    @property
    def ranks(self) -> bool:
        return any(part.ranks for part in self.parts)

    def mentions(self) -> Iterator[Mention]:
        for part in self.parts:
            yield from part.mentions()


@dataclass(frozen=True)
class AnyOf(_Group):
    """`any: [PREDICATE, ...]`: one of them holds, or more."""

    def __str__(self) -> str:
        return " or ".join(f"({part})" for part in self.parts)

    def mask(self, scope: pl.Expr) -> pl.Expr:
        return some(part.mask(scope) for part in self.parts)


@dataclass(frozen=True)
class AllOf(_Group):
    """`all: [PREDICATE, ...]`: each of them holds; an empty list holds for every task."""

    def __str__(self) -> str:
        return " and ".join(f"({part})" for part in self.parts) or "anything"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        return every(expression for _, expression in self.steps(scope))

    def steps(self, scope: pl.Expr) -> list[tuple[Predicate, pl.Expr]]:
        """Return the parts in the order in which they act, those that rank last, each with its expression."""
        plain = [(part, part.mask(scope)) for part in self.parts if not part.ranks]
        left = every((scope, *(expression for _, expression in plain)))
        return plain + [(part, part.mask(left)) for part in self.parts if part.ranks]
