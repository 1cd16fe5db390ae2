"""The strategy port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl

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
        float64, shape (N, C), rows sum to 1; None unless the strategy needs `Need.PROBABILITIES`.
    """

    candidates: pl.DataFrame
    embeddings: npt.NDArray[np.float32] | None = None
    labelled_embeddings: npt.NDArray[np.float32] | None = None
    probabilities: npt.NDArray[np.float64] | None = None


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
        K short texts for people.
    """

    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    reasons: tuple[str, ...]


@runtime_checkable
class Strategy(Protocol):
    """Ranks candidates and picks the first `budget`. A frozen dataclass whose fields are its configuration."""

    needs: ClassVar[frozenset[Need]]

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads; they must be among the configured metrics."""
        ...

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return at most `budget` picks; all that can be ranked if the pool is smaller.

        The same rows in any order of equal data give the same picks: ties go to the lower row.
        """
        ...
