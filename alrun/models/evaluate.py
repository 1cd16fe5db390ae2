"""How good predicted probabilities are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.errors import DataError
from alrun.models.base import Array
from alrun.models.inputs import check_rows, check_targets

LOG_LOSS_EPS = float(np.finfo(np.float64).eps)
CALIBRATION_BINS = 15


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """The figures of one class, each in 0..1, higher is better; `support` counts its test images.

    `precision` is 0 where the class was never predicted, `recall` where it never occurs, `f1` where both are.
    """

    name: str
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What :func:`evaluate` found; `per_class` is in the order of the classes."""

    examples: int
    accuracy: float
    macro_f1: float
    log_loss: float
    calibration_error: float
    per_class: tuple[ClassFigures, ...]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return asdict(self)


def evaluate(
    probabilities: npt.NDArray[np.float64], targets: npt.NDArray[np.int64], classes: Sequence[str]
) -> Evaluation:
    """Compare probabilities with what is true.

    Parameters
    ----------
    probabilities
        Float of shape (N, C), N >= 1; each in 0..1, rows sum to 1 (to 1e-6).
    targets
        Integers of shape (N,), in 0..C-1.
    classes
        The C names.

    Returns
    -------
    Evaluation
        The predicted class is the most probable one, the first of equals.

        `accuracy`
            Share of right predictions, 0..1, higher is better.
        `macro_f1`
            Plain mean of F1 over the classes that occur in the targets or the predictions; 0..1, higher is
            better. Others have no F1 and would only dilute it.
        `log_loss`
            Mean of -ln p(true class) in nats, lower is better; p is clipped to 2.2e-16..1 - 2.2e-16 (the
            float64 epsilon), so that one impossible event costs 36.04 and not infinity.
        `calibration_error`
            Expected calibration error (Naeini et al., AAAI 2015; Guo et al., ICML 2017): the most probable
            class's probability in 15 equal-width bins (a, b], the mean over the images of
            |accuracy - mean probability| of their bin; 0..1, lower is better.

    Raises
    ------
    DataError
        If there is nothing to evaluate, or the inputs are malformed; the message names the rows.
    """
    _check(probabilities, targets, classes)
    rows = np.arange(len(targets))
    predicted = probabilities.argmax(axis=1)
    right = predicted == targets
    per_class = _per_class(predicted, targets, classes)
    occurring = np.union1d(predicted, targets)
    true = probabilities[rows, targets].clip(LOG_LOSS_EPS, 1 - LOG_LOSS_EPS)
    return Evaluation(
        examples=len(targets),
        accuracy=float(right.mean()),
        macro_f1=float(np.mean([per_class[c].f1 for c in occurring])),
        log_loss=float(-np.log(true).mean()),
        calibration_error=_calibration_error(probabilities[rows, predicted], right),
        per_class=per_class,
    )


def _per_class(predicted: Array, targets: Array, classes: Sequence[str]) -> tuple[ClassFigures, ...]:
    count = len(classes)
    hits = np.bincount(targets[predicted == targets], minlength=count).tolist()
    claims = np.bincount(predicted, minlength=count).tolist()
    support = np.bincount(targets, minlength=count).tolist()
    return tuple(
        ClassFigures(name, _ratio(h, c), _ratio(h, s), _ratio(2 * h, c + s), s)
        for name, h, c, s in zip(classes, hits, claims, support, strict=True)
    )


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _calibration_error(confidence: Array, right: Array) -> float:
    bins = np.ceil(confidence * CALIBRATION_BINS).astype(np.intp).clip(1, CALIBRATION_BINS)
    gaps = np.bincount(bins, weights=right - confidence)
    return float(np.abs(gaps).sum() / len(right))


def _check(probabilities: Array, targets: Array, classes: Sequence[str]) -> None:
    if probabilities.ndim != 2 or probabilities.shape[1] != len(classes):
        raise DataError(f"expected probabilities of shape (N, {len(classes)}); given {probabilities.shape}")
    if len(targets) == 0:
        raise DataError("nothing to evaluate: the test set is empty")
    check_targets(targets, len(probabilities), len(classes))
    inside = ((probabilities >= 0) & (probabilities <= 1)).all(axis=1)  # False for NaN
    check_rows(np.flatnonzero(~inside), "the probabilities are not in 0..1")
    sums = np.abs(probabilities.sum(axis=1) - 1) <= 1e-6
    check_rows(np.flatnonzero(~sums), "the probabilities do not sum to 1")
