"""The strategy port."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.errors import DataError, name_of
from alrun.models.detections import Detections
from alrun.types import Need


@dataclass(frozen=True)
class StrategyInputs:
    """What a strategy may look at; row i of everything belongs to row i of `candidates`.

    Attributes
    ----------
    candidates
        The pool after the filters, sorted by data hash; see `alrun.pool.frame` for the columns, to which one
        of each metric is added.
    embeddings, labelled_embeddings
        float32, shapes (N, D) and (L, D), finite; None unless the strategy needs `Need.EMBEDDINGS`.
    probabilities
        float32 or float64, shape (N, C), rows sum to 1; None unless the strategy needs `Need.PROBABILITIES` or
        `Need.OUT_OF_SAMPLE`: with that, each row is by a model that did not learn the label of its image.
    samples
        float32 or float64, shape (K, N, C): the probabilities of each of K >= 1 members of a committee, or draws of
        the model's weights; rows sum to 1. None unless the strategy needs `Need.SAMPLES`.
    labelled
        How many images of the project are labelled.
    given
        int64, shape (N,): the class in each candidate's label, -1 where it has none; None unless the strategy needs
        `Need.OUT_OF_SAMPLE`.
    classes
        The names of the C classes; empty where nobody knows them.
    predict
        Returns the model's probabilities, float64 (M, C), of any embeddings, float32 (M, D); None unless the strategy
        needs `Need.PREDICT`.
    detections
        What a detector found in the N candidates; None unless the strategy needs `Need.DETECTIONS`.
    """

    candidates: pl.DataFrame
    embeddings: npt.NDArray[np.float32] | None = None
    labelled_embeddings: npt.NDArray[np.float32] | None = None
    probabilities: npt.NDArray[np.floating] | None = None
    samples: npt.NDArray[np.floating] | None = None
    given: npt.NDArray[np.int64] | None = None
    labelled: int = 0
    classes: tuple[str, ...] = ()
    predict: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float64]] | None = None
    detections: Detections | None = None

    def take(self, rows: npt.NDArray[np.int64]) -> StrategyInputs:
        """Return the inputs of these candidates only, in this order; a row may be taken more than once."""
        return replace(
            self,
            candidates=self.candidates[rows],
            embeddings=None if self.embeddings is None else self.embeddings[rows],
            probabilities=None if self.probabilities is None else self.probabilities[rows],
            samples=None if self.samples is None else self.samples[:, rows],
            given=None if self.given is None else self.given[rows],
            detections=None if self.detections is None else self.detections.of(rows),
        )


@dataclass(frozen=True)
class Ranking:
    """The picks, first to be labelled first.

    Attributes
    ----------
    rows
        int64, shape (K,): row numbers of the candidates, each at most once.
    scores
        float64, shape (K,): the number by which each was chosen.
    reasons
        K short texts for people, each of one line.
    notes
        What else a person should know about the choice as a whole, each in one line.
    """

    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    reasons: tuple[str, ...]
    notes: tuple[str, ...] = ()


@runtime_checkable
class Strategy(Protocol):
    """Ranks candidates and picks the first `budget`. A frozen dataclass whose fields are its configuration."""

    @property
    def needs(self) -> frozenset[Need]:
        """What it looks at: only that is computed. A class attribute, or a property where the fields decide."""
        ...

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads; they must be among the configured metrics."""
        ...

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return at most `budget` picks; all that can be ranked if the pool is smaller.

        The same rows in any order of equal data give the same picks: ties go to the lower row.
        """
        ...


@runtime_checkable
class Staged(Strategy, Protocol):
    """A strategy that is not the same at every stage of the labelling, or is made of such."""

    def at(self, labelled: int) -> Strategy:
        """Return the strategy that chooses once so many images are labelled; its needs are what counts then."""
        ...


def asked(strategy: Strategy, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
    """Return what a strategy inside of another one chooses, as :func:`checked_ranking` takes it.

    Raises
    ------
    DataError
        If its answer is unusable; it names that strategy.
    AlrunError
        As the strategy does.
    """
    name = name_of(type(strategy))
    return checked_ranking(strategy.select(inputs, budget, rng), inputs.candidates.height, budget, name)


def checked_ranking(answer: object, candidates: int, budget: int, name: str) -> Ranking:
    """Return a strategy's answer as :class:`Ranking` promises it, before anything is bought or moved for it.

    Lists and other sequences of numbers and texts are taken as well: they become the arrays and tuples.

    Raises
    ------
    DataError
        If it is not at most `budget` different rows of the candidates, each with a finite score and a reason in one
        line; it names the strategy and the fault.
    """
    try:
        ranking = _converted(answer)
        fault = _fault_of_shape(ranking) or _fault_of_rows(ranking.rows, candidates, budget)
    except (TypeError, ValueError, OverflowError) as error:  # numpy's, of what is no array of numbers, too
        raise _unusable(name, str(error)) from error
    scores = ranking.scores
    if fault is None and not np.isfinite(scores).all():
        place = int(np.flatnonzero(~np.isfinite(scores))[0])
        fault = f"the score of its pick {place + 1} is {scores[place]}; needed: a finite number"
    if fault is not None:
        raise _unusable(name, fault)
    return ranking


def _unusable(name: str, fault: str) -> DataError:
    return DataError(f"strategy={name} gave no usable answer: {fault}. Nothing was selected")


def _converted(answer: object) -> Ranking:
    if not isinstance(answer, Ranking):
        kind = "None" if answer is None else f"of the type {type(answer).__name__}"
        raise TypeError(f"it is {kind}; needed: alrun.strategies.base.Ranking(rows, scores, reasons)")
    rows = np.asarray(answer.rows)
    whole = rows.size == 0 or np.issubdtype(rows.dtype, np.integer)  # an empty list has no type of its own
    return replace(
        answer,
        rows=rows.astype(np.int64) if whole else rows,
        scores=np.asarray(answer.scores, np.float64),
        reasons=_texts("reasons", answer.reasons),
        notes=_texts("notes", answer.notes),
    )


def _texts(what: str, given: object) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError(f"its {what} are {given!r}; needed: a tuple of texts, each of one line")
    texts = tuple(given)
    for place, text in enumerate(texts, 1):
        if not isinstance(text, str) or "".join(text.splitlines()) != text:
            raise ValueError(f"number {place} of its {what} is {text!r}; needed: a text of one line")
    return texts


def _fault_of_shape(ranking: Ranking) -> str | None:
    rows, scores, reasons = ranking.rows, ranking.scores, ranking.reasons
    if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer):
        return f"its rows are of shape {rows.shape} and type {rows.dtype}; needed: whole numbers in one dimension"
    if scores.shape != rows.shape or len(reasons) != len(rows):
        return f"it gave {len(rows)} rows, {scores.size} scores and {len(reasons)} reasons; needed: one each"
    return None


def _fault_of_rows(rows: npt.NDArray[Any], candidates: int, budget: int) -> str | None:
    if len(rows) > budget:
        return f"it picked {len(rows)} images; the budget is {budget}"
    outside = rows[(rows < 0) | (rows >= candidates)]
    if len(outside):
        return f"it picked the row {outside[0]}; the candidates are the rows 0 to {candidates - 1}"
    values, counts = np.unique(rows, return_counts=True)
    if len(values) < len(rows):
        return f"it picked the row {values[counts.argmax()]} {counts.max()} times; needed: each at most once"
    return None


def at_stage(strategy: Strategy, labelled: int) -> Strategy:
    """Return what `strategy` is once so many images of the project are labelled; most are always the same."""
    return strategy.at(labelled) if isinstance(strategy, Staged) else strategy
