"""Multinomial logistic regression on embeddings."""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt

from alrun.errors import DataError
from alrun.models import persist
from alrun.models.base import Array
from alrun.models.inputs import check_embeddings, check_targets, limited_threads, predict_in_blocks, softmax

_KIND = "logistic_regression"
_BLOCK = 1024

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogisticRegression:
    """L2-penalised softmax regression, as scikit-learn's L-BFGS solver finds it; nothing is random.

    Attributes
    ----------
    C
        Inverse strength of the penalty: smaller is smoother.
    max_iter
        Iterations of the solver. Ending without convergence is logged as a warning.
    standardise
        Whether each feature is first shifted and scaled to mean 0 and variance 1 over the training rows. For
        features of different units; pixels and other embeddings whose scale carries meaning do better without.
    """

    inputs: ClassVar[Literal["embeddings", "images"]] = "embeddings"
    deterministic: ClassVar[bool] = True

    C: Annotated[float, Gt(0)] = 1.0
    max_iter: Annotated[int, Ge(1)] = 1000
    standardise: bool = False

    def fit(
        self, inputs: Array, targets: npt.NDArray[np.int64], classes: int, rng: np.random.Generator, threads: int
    ) -> TrainedLogisticRegression:
        """Fit; see :class:`alrun.models.base.Model`. Draws nothing from `rng`.

        Raises
        ------
        DataError
            If the inputs or targets are malformed.
        """
        del rng
        check_embeddings(inputs)
        check_targets(targets, len(inputs), classes)
        rows = inputs.astype(np.float64)
        shift = rows.mean(axis=0) if self.standardise else np.zeros(rows.shape[1])
        varies = rows.max(axis=0) > rows.min(axis=0)
        scale = np.where(varies, rows.std(axis=0), 1.0) if self.standardise else np.ones(rows.shape[1])
        with limited_threads(threads):
            weights, intercepts = self._solve((rows - shift) / scale, targets)
        weights = np.ascontiguousarray(weights / scale)  # as it is when it is read again: sums depend on the layout
        intercepts -= weights @ shift
        if not (np.isfinite(weights).all() and np.isfinite(intercepts).all()):
            raise DataError("logistic regression overflowed: scale the embeddings, or set standardise=true")
        seen = tuple(np.unique(targets).tolist())
        facts = persist.Facts(_KIND, classes, seen, inputs.shape[1], threads)
        return TrainedLogisticRegression(facts, weights, intercepts)

    def load(self, folder: Path) -> TrainedLogisticRegression:
        """Read a saved model; see :class:`alrun.models.base.Model`.

        Raises
        ------
        DataError
            If the folder does not hold a logistic regression.
        """
        saved = persist.load(folder, _KIND)
        seen = len(saved.facts.seen)
        weights = saved.array("weights", "float64", (seen, saved.facts.input_size))
        return TrainedLogisticRegression(saved.facts, weights, saved.array("intercepts", "float64", (seen,)))

    def _solve(self, rows: Array, targets: Array) -> tuple[Array, Array]:
        """Return weights (K, D) and intercepts (K,) for the K classes that occur."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression as Solver

        if len(np.unique(targets)) == 1:
            return np.zeros((1, rows.shape[1])), np.zeros(1)
        solver = Solver(C=self.C, max_iter=self.max_iter)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ConvergenceWarning)
            solver.fit(rows, targets)
        for warning in caught:
            reason = str(warning.message).partition("\n")[0]
            _log.warning("logistic regression: %s; raise max_iter=%d or lower C=%g", reason, self.max_iter, self.C)
        if len(solver.classes_) == 2:  # scikit-learn then keeps the second class's row only
            return np.vstack([np.zeros_like(solver.coef_), solver.coef_]), np.append(0.0, solver.intercept_)
        return solver.coef_, solver.intercept_


@dataclass(frozen=True)
class TrainedLogisticRegression:
    """A fitted logistic regression: float64 `weights` (K, D) and `intercepts` (K,) of the K seen classes."""

    facts: persist.Facts
    weights: Array
    intercepts: Array

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        """Return float64 (N, C); see :class:`alrun.models.base.Trained`.

        Raises
        ------
        DataError
            If the inputs are malformed or have another number of features.
        """
        check_embeddings(inputs, self.facts.input_size)
        with limited_threads(self.facts.threads):
            return predict_in_blocks(
                lambda rows: softmax(rows @ self.weights.T + self.intercepts),
                inputs,
                seen=self.facts.seen,
                classes=self.facts.classes,
                block=_BLOCK,
            )

    def save(self, folder: Path) -> None:
        """Write the model into `folder`; see :mod:`alrun.models.persist`."""
        persist.save(folder, self.facts, {"weights": self.weights, "intercepts": self.intercepts})
