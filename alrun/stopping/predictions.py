"""What successive models' predictions say about stopping; no label is needed for any of it.

The stop set of a round are the held-out images and those that nobody has labelled yet. Two rounds are compared on the
images that both of them have: all held-out ones, and what is still unlabelled after the later round.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def kappa(before: Indices, after: Indices) -> float:
    """Return Cohen's kappa of two predictions of the same images, in -1..1; 1 is full agreement.

    Parameters
    ----------
    before, after
        Class indices, shape (N,), N >= 1.

    Notes
    -----
    Two models that both predict one and the same class everywhere agree fully: kappa is 1, not 0 / 0.
    """
    agreed = float(np.mean(before == after))
    classes = int(max(before.max(), after.max())) + 1
    shares = [np.bincount(side, minlength=classes) / len(side) for side in (before, after)]
    chance = float(shares[0] @ shares[1])
    return 1.0 if chance >= 1 else (agreed - chance) / (1 - chance)


def f_change(before: Indices, after: Indices) -> float:
    """Return 1 - F of the older prediction, as if the newer one were the truth; in 0..1, 0 is no change.

    For each class it is 1 - 2a / (2a + b + c), where a images are of that class for both models, b for the older and c
    for the newer one only; the result is the plain mean over the classes that either model predicts.

    Parameters
    ----------
    before, after
        Class indices, shape (N,), N >= 1.
    """
    classes = int(max(before.max(), after.max())) + 1
    both = np.bincount(before[before == after], minlength=classes)
    either = np.bincount(before, minlength=classes) + np.bincount(after, minlength=classes)
    occurs = either > 0
    return float(np.mean(1 - 2 * both[occurs] / either[occurs]))


def mean_uncertainty(probabilities: npt.NDArray[np.float64]) -> float | None:
    """Return the mean entropy of the rows over ln C, in 0..1; None for no rows or a single class.

    Parameters
    ----------
    probabilities
        Float64, shape (N, C); rows sum to 1.
    """
    rows, classes = probabilities.shape
    if not rows or classes < 2:
        return None
    logs = np.log(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    return float(-(probabilities * logs).sum(axis=1).mean() / np.log(classes))
