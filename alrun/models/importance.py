"""Which metric of the images goes with a model's errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

ENOUGH = 50
"""Fewer images than this say nothing worth reading."""


@dataclass(frozen=True, slots=True)
class Importance:
    """How much a metric says about the errors.

    Attributes
    ----------
    images
        How many images have an error and a finite value.
    mutual_information
        In nats, 0 or above, estimated from the three nearest neighbours (Kraskov et al., Physical Review E, 2004, by
        scikit-learn): any kind of dependence. None with fewer than 50 images, or where the metric or the error is
        the same for all.
    spearman, pearson
        Correlation of ranks and of values, -1..1; above 0: high values go with errors. None as above.
    """

    metric: str
    images: int
    mutual_information: float | None = None
    spearman: float | None = None
    pearson: float | None = None


def importance(metrics: pl.DataFrame, errors: npt.NDArray[np.float64]) -> list[Importance]:
    """Return the importance of each column of `metrics`, the most important first, those without a figure last.

    Parameters
    ----------
    metrics
        N rows of numbers; null, NaN and infinite values are left out.
    errors
        float64, shape (N,), finite: the error of each image, such as 1 - F1.
    """
    found = [
        _importance(name, metrics[name].cast(pl.Float64).fill_null(np.nan).to_numpy(), errors)
        for name in metrics.columns
    ]
    return sorted(
        found, key=lambda one: -1.0 if one.mutual_information is None else one.mutual_information, reverse=True
    )


def _importance(name: str, values: npt.NDArray[np.float64], errors: npt.NDArray[np.float64]) -> Importance:
    there = np.isfinite(values)
    x, y = values[there], errors[there]
    if len(x) < ENOUGH or np.ptp(x) == 0 or np.ptp(y) == 0:
        return Importance(name, len(x))
    from scipy.stats import rankdata
    from sklearn.feature_selection import mutual_info_regression

    # It adds a little noise to part equal values; a fixed seed, so that the same data gives the same figure.
    information = mutual_info_regression(x[:, None], y, random_state=0)[0]
    return Importance(name, len(x), float(information), _correlation(rankdata(x), rankdata(y)), _correlation(x, y))


def _correlation(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    return float(np.corrcoef(x, y)[0, 1])
