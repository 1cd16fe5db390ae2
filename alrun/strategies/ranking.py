"""What the strategies share: ranking by a number, and checked inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from alrun.errors import ConfigError, DataError
from alrun.numeric.blocks import number_per_row
from alrun.numeric.information import rows_at_once
from alrun.strategies.base import Ranking, StrategyInputs

_SUM_TOLERANCE = 1e-3  # lets probabilities that were rounded to four decimals pass
_SHOWN = 3


def rank_by(
    scores: npt.NDArray[np.float64],
    budget: int,
    first: Literal["low", "high"],
    reason: Callable[[int, float], str],
    order: npt.NDArray[np.int64] | None = None,
) -> Ranking:
    """Pick the `budget` rows with the lowest or highest scores.

    Parameters
    ----------
    scores
        float64, shape (N,). Rows with NaN cannot be ranked and are never picked.
    budget
        How many to pick, 0 or above; all that can be ranked if there are fewer.
    first
        Which end is labelled first. Ties go to the lower row at either end.
    reason
        Called with the rank of a pick, from 1, and its score.
    order
        All rows, in the order in which ties are picked; None is the order of the rows.
    """
    rows = np.arange(len(scores)) if order is None else order
    rows = rows[~np.isnan(scores[rows])]
    keys = scores[rows] if first == "low" else -scores[rows]
    rows = rows[np.argsort(keys, kind="stable")[:budget]]
    reasons = tuple(reason(rank, float(score)) for rank, score in enumerate(scores[rows], 1))
    return Ranking(rows, scores[rows], reasons)


def metric_column(inputs: StrategyInputs, name: str) -> npt.NDArray[np.float64]:
    """Return a metric of the candidates, float64 of shape (N,), NaN where it is missing.

    Raises
    ------
    ConfigError
        If the pool has no such column.
    """
    if name not in inputs.candidates.columns:
        raise ConfigError(f"the strategy reads the metric {name!r}, which is not configured: add it, metrics=[{name}]")
    return inputs.candidates[name].cast(float).fill_null(float("nan")).to_numpy()


def class_probabilities(inputs: StrategyInputs) -> npt.NDArray[np.float64]:
    """Return the candidates' class probabilities, float64 of shape (N, C), C >= 1.

    Raises
    ------
    DataError
        If the shape is wrong, or a row has a number that is not finite or below 0, or does not sum to 1
        (within 1e-3); the message names the first such rows.
    """
    if inputs.probabilities is None:
        raise ValueError("the strategy was called without the probabilities it declares")
    probabilities = np.asarray(inputs.probabilities, np.float64)
    size = inputs.candidates.height
    if probabilities.ndim != 2 or len(probabilities) != size or probabilities.shape[1] < 1:
        raise DataError(
            f"the class probabilities have the shape {probabilities.shape}; needed: ({size}, number of classes), "
            "one row a candidate"
        )
    wrong = number_per_row(lambda rows: _unusable(probabilities[rows]), size, rows_at_once(probabilities.shape[1]))
    _check_rows(inputs, np.flatnonzero(wrong), lambda row: probabilities[row], "class probabilities")
    return probabilities


def class_samples(inputs: StrategyInputs) -> npt.NDArray[np.floating]:
    """Return the candidates' class probabilities by each member, float32 or float64 of shape (K, N, C), as given.

    Raises
    ------
    DataError
        If the shape is wrong, or a row of any member has a number that is not finite or below 0, or does not sum to 1
        (within 1e-3); the message names the first such rows.
    """
    samples = inputs.samples
    if samples is None:
        raise ValueError("the strategy was called without the samples it declares")
    size = inputs.candidates.height
    if samples.ndim != 3 or samples.shape[1] != size or samples.shape[0] < 1 or samples.shape[2] < 1:
        raise DataError(
            f"the samples have the shape {samples.shape}; needed: (number of members, {size}, number of classes), one "
            "row a candidate"
        )
    at_once = rows_at_once(samples.shape[0] * samples.shape[2])
    wrong = number_per_row(lambda rows: np.asarray(_unusable(samples[:, rows]).any(axis=0)), size, at_once)
    worst = {int(row): int(_unusable(samples[:, row]).argmax()) for row in np.flatnonzero(wrong)}
    _check_rows(inputs, np.flatnonzero(wrong), lambda row: samples[worst[row], row], "sampled class probabilities")
    return samples


def _unusable(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Return, along the last axis, whether what is there is no distribution."""
    close: npt.NDArray[np.bool_] = np.abs(probabilities.sum(axis=-1) - 1) <= _SUM_TOLERANCE
    if close.all() and probabilities.min(initial=0) >= 0:  # as a rule; row by row it takes three times as long
        return np.zeros(close.shape, np.bool_)
    return np.asarray(~(close & (probabilities.min(axis=-1) >= 0)))


def _check_rows(
    inputs: StrategyInputs,
    wrong: npt.NDArray[np.intp],
    values: Callable[[int], npt.NDArray[np.floating]],
    what: str,
) -> None:
    if len(wrong):
        named = "; ".join(_name_row(inputs, int(row), values(int(row))) for row in wrong[:_SHOWN])
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise DataError(
            f"the {what} of {len(wrong)} of {inputs.candidates.height} candidates cannot be used "
            f"(each must be finite, 0 or above, and sum to 1): {named}{more}"
        )


def _name_row(inputs: StrategyInputs, row: int, values: npt.NDArray[np.floating]) -> str:
    title, data_hash = inputs.candidates.select("title", "data_hash").row(row)
    if not np.isfinite(values).all():
        fault = "has a value that is not finite"
    elif values.min() < 0:
        fault = f"has {values.min():.6g}"
    else:
        fault = f"sums to {values.sum():.6g}"
    return f"{title!r} (data hash {data_hash}) {fault}"
