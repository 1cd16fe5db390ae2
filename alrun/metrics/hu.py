"""Hu's seven moments of a polygon: numbers that stay the same if it is moved, turned or scaled."""

from __future__ import annotations

from math import comb

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

DEGREES = np.array([1, 2, 2, 2, 4, 3, 4])
"""In how many normalised moments each of Hu's is a product."""


def hu_moments(corners: Doubles) -> Doubles:
    """Return Hu's moments, float64 (7,), of the area inside a polygon with these corners, float64 (E, 2).

    NaN if it has no area. The integrals over the area are exact: sums over its edges. Where a polygon crosses itself,
    what is wound around in the opposite sense counts as negative.

    Source: Hu, "Visual Pattern Recognition by Moment Invariants" (1962); Steger, "On the Calculation of Arbitrary
    Moments of Polygons" (1996).
    """
    around = corners - corners.mean(axis=0)  # near 0, where less is lost to rounding
    area = _moment(around, 0, 0)
    scale = np.square(np.ptp(corners, axis=0)).sum()
    if not abs(area) > 1e-12 * scale:
        return np.full(7, np.nan)
    centred = around - np.array([_moment(around, 1, 0), _moment(around, 0, 1)]) / area
    n20, n11, n02, n30, n21, n12, n03 = (
        _moment(centred, p, q) * np.sign(area) / abs(area) ** ((p + q) / 2 + 1)
        for p, q in ((2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))
    )
    a, b, c, d = n30 + n12, n21 + n03, n30 - 3 * n12, 3 * n21 - n03
    e, f = a * a - 3 * b * b, 3 * a * a - b * b
    return np.array(
        [
            n20 + n02,
            (n20 - n02) ** 2 + 4 * n11**2,
            c * c + d * d,
            a * a + b * b,
            c * a * e + d * b * f,
            (n20 - n02) * (a * a - b * b) + 4 * n11 * a * b,
            d * a * e - c * b * f,
        ]
    )


def _moment(corners: Doubles, p: int, q: int) -> float:
    """Return the integral of x^p y^q over the inside of a polygon; negative if it runs the other way round."""
    x, y = corners.T
    u, v = np.roll(x, -1), np.roll(y, -1)
    terms = sum(
        comb(k + m, m) * comb(p + q - k - m, q - m) * u**k * x ** (p - k) * v**m * y ** (q - m)
        for k in range(p + 1)
        for m in range(q + 1)
    )
    return float(((x * v - u * y) * terms).sum() / ((p + q + 2) * (p + q + 1) * comb(p + q, p)))
