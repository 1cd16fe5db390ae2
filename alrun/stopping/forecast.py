"""What the next round is expected to bring, from the learning curve so far."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FEWEST_ROUNDS = 4
_EXPONENTS = np.linspace(0.1, 2.0, 39)


def expected_next(labelled: Sequence[int], figures: Sequence[float], more: int) -> float | None:
    """Return the expected change of a figure after `more` further labels; None if the curve does not tell.

    Parameters
    ----------
    labelled
        How many images were labelled at each evaluation, positive.
    figures
        The figure at each evaluation; higher is better.
    more
        How many labels the next round adds.

    Returns
    -------
    float or None
        From the power law ``a - b n**-c``, b >= 0, 0.1 <= c <= 2, with the least squared error. None with fewer than
        four evaluations, or where no such law falls (the curve has gone down).

    Notes
    -----
    Source: power laws of learning curves, e.g. Mukherjee et al., Estimating Dataset Size Requirements, J. Comput.
    Biol. 2003. An expectation from few noisy points: it is shown, nothing is decided by it.
    """
    n = np.asarray(labelled, float)
    y = np.asarray(figures, float)
    if len(n) < FEWEST_ROUNDS or len(np.unique(n)) < FEWEST_ROUNDS:
        return None
    best: tuple[float, float, float] | None = None
    for exponent in _EXPONENTS:
        design = np.column_stack([np.ones_like(n), -(n**-exponent)])
        weights, *_ = np.linalg.lstsq(design, y, rcond=None)
        error = float(((design @ weights - y) ** 2).sum())
        if weights[1] >= 0 and (best is None or error < best[0]):
            best = error, float(weights[1]), float(exponent)
    if best is None:
        return None
    _, b, c = best
    return float(b * (n[-1] ** -c - (n[-1] + more) ** -c))
