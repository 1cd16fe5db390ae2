"""k-means whose result is the same for any number of threads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alrun.numeric.blocks import Doubles, Floats, Rows, thin_pieces, workers
from alrun.numeric.d2 import d2_sample, row_norms, rows_of
from alrun.numeric.lloyd import Lloyd
from alrun.progress import track

_FEW = 64  # clusters up to which several tries at each centre of the start cost little
_SAMPLE = 10_000
_TOLERANCE = 1e-4
_MOMENTUM = 0.7

MOST_PASSES = 300
WARM_PASSES = 3
"""After a start from a tenth of the points, so few leave the sum of squares about 0.25 % above where it would rest, if
the points are one blob, and hardly above it if there are clusters."""


@dataclass(frozen=True)
class Clustering:
    """A k-means solution.

    Attributes
    ----------
    labels
        int64, shape (N,): the cluster of each point, in 0..K-1; some are empty if fewer points are distinct.
    distances
        float64, shape (N,): the squared Euclidean distance of each point to its cluster's centre.
    """

    labels: npt.NDArray[np.int64]
    distances: Doubles


def kmeans(
    points: Floats,
    clusters: int,
    rng: np.random.Generator,
    weights: Doubles | None = None,
    passes: int = MOST_PASSES,
) -> Clustering:
    """Cluster `points` (shape (N, D), N >= 1, finite) with Lloyd's algorithm from one k-means++ start.

    With `weights`, float64 of shape (N,), 0 or above and not all 0, a centre is the weighted mean of its points, and
    the sum of weight * distance² is what falls; the start takes them into account as well.

    For up to 64 clusters the start is drawn greedily, as scikit-learn does, from a random tenth of the points (10,000
    at least), which then move it until it rests; for more, where that takes minutes, it is drawn from all points by
    `alrun.numeric.d2`. Then all points move the centres until they rest, by scikit-learn's own criterion, or for
    `passes` (1 or more) at most. A pass takes O(N K D) time at first, and less and less as fewer points are in doubt:
    see :class:`~alrun.numeric.lloyd.Lloyd`. The points are not copied. More threads change the time and not a bit of
    the result.
    """
    with workers() as pool:
        rows = _sample(len(points), max(len(points) // 10, _SAMPLE, 100 * min(clusters, _FEW)), rng)
        sample, sample_weights = points[rows], None if weights is None else weights[rows]
        origin = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
        if clusters <= _FEW:
            start = _start(sample, origin, min(clusters, len(points)), rng, sample_weights)
            some = Lloyd(sample, sample_weights, start, origin, pool)
            _rest(some, MOST_PASSES)
            start = some.centres
        else:
            start = _start_many(points, min(clusters, len(points)), rng, weights)
        everything = Lloyd(points, weights, start, origin, pool)
        _rest(everything, passes)
        return Clustering(everything.labels, everything.distances())


def _sample(rows: int, size: int, rng: np.random.Generator) -> Rows | slice:
    return slice(rows) if rows <= size else np.sort(rng.choice(rows, size, replace=False))


def _start(sample: Floats, origin: Floats, clusters: int, rng: np.random.Generator, weights: Doubles | None) -> Doubles:
    """Draw by greedy k-means++: of some rows drawn by D², the one that leaves the least sum of squares is kept."""
    weights = np.ones(len(sample)) if weights is None else weights
    around = sample - origin  # small numbers, for which float32 is precise enough
    norms = np.vecdot(around, around)

    def squares(rows: Rows) -> Floats:
        some = np.ascontiguousarray(around[rows].T)
        products = np.concatenate([around[piece] @ some for piece in thin_pieces(len(around), some)])
        apart: Floats = np.maximum(norms - 2 * products.T + norms[rows, None], 0)
        return apart

    rows = _draw(weights, 1, rng)
    least = squares(rows)[0]
    while len(rows) < clusters:
        drawn = _draw(weights * least, 2 + int(np.log(clusters)), rng)
        left = np.minimum(least, squares(drawn))
        best = (left @ weights).argmin()
        rows = np.append(rows, drawn[best])
        least = left[best]
    return sample[rows].astype(np.float64)


def _start_many(points: Floats, clusters: int, rng: np.random.Generator, weights: Doubles | None) -> Doubles:
    factors = [rows_of(points)]
    first = int(rng.integers(len(points))) if weights is None else int(_draw(weights, 1, rng)[0])
    rows, _ = d2_sample(factors, row_norms(factors, len(points)), first, clusters, rng, weights)
    return points[rows].astype(np.float64)


def _draw(chances: Doubles, count: int, rng: np.random.Generator) -> Rows:
    ends = np.cumsum(chances)
    rows: Rows = np.searchsorted(ends, rng.random(count) * ends[-1], side="right")
    return np.minimum(rows, len(ends) - 1)


def _rest(lloyd: Lloyd, passes: int) -> None:
    """Move the centres until they rest, and give the points the labels of where they rest.

    They go beyond the means, on in the direction in which these last moved ("heavy ball"), and end on the means: about
    half the passes, with a sum of squares that is no larger on average.
    """
    tolerance = _TOLERANCE * lloyd.variance
    before = None
    for left in track(range(passes, 0, -1), "k-means, until it rests"):
        lloyd.assign()
        means = lloyd.means()
        if left == 1 or np.square(means - lloyd.centres).sum() <= tolerance:
            break
        lloyd.move(means if before is None else means + _MOMENTUM * (means - before))
        before = means
    lloyd.move(means)
    lloyd.assign()
