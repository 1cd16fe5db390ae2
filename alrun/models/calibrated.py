"""Temperature scaling: probabilities that mean what they say."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from annotated_types import Ge

from alrun.models import wrapping
from alrun.models.base import Array, Trained
from alrun.models.evaluate import LOG_LOSS_EPS, evaluate
from alrun.models.inputs import softmax

_KIND = "calibrated"
_LARGEST = 20.0

log = logging.getLogger("alrun")


@dataclass(frozen=True)
class Calibrated(wrapping.Wrapper):
    """A model whose probabilities p become p^(1/T), scaled to sum 1; the classes keep their order.

    The temperature T, in 1/20..20, is where the mean of -ln p(true class) is lowest on labelled images that the model
    did not see: it is fitted `folds` times, each time on all parts but one, and judged on that one. The model that
    predicts is then fitted on all labelled images (as scikit-learn's CalibratedClassifierCV with ensemble=False), since
    labels are dear. The expected calibration error before and after is logged; a run's evaluation has it on held-out
    images. With fewer than two images, or where no T does better, T is 1.

    A wrapped model has no samples: a temperature that is right for the mean of a committee is not right for its
    members. An `ensemble` of calibrated members has.

    Attributes
    ----------
    member
        Any model that can be fitted.
    folds
        How many parts; the labelled images are split at random. The model is fitted once more often.

    Source: Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017.
    """

    folds: Annotated[int, Ge(2)] = 5

    def fit(
        self, inputs: Array, targets: npt.NDArray[np.int64], classes: int, rng: np.random.Generator, threads: int
    ) -> TrainedCalibrated:
        """Fit; see :class:`alrun.models.base.Model`. Raises what the member raises."""
        self.check(inputs, targets, classes)
        folds = min(self.folds, len(targets))
        temperature = 1.0
        if folds > 1:
            part = rng.permutation(len(targets)) % folds
            unseen = np.zeros((len(targets), classes))
            for number in range(folds):
                away = part == number
                fitted = self.member.fit(inputs[~away], targets[~away], classes, rng, threads)
                unseen[away] = fitted.predict_proba(inputs[away])
            temperature = best_temperature(unseen, targets)
            _say(unseen, targets, temperature)
        return TrainedCalibrated(self.member.fit(inputs, targets, classes, rng, threads), temperature)

    def load(self, folder: Path) -> TrainedCalibrated:
        """Read a saved model; see :class:`alrun.models.base.Model`.

        Raises
        ------
        DataError
            If the folder does not hold such a model.
        """
        facts, members = wrapping.load(folder, _KIND, [self.member])
        return TrainedCalibrated(members[0], facts.temperature)


@dataclass(frozen=True)
class TrainedCalibrated:
    """A fitted member and its temperature."""

    member: Trained
    temperature: float

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        """Return float64 (N, C); see :class:`alrun.models.base.Trained`."""
        return tempered(self.member.predict_proba(inputs), self.temperature)

    def save(self, folder: Path) -> None:
        """Write the model into `folder`; see :mod:`alrun.models.wrapping`."""
        wrapping.save(folder, _KIND, [self.member], self.temperature)


def tempered(probabilities: npt.NDArray[np.float64], temperature: float) -> npt.NDArray[np.float64]:
    """Return p^(1/temperature), scaled to sum 1 in each row; 0 stays 0."""
    if len(probabilities) == 0:
        return probabilities
    with np.errstate(divide="ignore"):
        return softmax(np.log(probabilities) / temperature)


def best_temperature(probabilities: npt.NDArray[np.float64], targets: npt.NDArray[np.int64]) -> float:
    """Return the temperature in 1/20..20 with the lowest mean of -ln p(true class); 1 where none does better."""
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(targets))

    def loss(log_temperature: float) -> float:
        scaled = tempered(probabilities, float(np.exp(log_temperature)))
        return float(-np.log(np.maximum(scaled[rows, targets], LOG_LOSS_EPS)).mean())

    edge = float(np.log(_LARGEST))
    found = minimize_scalar(loss, bounds=(-edge, edge), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x)) if found.fun < loss(0.0) - 1e-12 else 1.0


def _say(unseen: npt.NDArray[np.float64], targets: npt.NDArray[np.int64], temperature: float) -> None:
    names = [str(number) for number in range(unseen.shape[1])]
    before, after = (evaluate(p, targets, names).calibration_error for p in (unseen, tempered(unseen, temperature)))
    log.info(
        "calibration: temperature %.3g; expected calibration error on %d labelled images, each unseen: %.3f before, "
        "%.3f after", temperature, len(targets), before, after,
    )  # fmt: skip
