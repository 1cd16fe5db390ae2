"""Is one strategy better than another? Paired by seed, with an interval, a test and its power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alrun.compare.ties import differences

Floats = npt.NDArray[np.float64]

LEVEL, POWER = 0.05, 0.8
MOST_SEEDS = 1000
_NODES = 1024
_MOST_EXACT = 50  # pairs, up to which scipy's p is exact
_EFFICIENCY = 3 / np.pi


@dataclass(frozen=True)
class Difference:
    """How much better an arm is than the baseline, over paired seeds.

    Attributes
    ----------
    mean
        Positive is better, whichever end of the figure is.
    low, high
        The 95 % interval of the mean, by Student's t; NaN with one seed.
    p
        Two-sided Wilcoxon signed-rank test, not corrected; 1 where every difference is 0.
    wins, ties, losses
        Seeds on which the arm is better, the same, worse. What rounding alone tells apart is the same: see
        `alrun.compare.ties`; so it is in the ranks of the test.
    detectable
        The smallest true difference that as many seeds would find with probability 0.8 (see `power`); NaN with fewer
        seeds than `fewest_to_test`, which find nothing, however large.
    seeds_needed
        How many seeds would find a true difference as large as `mean` with that probability, never fewer than
        `fewest_to_test`; None if over 1,000, or with one seed.
    """

    mean: float
    low: float
    high: float
    p: float
    wins: int
    ties: int
    losses: int
    detectable: float
    seeds_needed: int | None


def difference(values: Floats, baseline: Floats, sign: int = 1, tests: int = 1) -> Difference:
    """Compare two arms by a number for each seed.

    Parameters
    ----------
    values, baseline
        Float64, shape (S,), paired by seed.
    sign
        1 where higher is better, -1 where lower is.
    tests
        How many arms are tested against the baseline, for which Holm corrects: `detectable` and `seeds_needed` do too.
    """
    gains = differences(values, baseline, sign)
    mean, count = float(gains.mean()), len(gains)
    spread = float(gains.std(ddof=1)) if count > 1 else float("nan")
    half = _t_quantile(count) * spread / np.sqrt(count) if count > 1 else float("nan")
    return Difference(
        mean,
        mean - half,
        mean + half,
        signed_rank(gains),
        int((gains > 0).sum()),
        int((gains == 0).sum()),
        int((gains < 0).sum()),
        detectable(spread, count, tests),
        seeds_needed(mean, spread, tests),
    )


def signed_rank(gains: Floats) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test; zeros are dropped, 1 if nothing is left.

    `gains` are to be levelled (`alrun.compare.ties`): equal ones share a rank only where they are equal to the bit.
    """
    from scipy.stats import wilcoxon

    gains = gains[gains != 0]
    return float(wilcoxon(gains).pvalue) if len(gains) else 1.0


def fewest_to_test(tests: int) -> int:
    """Return with how many pairs the best of so many signed-rank tests can go below 0.05 at all, after Holm.

    The smallest two-sided p of n pairs is 2 / 2^n, whatever the data; Holm multiplies it by the number of tests.
    """
    pairs = 1
    while tests * 2.0 ** (1 - pairs) >= LEVEL:
        pairs += 1
    return pairs


def holm(ps: Sequence[float]) -> list[float]:
    """Return p values corrected for several tests by Holm's step-down method, in the order given."""
    order = np.argsort(ps, kind="stable")
    corrected = [0.0] * len(ps)
    highest = 0.0
    for rank, index in enumerate(order.tolist()):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        corrected[index] = highest
    return corrected


def size(seeds: int, tests: int = 1) -> float:
    """Return the largest p that the signed-rank test of so many pairs can have below 0.05, times `tests` for Holm.

    0 with fewer pairs than `fewest_to_test`; above 50 pairs the test is as good as continuous.
    """
    level = LEVEL / tests
    if seeds > _MOST_EXACT:
        return level
    ways = np.zeros(seeds * (seeds + 1) // 2 + 1)
    ways[0] = 1
    for rank in range(1, seeds + 1):
        ways[rank:] += ways[:-rank].copy()
    ps = 2 * np.cumsum(ways) / 2.0**seeds
    return float(max(ps[ps < level], default=0.0))


def power(effect: float, spread: float, seeds: int, tests: int = 1) -> float:
    """Return the probability that the test which decides, Wilcoxon's with Holm, finds a true mean of `effect`.

    Assumes that the differences are normal and untied, and that no other arm of the `tests` is found: Holm asks the
    most of the first one, `tests` times its p below 0.05. Where only differences of one sign can pass, that is exact.
    Else it is the power of a paired t test at the `size` of the signed-rank test, with 3 / pi as many seeds: the
    asymptotic relative efficiency of the two. From a third pair above `fewest_to_test` on it is right within 0.02.

    The normal tail is averaged over the distribution of the sample's spread: scipy's noncentral t is NaN far out.
    """
    from scipy.stats import chi2, norm, t

    passing = size(seeds, tests)
    if passing == 0:
        return 0.0
    if spread == 0:
        return float(effect != 0)
    shift = abs(effect) / spread
    if passing == 2.0 ** (1 - seeds):
        return float(norm.cdf(shift) ** seeds + norm.sf(shift) ** seeds)
    worth = seeds * _EFFICIENCY
    shares = (np.arange(_NODES) + 0.5) / _NODES
    critical = t.ppf(1 - passing / 2, worth - 1) * np.sqrt(chi2.ppf(shares, worth - 1) / (worth - 1))
    shift *= np.sqrt(worth)
    return float(np.mean(norm.sf(critical - shift) + norm.sf(critical + shift)))


def detectable(spread: float, seeds: int, tests: int = 1) -> float:
    """Return the smallest true difference found with probability 0.8; NaN with fewer seeds than `fewest_to_test`."""
    from scipy.optimize import brentq

    if seeds < fewest_to_test(tests):
        return float("nan")
    if spread == 0:
        return 0.0
    return float(brentq(lambda effect: power(effect, spread, seeds, tests) - POWER, 0, 1000 * spread))


def seeds_needed(effect: float, spread: float, tests: int = 1) -> int | None:
    """Return the fewest seeds that find `effect` with probability 0.8; None for more than 1,000, or no spread known."""
    if not np.isfinite(spread) or effect == 0:
        return None
    low, high = fewest_to_test(tests), MOST_SEEDS
    if power(effect, spread, high, tests) < POWER:
        return None
    while low < high:
        middle = (low + high) // 2
        if power(effect, spread, middle, tests) >= POWER:
            high = middle
        else:
            low = middle + 1
    return low


def penalties(arms: Sequence[Floats], sign: int = 1) -> Floats:
    """Return the pairwise penalty matrix of arms, float64 of shape (A, A), each entry in 0..1.

    Entry (i, j) is the share of the budgets at which arm i is better than arm j by a two-sided paired t test at 5 %.
    The mean of column j says how often arm j is beaten: lower is better.

    Parameters
    ----------
    arms
        Each float64, shape (S, P): seeds and budgets. With one seed nothing is ever significant.

    Notes
    -----
    Source: Ash et al. (BADGE), ICLR 2020. They look at some budgets, up to where random is nearly done; here all count,
    as in Lueth et al., 2023.
    """
    from scipy.stats import t

    count = len(arms)
    matrix = np.zeros((count, count))
    for i in range(count):
        for j in range(count):
            gains = differences(arms[i], arms[j], sign)
            seeds = len(gains)
            if i == j or seeds < 2:
                continue
            mean, spread = gains.mean(axis=0), gains.std(axis=0, ddof=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                statistic = mean / (spread / np.sqrt(seeds))  # inf where every seed gains the same, NaN for no gain
            matrix[i, j] = np.mean(np.nan_to_num(statistic, nan=0.0) > t.ppf(1 - LEVEL / 2, seeds - 1))
    return matrix


def _t_quantile(seeds: int) -> float:
    from scipy.stats import t

    return float(t.ppf(1 - LEVEL / 2, seeds - 1))
