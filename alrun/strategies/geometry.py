"""What the strategies share that work on embeddings: checked points in the order of their data hashes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.errors import DataError
from alrun.numeric.blocks import blocks, unit_rows
from alrun.strategies.base import Ranking, StrategyInputs

_SHOWN = 3
_LARGEST = 1e15  # its square is still far from float32's limit


@dataclass(frozen=True)
class Points:
    """The embeddings in the order of the data hashes, so that no result depends on the order of the rows.

    Attributes
    ----------
    order
        int64, shape (N,): the row of each point among the candidates.
    points, labelled
        float32, shapes (N, D) and (L, D), finite.
    """

    order: npt.NDArray[np.int64]
    points: npt.NDArray[np.float32]
    labelled: npt.NDArray[np.float32]

    def places(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return where candidates, given by their rows, are among the points."""
        return np.argsort(self.order)[rows]

    def ranking(
        self, rows: npt.NDArray[np.int64], scores: npt.NDArray[np.float64], reason: Callable[[int, float], str]
    ) -> Ranking:
        """Return picks that are given as rows of `points`; `reason` is called with the rank, from 1, and the score."""
        reasons = tuple(reason(rank, float(score)) for rank, score in enumerate(scores, 1))
        return Ranking(self.order[rows], np.asarray(scores, np.float64), reasons)


def checked_points(inputs: StrategyInputs, *, unit: bool = False) -> Points:
    """Return the candidates' and the labelled images' embeddings, scaled to length 1 if `unit`.

    They are copied only if the candidates are not sorted by data hash, or scaled. Rows of zeros cannot be scaled and
    stay as they are.

    Raises
    ------
    DataError
        If the shapes do not fit, or a number is not finite or above 1e15 in size; the message names the first
        such rows.
    """
    points, labelled = inputs.embeddings, inputs.labelled_embeddings
    if points is None or labelled is None:
        raise ValueError("the strategy was called without the embeddings it declares")
    size = inputs.candidates.height
    if points.ndim != 2 or len(points) != size:
        raise DataError(f"the embeddings have the shape {points.shape}; needed: ({size}, D), one row a candidate")
    if labelled.ndim != 2 or (len(labelled) and labelled.shape[1] != points.shape[1]):
        raise DataError(
            f"the embeddings of the labelled images have the shape {labelled.shape}; needed: (L, {points.shape[1]}), "
            "as wide as those of the candidates"
        )
    names = inputs.candidates.select("title", "data_hash")
    _check_finite(points, "candidates", lambda row: "{!r} (data hash {})".format(*names.row(row)))
    _check_finite(labelled, "labelled images", lambda row: f"number {row} of the labelled images")
    order = hash_order(names["data_hash"])
    if not np.array_equal(order, np.arange(size)):
        points = points[order]
    if len(labelled) == 0:
        labelled = np.zeros((0, points.shape[1]), np.float32)
    if unit:
        points, labelled = unit_rows(points), unit_rows(labelled)
    return Points(order, points, labelled)


def hash_order(hashes: pl.Series) -> npt.NDArray[np.int64]:
    """Return the rows in the order of their data hashes, equal ones in row order."""
    if hashes.is_sorted():
        return np.arange(len(hashes))
    names = hashes.to_list()
    return np.array(sorted(range(len(names)), key=names.__getitem__), np.int64)


def _check_finite(points: npt.NDArray[np.float32], what: str, name: Callable[[int], str]) -> None:
    rows = []
    for block in blocks(len(points)):
        usable = np.abs(points[block]).max(axis=1, initial=0) <= _LARGEST  # NaN is not
        rows += (block.start + np.flatnonzero(~usable)).tolist()
    if rows:
        named = "; ".join(name(row) for row in rows[:_SHOWN])
        more = f"; and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
        raise DataError(
            f"the embeddings of {len(rows)} of {len(points)} {what} cannot be used (every number must be finite and at "
            f"most {_LARGEST:g} in size): {named}{more}"
        )
