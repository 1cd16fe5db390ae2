"""Linear discriminant analysis on embeddings."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Le

from alrun.errors import DataError
from alrun.models import persist
from alrun.models.base import Array
from alrun.models.scikit_learn import ScikitLearn, TrainedScikitLearn


@dataclass(frozen=True)
class LinearDiscriminant(ScikitLearn):
    """A Gaussian for each class, all of one covariance, as scikit-learn estimates them; nothing is random.

    If each of several classes has a single image, fitting raises DataError: nothing shows how images of one class
    differ.

    Attributes
    ----------
    shrinkage
        How far the covariance is drawn to a multiple of the identity: 0..1, or ``auto`` for Ledoit and Wolf's
        estimate, which suits few labels.

    Source: Fisher, The Use of Multiple Measurements in Taxonomic Problems, 1936; Ledoit and Wolf, Honey, I Shrunk the
    Sample Covariance Matrix, 2004.
    """

    deterministic: ClassVar[bool] = True

    shrinkage: Annotated[float, Ge(0), Le(1)] | Literal["auto"] = "auto"

    def classifier(self, seed: int, threads: int) -> Any:  # noqa: ARG002
        """Return the unfitted analysis; see :class:`alrun.models.scikit_learn.ScikitLearn`."""
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        return LinearDiscriminantAnalysis(solver="lsqr", shrinkage=self.shrinkage)

    def _fitted(self, facts: persist.Facts, inputs: Array, targets: Array, seed: int) -> TrainedScikitLearn:
        if 1 < len(facts.seen) == len(targets):
            raise DataError(
                "linear discriminant analysis looks at how images of one class differ, but each class has a single "
                "one: label more first (`initial.size`), or choose another model"
            )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Only one sample available")  # of a class; its own covariance is 0
            return super()._fitted(facts, inputs, targets, seed)
