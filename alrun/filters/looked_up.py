"""Predicates about what a run looks up before it filters: a model's predictions, earlier runs, and known labels."""

# ruff: noqa: D102  the base class says what each method does

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import polars as pl
from annotated_types import Ge, Le

from alrun.filters.base import Mention, Names, Predicate, inside, some

PREDICTED, CONFIDENCE = "predicted class", "predicted probability"
"""The pool's columns of a model's most probable class and its probability; null where there is no image."""

LABEL_KNOWN = "label known"
"""The pool's column (bool) that says whether the dataset knows an image's label; a space: no metric has this name."""


@dataclass(frozen=True)
class IsPredicted(Predicate):
    """`predicted: {any: [CLASS, ...], min: LOW, max: HIGH}`: what the model of the round before says.

    `any` are the most probable classes that pass, all if it is left out; `min` and `max` bound the probability of that
    class, 0..1. Without a prediction a task does not pass.
    """

    any: Names | None = None
    min: Annotated[float, Ge(0), Le(1)] | None = None
    max: Annotated[float, Ge(0), Le(1)] | None = None

    def __post_init__(self) -> None:
        if self.any is None and self.min is None and self.max is None:
            raise ValueError("at least one of any, min, max is needed")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min:g} is above max {self.max:g}: no task could pass")

    def __str__(self) -> str:
        what = "" if self.any is None else f" as {' or '.join(self.any)}"
        low = "" if self.min is None else f" from {self.min:g}"
        return f"predicted{what}{low}" + ("" if self.max is None else f" up to {self.max:g}")

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        passes = inside(pl.col(CONFIDENCE), self.min, self.max)
        return passes if self.any is None else passes & pl.col(PREDICTED).is_in(self.any).fill_null(value=False)

    def mentions(self) -> Iterator[Mention]:
        yield "prediction", PREDICTED
        yield from (("class", name) for name in self.any or ())


@dataclass(frozen=True)
class SelectedIn(Predicate):
    """`selected_in: [PATTERN, ...]`: an earlier run selected the image; with `not`, none did.

    A PATTERN names run folders, such as `outputs/*/*`, from the folder where the run began; `*` and `**` as in a shell.
    The run itself does not count, and a pattern that names no run matches no image, which is noted. A run that was only
    planned counts.
    """

    runs: Names

    def __str__(self) -> str:
        return f"selected in {' or '.join(self.runs)}"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        return some(pl.col(selected_column(pattern)) for pattern in self.runs)

    def mentions(self) -> Iterator[Mention]:
        yield from (("runs", pattern) for pattern in self.runs)


@dataclass(frozen=True)
class LabelKnown(Predicate):
    """`label_known: true`: the dataset that the project was made from knows the label; `false`: it does not."""

    wanted: bool

    def __str__(self) -> str:
        return "the dataset knows the label" if self.wanted else "the dataset does not know the label"

    def mask(self, scope: pl.Expr) -> pl.Expr:
        del scope
        return pl.col(LABEL_KNOWN) == self.wanted

    def mentions(self) -> Iterator[Mention]:
        yield "truth", LABEL_KNOWN


def selected_column(pattern: str) -> str:
    """Return the pool's column (bool) that says whether a run that `pattern` names selected the image."""
    return f"selected in {pattern}"
