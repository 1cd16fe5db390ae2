"""A deep ensemble: the same model, fitted several times."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from annotated_types import Ge

from alrun.models import wrapping
from alrun.models.base import Array, Trained

_KIND = "ensemble"


@dataclass(frozen=True)
class Ensemble(wrapping.Wrapper):
    """Several fits of one model, each with random numbers of its own; the probabilities are their mean.

    They are also a committee, for strategies such as `bald` and `qbc`.

    Attributes
    ----------
    member
        Any model that can be fitted. One that draws nothing at random, such as `logistic_regression`, gives members
        that are all the same, unless `bootstrap` is on.
    members
        How many; 5 as in the paper.
    bootstrap
        Whether each member sees a sample of the labelled images, as large as they are and drawn with replacement
        (bagging), or all of them, as in the paper.

    Source: Lakshminarayanan, Pritzel and Blundell, Simple and Scalable Predictive Uncertainty Estimation using Deep
    Ensembles, NeurIPS 2017; for active learning, Beluch et al., CVPR 2018; for bagging, Abe and Mamitsuka, Query
    Learning Strategies Using Boosting and Bagging, ICML 1998.
    """

    members: Annotated[int, Ge(1)] = 5
    bootstrap: bool = False

    @property
    def samples(self) -> int:
        """One a member: see :class:`alrun.models.base.SampledModel`."""
        return self.members

    def fit(
        self, inputs: Array, targets: npt.NDArray[np.int64], classes: int, rng: np.random.Generator, threads: int
    ) -> TrainedEnsemble:
        """Fit; see :class:`alrun.models.base.Model`. Raises what the member raises."""
        self.check(inputs, targets, classes)
        fitted = []
        for seed in rng.integers(2**63, size=self.members).tolist():
            own = np.random.default_rng(seed)
            rows = np.sort(own.integers(len(targets), size=len(targets))) if self.bootstrap else slice(None)
            fitted.append(self.member.fit(inputs[rows], targets[rows], classes, own, threads))
        return TrainedEnsemble(tuple(fitted))

    def load(self, folder: Path) -> TrainedEnsemble:
        """Read a saved model; see :class:`alrun.models.base.Model`.

        Raises
        ------
        DataError
            If the folder does not hold an ensemble of so many of this member.
        """
        return TrainedEnsemble(wrapping.load(folder, _KIND, [self.member] * self.members)[1])


@dataclass(frozen=True)
class TrainedEnsemble:
    """The fitted members."""

    members: tuple[Trained, ...]

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        """Return float64 (N, C), the mean of the members; see :class:`alrun.models.base.Trained`."""
        total = self.members[0].predict_proba(inputs).astype(np.float64)
        for member in self.members[1:]:
            total += member.predict_proba(inputs)
        return total / len(self.members)

    def samples(self, inputs: Array, rng: np.random.Generator) -> npt.NDArray[np.float32]:  # noqa: ARG002
        """Return the probabilities by each member; see :class:`alrun.models.base.Sampled`. Draws nothing."""
        return np.stack([member.predict_proba(inputs).astype(np.float32) for member in self.members])

    def save(self, folder: Path) -> None:
        """Write the model into `folder`; see :mod:`alrun.models.wrapping`."""
        wrapping.save(folder, _KIND, self.members)
