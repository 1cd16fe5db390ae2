"""k-means whose result is the same for any number of threads."""

from __future__ import annotations

import warnings
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from alrun.numeric.blocks import Doubles, Floats, blocks, workers
from alrun.numeric.d2 import d2_sample, row_norms, rows_of
from alrun.progress import track

Labels = npt.NDArray[np.int64]

_FEW = 64  # clusters up to which several tries at each centre of the start cost little
_SAMPLE = 10_000
_TOLERANCE = 1e-4

MOST_PASSES = 300
WARM_PASSES = 5
"""After a start from a tenth of the points, so few leave the sum of squares within 0.3 % of where it would rest."""


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

    labels: Labels
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

    For up to 64 clusters scikit-learn clusters a random tenth of the points (10,000 at least); for more, where its
    start takes minutes, the start is drawn from all points by `alrun.numeric.d2`. Then all points move those
    centres until they rest, by scikit-learn's own criterion, or for `passes` (1 or more) at most. A pass over all
    points takes O(N K D) time; only points that changed their cluster are summed again. The points are not copied.

    A pass works on fixed blocks of rows, each on one thread, and adds them up in their order: more threads
    change the time and not a bit of the result.
    """
    with workers() as pool:
        rows = _sample(len(points), max(len(points) // 10, _SAMPLE, 100 * min(clusters, _FEW)), rng)
        sample = points[rows]
        origin = sample.mean(axis=0, dtype=np.float64)
        tolerance = _TOLERANCE * float(sample.var(axis=0, dtype=np.float64).mean())
        if clusters <= _FEW:
            start = _start(sample, min(clusters, len(points)), rng, None if weights is None else weights[rows])
        else:
            start = _start_many(points, min(clusters, len(points)), rng, weights)
        score = _Score(_settle(points, start, origin, tolerance, pool, weights, passes), origin)
        ends = list(pool.map(partial(_finish, points, score), blocks(len(points))))
    return Clustering(np.concatenate([e.labels for e in ends]), np.concatenate([e.distances for e in ends]))


def _sample(rows: int, size: int, rng: np.random.Generator) -> Labels | slice:
    return slice(rows) if rows <= size else np.sort(rng.choice(rows, size, replace=False))


def _start(sample: Floats, clusters: int, rng: np.random.Generator, weights: Doubles | None) -> Doubles:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # It warns of fewer distinct points than clusters; empty clusters are handled here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        algorithm = KMeans(clusters, n_init=1, random_state=int(rng.integers(2**31)))
        fitted = algorithm.fit(sample, sample_weight=weights)
    return np.asarray(fitted.cluster_centers_, np.float64)


def _start_many(points: Floats, clusters: int, rng: np.random.Generator, weights: Doubles | None) -> Doubles:
    factors = [rows_of(points)]
    if weights is None:
        first = int(rng.integers(len(points)))
    else:
        first = int(np.searchsorted(np.cumsum(weights), rng.random() * weights.sum(), side="right"))
    norms = row_norms(factors, len(points))
    rows, _ = d2_sample(factors, norms, min(first, len(points) - 1), clusters, rng, weights)
    return points[rows].astype(np.float64)


def _settle(
    points: Floats,
    centres: Doubles,
    origin: Doubles,
    tolerance: float,
    pool: Executor,
    weights: Doubles | None,
    passes: int,
) -> Doubles:
    """Move the centres until they rest; the sums of each cluster are kept up to date with what changed."""
    labels = np.full(len(points), -1, np.int64)
    sums, counts = np.zeros_like(centres), np.zeros((len(centres), 1))
    for _ in track(range(passes), "k-means, until it rests"):
        score = _Score(centres, origin)
        before, labels = labels, np.empty_like(labels)
        rows = blocks(len(points))
        # One part after the other is used up: together their sums could be larger than the pool.
        for block, part in zip(rows, pool.map(partial(_assign, points, score, before, weights), rows), strict=True):
            labels[block] = part.labels
            sums += part.sums
            counts += part.counts
        if weights is not None:  # what came and went leaves rounding behind, and 0 must be 0
            counts = np.bincount(labels, weights, len(centres)).astype(np.float64)[:, None]
        # A cluster without points (too few distinct ones) or without weight stays where it is.
        moved = np.where(counts > 0, sums / np.where(counts > 0, counts, 1), centres)
        shift = float(np.square(moved - centres).sum())
        centres = moved
        if shift <= tolerance or np.array_equal(labels, before):
            break
    return centres


class _Score:
    """Says which centre is nearest: the largest x·(c - o) - ((c - o)·o + |c - o|²/2), for any origin o.

    Around an origin amid the points the terms are small, so that float32 is precise enough.
    """

    def __init__(self, centres: Doubles, origin: Doubles) -> None:
        arms = centres - origin
        self.centres = centres
        self.arms = arms.astype(np.float32)
        self.offsets = (arms @ origin + np.square(arms).sum(axis=1) / 2).astype(np.float32)

    def nearest(self, block: Floats) -> Labels:
        scores = block @ self.arms.T
        scores -= self.offsets
        nearest: Labels = scores.argmax(axis=1)
        return nearest


@dataclass(frozen=True)
class _Part:
    """What one block changes: its labels, and what moves between the clusters' sums and counts."""

    labels: Labels
    sums: Floats | Doubles
    counts: Doubles


def _assign(points: Floats, score: _Score, before: Labels, weights: Doubles | None, rows: slice) -> _Part:
    labels = score.nearest(points[rows])
    changed = np.flatnonzero(labels != before[rows])
    # Weights may differ by orders of magnitude: what a heavy point leaves behind must not outweigh a light one.
    weight = np.ones(len(changed), np.float32) if weights is None else weights[rows][changed]
    moves = np.zeros((len(score.centres), len(changed)), weight.dtype)
    moves[labels[changed], np.arange(len(changed))] = weight
    old = before[rows][changed]
    left = np.flatnonzero(old >= 0)
    moves[old[left], left] = -weight[left]
    return _Part(labels, moves @ points[rows][changed], moves.sum(axis=1, dtype=np.float64, keepdims=True))


def _finish(points: Floats, score: _Score, rows: slice) -> Clustering:
    labels = score.nearest(points[rows])
    return Clustering(labels, np.square(points[rows] - score.centres[labels]).sum(axis=1))
