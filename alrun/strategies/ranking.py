"""What the strategies share: ranking by a number, and checked inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from alrun.errors import ConfigError, DataError
from alrun.numeric.blocks import Doubles, number_per_row
from alrun.numeric.information import rows_at_once
from alrun.strategies.base import Ranking, StrategyInputs

Array = npt.NDArray[Any]
Score: TypeAlias = Callable[[Array], Array]

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
    keys = scores if order is None else scores[order]
    keys = keys if first == "low" else -keys
    if 0 < budget < len(keys):  # to sort them all may take longer than to score them
        some = keys[:: math.isqrt(len(keys) // budget)]
        enough = np.partition(some, budget - 1)[budget - 1]  # so many keys, or more, are not above it
        places = np.flatnonzero(~(keys > enough))
    else:
        places = np.arange(len(keys))
    places = places[~np.isnan(keys[places])]
    places = places[np.argsort(keys[places], kind="stable")[:budget]]
    rows = places if order is None else order[places]
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


def probability_scores(inputs: StrategyInputs, score: Score) -> Doubles:
    """Return a number of each candidate's class probabilities, float64 of shape (N,).

    They are checked and scored in one pass over blocks of rows, in their own type: no temporary as large as the pool.

    Parameters
    ----------
    score
        Gets the checked probabilities of some candidates, float32 or float64 (n, C), C >= 1, and returns n numbers,
        each from its own row.

    Raises
    ------
    DataError
        If the shape is wrong, or a row has a number that is not finite or below 0, or does not sum to 1
        (within 1e-3); the message names the first such rows.
    """
    return _checked_scores(inputs, _probabilities(inputs), score, "class probabilities")


def sample_scores(inputs: StrategyInputs, score: Score) -> Doubles:
    """Return a number of each candidate's class probabilities by all members, float64 of shape (N,).

    As :func:`probability_scores`; `score` gets (K, n, C), K >= 1.
    """
    return _checked_scores(inputs, _samples(inputs), score, "sampled class probabilities")


def class_probabilities(inputs: StrategyInputs) -> Array:
    """Return the candidates' class probabilities, (N, C), checked and typed as in :func:`probability_scores`."""
    probability_scores(inputs, _nothing)
    return _probabilities(inputs)


def class_samples(inputs: StrategyInputs) -> Array:
    """Return the candidates' class probabilities by each member, (K, N, C), checked as in :func:`sample_scores`."""
    sample_scores(inputs, _nothing)
    return _samples(inputs)


def _probabilities(inputs: StrategyInputs) -> Array:
    if inputs.probabilities is None:
        raise ValueError("the strategy was called without the probabilities it declares")
    probabilities = _floating(inputs.probabilities)
    size = inputs.candidates.height
    if probabilities.ndim != 2 or len(probabilities) != size or probabilities.shape[1] < 1:
        raise DataError(
            f"the class probabilities have the shape {probabilities.shape}; needed: ({size}, number of classes), "
            "one row a candidate"
        )
    return probabilities


def _samples(inputs: StrategyInputs) -> Array:
    if inputs.samples is None:
        raise ValueError("the strategy was called without the samples it declares")
    samples = _floating(inputs.samples)
    size = inputs.candidates.height
    if samples.ndim != 3 or samples.shape[1] != size or samples.shape[0] < 1 or samples.shape[2] < 1:
        raise DataError(
            f"the samples have the shape {samples.shape}; needed: (number of members, {size}, number of classes), one "
            "row a candidate"
        )
    return samples


def _floating(values: Array) -> Array:
    return np.asarray(values, np.float32 if values.dtype == np.float32 else np.float64)


def _nothing(block: Array) -> Array:
    return np.zeros(block.shape[-2])


def _checked_scores(inputs: StrategyInputs, values: Array, score: Score, what: str) -> Doubles:
    """Return the scores of (..., N, C), or name the rows where anything along the other axes is no distribution."""
    size = inputs.candidates.height

    def checked(rows: slice) -> Array:
        block = values[..., rows, :]
        if block.strides[-1] != block.itemsize:  # a sum's last bits depend on how its numbers lie
            block = np.ascontiguousarray(block)
        wrong = _unusable(block)
        return np.where(wrong.reshape(-1, wrong.shape[-1]).any(axis=0), np.nan, 0) if wrong.any() else score(block)

    scores = number_per_row(checked, size, rows_at_once(math.prod(values.shape) // max(1, size)))
    wrong = np.flatnonzero(np.isnan(scores))
    if len(wrong):
        named = "; ".join(_name_row(inputs, row, values[..., row, :]) for row in wrong[:_SHOWN].tolist())
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise DataError(
            f"the {what} of {len(wrong)} of {size} candidates cannot be used "
            f"(each must be finite, 0 or above, and sum to 1): {named}{more}"
        )
    return scores


def _unusable(probabilities: Array) -> npt.NDArray[np.bool_]:
    """Return, along the last axis, whether what is there is no distribution."""
    close: npt.NDArray[np.bool_] = np.abs(np.einsum("...c->...", probabilities) - 1) <= _SUM_TOLERANCE
    if close.all() and probabilities.min(initial=0) >= 0:  # as a rule; row by row it takes several times as long
        return np.zeros(close.shape, np.bool_)
    return np.asarray(~(close & (probabilities.min(axis=-1) >= 0)))


def _name_row(inputs: StrategyInputs, row: int, members: Array) -> str:
    title, data_hash = inputs.candidates.select("title", "data_hash").row(row)
    members = members.reshape(-1, members.shape[-1])
    values = members[_unusable(members).argmax()]
    if not np.isfinite(values).all():
        fault = "has a value that is not finite"
    elif values.min() < 0:
        fault = f"has {values.min():.6g}"
    else:
        fault = f"sums to {values.sum():.6g}"
    return f"{title!r} (data hash {data_hash}) {fault}"
