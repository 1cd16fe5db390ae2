"""Learning curves over seeds: means, confidence bands, areas, deficiency, labels to a target."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from alrun.compare.ties import TOLERANCE

Floats = npt.NDArray[np.float64]

Curve = tuple[Floats, Floats]
"""One learning curve as it was measured: budgets, ascending, and values, float64 of one shape (R,) each."""


def band(values: Floats, confidence: float = 0.95) -> tuple[Floats, Floats]:
    """Return Student's t interval of the mean at each budget, over seeds.

    Parameters
    ----------
    values
        Float64, shape (S, P). With one seed the band is the curve itself.

    Returns
    -------
    tuple
        Lower and upper end, shape (P,) each: of each budget by itself, not of the curve as a whole.
    """
    from scipy.stats import t

    seeds, mean = len(values), values.mean(axis=0)
    if seeds == 1:
        return mean, mean
    half = t.ppf((1 + confidence) / 2, seeds - 1) * values.std(axis=0, ddof=1) / np.sqrt(seeds)
    return mean - half, mean + half


def area(grid: Floats, values: Floats) -> Floats:
    """Return the area under the budget curve over the width of the grid: the mean height of the curve.

    ``AUBC = 1 / (x_P - x_1) * sum_i (x_{i+1} - x_i) (y_i + y_{i+1}) / 2``, by the trapezoidal rule. A grid of one
    point has the value there.

    Parameters
    ----------
    grid
        Float64, shape (P,), ascending.
    values
        Float64, shape (S, P).

    Returns
    -------
    Float64, shape (S,), in the unit of the values.
    """
    if len(grid) == 1:
        return values[:, 0].copy()
    return np.asarray(np.trapezoid(values, grid, axis=1) / (grid[-1] - grid[0]), np.float64)


def deficiency(values: Floats, baseline: Floats, ceiling: Floats, sign: int) -> float:
    """Return how much the arm falls short of full knowledge, in units of how much the baseline does.

    ``sum_p (full - arm_p) / sum_p (full - random_p)``, on means over seeds; below 1 beats the baseline, 0 is as good as
    all labels from the start. NaN where the baseline does not fall short.

    Source: Baram, El-Yaniv and Luz, Online Choice of Active Learning Algorithms, JMLR 2004.
    """
    full = float(ceiling.mean())
    lacks, baseline_lacks = (float((sign * (full - side.mean(axis=0))).sum()) for side in (values, baseline))
    return lacks / baseline_lacks if baseline_lacks > 0 else float("nan")


def labels_to_target(curves: Sequence[Curve], target: float, sign: int) -> Floats:
    """Return the first budget at which each curve reaches the target, float64 of shape (S,); inf if it never does.

    It is a budget that was paid for: no interpolation between evaluations. A curve that reaches the target and falls
    again has reached it. A value that only rounding keeps below the target has reached it too.
    """
    least = sign * target - TOLERANCE * abs(target)
    reached = [x[sign * y >= least] for x, y in curves]
    return np.array([x[0] if len(x) else np.inf for x in reached])


def quartiles(budgets: Floats) -> tuple[float, float, float]:
    """Return the quartiles of budgets of which some were never reached (inf, right-censored at the end of the curve).

    Each is the smallest budget by which that share of the seeds has reached the target; inf if too few have.
    """
    low, middle, high = np.quantile(budgets, [0.25, 0.5, 0.75], method="inverted_cdf")
    return float(low), float(middle), float(high)
