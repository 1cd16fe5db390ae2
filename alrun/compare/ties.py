"""What floating point makes of equal numbers: sums of the same terms in another order differ in the last digit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

TOLERANCE = 1e-12
"""How far two figures may be apart that count as equal, relative to their size: far above rounding errors, far below
what one more image answered right makes."""


def levelled(gains: Floats, size: float) -> Floats:
    """Return differences whose amounts are equal where only rounding tells them apart, and 0 where they are that small.

    Neighbours in order are compared, so that no two are torn apart by the edge of a grid.

    Parameters
    ----------
    gains
        Float64, shape (S,) or (S, P): each column is one sample.
    size
        How large the numbers were whose differences these are.
    """
    amounts = np.abs(gains)
    order = np.argsort(amounts, axis=0, kind="stable")
    steps = np.diff(np.take_along_axis(amounts, order, axis=0), axis=0, prepend=0.0)
    steps[steps <= TOLERANCE * size] = 0
    equal = np.empty_like(amounts)
    np.put_along_axis(equal, order, np.cumsum(steps, axis=0), axis=0)
    return np.sign(gains) * equal


def differences(values: Floats, baseline: Floats, sign: int) -> Floats:
    """Return how much better `values` are, levelled; see `levelled` for shapes, and `sign` is 1 or -1."""
    size = max(np.abs(values).max(initial=0.0), np.abs(baseline).max(initial=0.0))
    return levelled(sign * (values - baseline), float(size))
