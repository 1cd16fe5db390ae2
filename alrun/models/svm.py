"""A support vector machine on embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Gt

from alrun.models.scikit_learn import ScikitLearn


@dataclass(frozen=True)
class SVM(ScikitLearn):
    """scikit-learn's SVC; nothing is random. More than two classes are decided by duels of each with each.

    Probabilities are not fitted but made of the decision values d: of two classes, 1 / (1 + exp(-d)) is that of the
    second; of more, it is the softmax of the duels that each has won, ties broken by how clearly. The image that is
    nearest to the boundary has the lowest margin, but 0.9 does not mean right in nine of ten: see `calibrated`.

    Attributes
    ----------
    kernel
        ``rbf``: exp(-gamma |x - y|^2). ``linear``: x . y.
    C
        Inverse strength of the penalty: smaller is smoother.
    gamma
        Of the kernel ``rbf``: a number, ``auto`` for 1 / D of D features, or ``scale`` for 1 / (D v), where v is the
        variance of all values of the labelled images, so that the unit of the features does not matter.

    Source: Cortes and Vapnik, Support-Vector Networks, Machine Learning 1995; Chang and Lin, LIBSVM, ACM TIST 2011.
    """

    deterministic: ClassVar[bool] = True

    kernel: Literal["rbf", "linear"] = "rbf"
    C: Annotated[float, Gt(0)] = 1.0
    gamma: Annotated[float, Gt(0)] | Literal["scale", "auto"] = "scale"

    def classifier(self, seed: int, threads: int) -> Any:  # noqa: ARG002
        """Return the unfitted SVC; see :class:`alrun.models.scikit_learn.ScikitLearn`."""
        from sklearn.svm import SVC

        return SVC(kernel=self.kernel, C=self.C, gamma=self.gamma, random_state=seed)  # else it draws globally
