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

Labels = npt.NDArray[np.int64]

_FEW = 64  # clusters up to which several tries at each centre of the start cost little
_SAMPLE = 10_000
_TOLERANCE = 1e-4
_MOST_PASSES = 300


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


def kmeans(points: Floats, clusters: int, rng: np.random.Generator) -> Clustering:
    """Cluster `points` (shape (N, D), N >= 1, finite) with Lloyd's algorithm from one k-means++ start.

    For up to 64 clusters scikit-learn clusters a random tenth of the points (10,000 at least); for more, where its
    start takes minutes, the start is drawn from all points by `alrun.numeric.d2`. Then all points move those
    centres until they rest, by scikit-learn's own criterion. A pass over all points takes O(N K D) time; only points
    that changed their cluster are summed again. The points are not copied.

    A pass works on fixed blocks of rows, each on one thread, and adds them up in their order: more threads
    change the time and not a bit of the result.
    """
    with workers() as pool:
        sample = _sample(points, max(len(points) // 10, _SAMPLE, 100 * min(clusters, _FEW)), rng)
        origin = sample.mean(axis=0, dtype=np.float64)
        tolerance = _TOLERANCE * float(sample.var(axis=0, dtype=np.float64).mean())
        if clusters <= _FEW:
            start = _start(sample, min(clusters, len(points)), rng)
        else:
            start = _start_many(points, min(clusters, len(points)), rng)
        score = _Score(_settle(points, start, origin, tolerance, pool), origin)
        ends = list(pool.map(partial(_finish, points, score), blocks(len(points))))
    return Clustering(np.concatenate([e.labels for e in ends]), np.concatenate([e.distances for e in ends]))


def _sample(points: Floats, size: int, rng: np.random.Generator) -> Floats:
    if len(points) <= size:
        return points
    return points[np.sort(rng.choice(len(points), size, replace=False))]


def _start(sample: Floats, clusters: int, rng: np.random.Generator) -> Doubles:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # It warns of fewer distinct points than clusters; empty clusters are handled here.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = KMeans(clusters, n_init=1, random_state=int(rng.integers(2**31))).fit(sample)
    return np.asarray(fitted.cluster_centers_, np.float64)


def _start_many(points: Floats, clusters: int, rng: np.random.Generator) -> Doubles:
    factors = [rows_of(points)]
    rows, _ = d2_sample(factors, row_norms(factors, len(points)), int(rng.integers(len(points))), clusters, rng)
    return points[rows].astype(np.float64)


def _settle(points: Floats, centres: Doubles, origin: Doubles, tolerance: float, pool: Executor) -> Doubles:
    """Move the centres until they rest; the sums of each cluster are kept up to date with what changed."""
    labels = np.full(len(points), -1, np.int64)
    sums, counts = np.zeros_like(centres), np.zeros((len(centres), 1))
    for _ in range(_MOST_PASSES):
        score = _Score(centres, origin)
        parts = list(pool.map(partial(_assign, points, score, labels), blocks(len(points))))
        before, labels = labels, np.concatenate([part.labels for part in parts])
        for part in parts:
            sums += part.sums
            counts += part.counts
        # A cluster without points (too few distinct ones) stays where it is.
        moved = np.where(counts > 0, sums / np.maximum(counts, 1), centres)
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
    sums: Floats
    counts: Doubles


def _assign(points: Floats, score: _Score, before: Labels, rows: slice) -> _Part:
    labels = score.nearest(points[rows])
    changed = np.flatnonzero(labels != before[rows])
    moves = np.zeros((len(score.centres), len(changed)), np.float32)
    moves[labels[changed], np.arange(len(changed))] = 1
    old = before[rows][changed]
    left = np.flatnonzero(old >= 0)
    moves[old[left], left] = -1
    return _Part(labels, moves @ points[rows][changed], moves.sum(axis=1, dtype=np.float64, keepdims=True))


def _finish(points: Floats, score: _Score, rows: slice) -> Clustering:
    labels = score.nearest(points[rows])
    return Clustering(labels, np.square(points[rows] - score.centres[labels]).sum(axis=1))
