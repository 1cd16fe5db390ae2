"""How often an arm's error is within a factor of the baseline's, over all settings and budgets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from alrun.compare.settings import Setting

Floats = npt.NDArray[np.float64]


def performance_profile(found: Sequence[Setting], arm: str) -> tuple[Floats, Floats]:
    """Return the distribution of an arm's error over the baseline's, as in Dolan and Moré.

    For each setting that has both, and each budget, the ratio of mean errors: 1 - value for figures where higher is
    better, the value itself where lower is. Left of 1 the arm is better.

    Returns
    -------
    tuple
        Ratios, ascending, and the share of (setting, budget) pairs at or below each; each setting weighs the same.
    """
    ratios, weights = [], []
    for setting in found:
        if setting.baseline is None or arm not in setting.arms:
            continue
        errors, baseline = (_error(side.mean(axis=0), setting.sign) for side in (setting.arms[arm], setting.baseline))
        usable = baseline > 0
        ratios.append(errors[usable] / baseline[usable])
        weights.append(np.full(int(usable.sum()), 1 / max(1, int(usable.sum()))))
    if not ratios:
        return np.zeros(0), np.zeros(0)
    ratio, weight = np.concatenate(ratios), np.concatenate(weights)
    order = np.argsort(ratio, kind="stable")
    return ratio[order], np.cumsum(weight[order]) / weight.sum()


def _error(values: Floats, sign: int) -> Floats:
    return 1 - values if sign > 0 else values
