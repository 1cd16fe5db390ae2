"""Filtering a pool, with an account of what was removed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.errors import ConfigError, one_of
from alrun.filters.base import Kind, Predicate, value
from alrun.filters.predicates import AllOf


@dataclass(frozen=True)
class Removed:
    """What one predicate removed from what those before it had left.

    Attributes
    ----------
    predicate
        Its text, for people.
    tasks
        How many tasks it removed.
    missing
        How many of those lack a metric that it reads.
    """

    predicate: str
    tasks: int
    missing: int


@dataclass(frozen=True)
class Filtered:
    """What a filter left of a pool.

    Attributes
    ----------
    rows
        int64, shape (K,): the rows that passed, ascending.
    removed
        One entry for each predicate of the outermost list, in the order in which they act: the order of the
        list, but `bottom` and `top` last. Their tasks and the rows add up to the pool.
    """

    rows: npt.NDArray[np.int64]
    removed: tuple[Removed, ...]


@dataclass(frozen=True)
class Filter:
    """A list of predicates that all have to hold; `alrun.filters.parse` makes one from YAML."""

    predicates: tuple[Predicate, ...] = ()

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns that it reads."""
        return self._named("metric")

    @property
    def runs(self) -> frozenset[str]:
        """The patterns of earlier runs in it; the pool needs the column `selected_column` of each."""
        return self._named("runs")

    @property
    def predictions(self) -> bool:
        """Whether it reads what a model predicts; the pool then needs the columns `predicted` and `confidence`."""
        return bool(self._named("prediction"))

    @property
    def truth(self) -> bool:
        """Whether it reads whether the dataset knows the label; the pool then needs the column `LABEL_KNOWN`."""
        return bool(self._named("truth"))

    def _named(self, kind: Kind) -> frozenset[str]:
        return frozenset(name for found, name in AllOf(self.predicates).mentions() if found == kind)

    def check(
        self,
        *,
        stages: Collection[str],
        tags: Collection[str],
        classes: Collection[str],
        metrics: Collection[str],
        metadata: Collection[str],
    ) -> None:
        """Check every name in the filter against what the project and the run have.

        Raises
        ------
        ConfigError
            If any is unknown; the message has a line for each, with what is allowed.
        """
        known: dict[Kind, Collection[str]] = {
            "stage": stages,
            "tag": tags,
            "class": classes,
            "metric": metrics,
            "metadata": metadata,
        }
        unknown = [
            f"filters: there is no {kind} {name!r}; {one_of(name, sorted(known[kind]))}"
            for kind, name in dict.fromkeys(AllOf(self.predicates).mentions())
            if kind in known and name not in known[kind]
        ]
        if unknown:
            raise ConfigError("\n".join(unknown))

    def apply(self, pool: pl.DataFrame) -> Filtered:
        """Return the rows of `pool` that pass.

        Parameters
        ----------
        pool
            As `alrun.pool.frame` makes it, with a column for each of `metrics`.
        """
        steps = AllOf(self.predicates).steps(pl.lit(True))
        answers = pool.with_columns(
            column
            for number, (predicate, passes) in enumerate(steps)
            for column in (passes.alias(f"passes {number}"), _missing(predicate).alias(f"missing {number}"))
        )
        left = np.ones(pool.height, np.bool_)
        removed = []
        for number, (predicate, _) in enumerate(steps):
            gone = left & ~answers[f"passes {number}"].to_numpy()
            missing = gone & answers[f"missing {number}"].to_numpy()
            left &= ~gone
            removed.append(Removed(str(predicate), int(gone.sum()), int(missing.sum())))
        return Filtered(np.flatnonzero(left), tuple(removed))


def _missing(predicate: Predicate) -> pl.Expr:
    metrics = sorted({name for kind, name in predicate.mentions() if kind == "metric"})
    return pl.any_horizontal(pl.lit(False), *(value(name).is_null() for name in metrics))
