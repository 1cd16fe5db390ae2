"""Lloyd's algorithm that looks again only at points whose nearest centre may be another one by now."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

import numpy as np

from alrun.numeric.blocks import Doubles, Floats, Rows, blocks, taken, thin_pieces

_ROUNDING = 1.01 * 2.0**-24  # of one float32 operation, and what roundings of roundings add
_IN_CACHE = 256  # rows whose differences are worked on at once


class Lloyd:
    """Centres, and the nearest of them for each point.

    Hamerly's bound in one number a point: by how much the nearest centre is closer than any other, at least. Centres
    that move lower it by as much as both moved. While it is above 0 the label is right, and the point is not read.
    The bound takes in what float32 may round away, so that nothing is missed.

    Each step works on fixed blocks of rows, each on one thread, and adds them up in their order: more threads change
    the time and not a bit of the result.

    Parameters
    ----------
    points
        float32, shape (N, D).
    weights
        float64, shape (N,), 0 or above; None: all 1.
    centres
        float64, shape (K, D), K >= 1: where to start.
    origin
        float32, shape (D,): a place amid the points. Around it products are small, and float32 is precise enough.
    pool
        Of :func:`alrun.numeric.blocks.workers`.

    Attributes
    ----------
    labels
        int64, shape (N,): the nearest centre at the last :meth:`assign`.
    centres
        As they stand.
    variance
        Of the points around the origin: the mean over the dimensions.
    """

    def __init__(
        self, points: Floats, weights: Doubles | None, centres: Doubles, origin: Floats, pool: Executor
    ) -> None:
        self.points, self.weights, self.centres, self.origin, self.pool = points, weights, centres, origin, pool
        self.labels = np.full(len(points), -1, np.int64)
        self._leads = np.zeros(len(points))
        self._sums, self._counts, self._means = np.zeros_like(centres), np.zeros(len(centres)), centres.copy()
        self._reach = np.sqrt(self._squares(lambda rows: points[rows] - origin))
        self.variance = float(np.square(self._reach).mean()) / points.shape[1]

    def assign(self) -> None:
        """Give each point its nearest centre."""
        scores = _Scores(self.centres, self.origin)
        doubtful = np.flatnonzero(self._leads <= 0)
        if len(doubtful) > len(self.points) / 2:  # to pick them out would cost more than to read all in a row
            doubtful = np.arange(len(self.points))
        parts = (doubtful[block] for block in blocks(len(doubtful)))
        before = self.labels.copy()
        list(self.pool.map(partial(self._assign, scores), parts))
        changed = np.flatnonzero(self.labels != before)
        parts = (changed[block] for block in blocks(len(changed)))
        # One after the other is used up: together the sums could be larger than the points.
        for sums, counts in self.pool.map(partial(self._moves, before), parts):
            self._sums += sums
            self._counts += counts
        if self.weights is not None:  # what came and went leaves rounding behind, and 0 must be 0
            self._counts = np.bincount(self.labels, self.weights, len(self.centres)).astype(np.float64)

    def means(self) -> Doubles:
        """Return the mean of each cluster's points at the last :meth:`assign`, float64 of shape (K, D).

        Without points (too few are distinct, or the centre went too far) or without weight, a cluster keeps its last.
        """
        held = self._counts > 0
        self._means[held] = self._sums[held] / self._counts[held, None]
        return self._means.copy()

    def move(self, centres: Doubles) -> None:
        """Move the centres to `centres`, of the same shape."""
        ways = np.sqrt(np.square(centres - self.centres).sum(axis=1))
        others = np.full(len(ways), ways.max())
        furthest = ways.argmax()
        others[furthest] = np.delete(ways, furthest).max(initial=0)
        self.centres = centres
        self._leads -= (ways + others)[self.labels]

    def distances(self) -> Doubles:
        """Return the squared distance of each point to the centre of its label, float64 of shape (N,)."""

        def apart(rows: slice) -> Doubles:
            apart = self.points[rows].astype(np.float64)
            apart -= self.centres[self.labels[rows]]
            return apart

        return self._squares(apart)

    def _assign(self, scores: _Scores, rows: Rows) -> None:
        self.labels[rows], self._leads[rows] = scores.nearest(self.points, rows, self._reach[rows])

    def _moves(self, before: Rows, rows: Rows) -> tuple[Floats | Doubles, Doubles]:
        """Return what `rows` take to their new clusters' sums and counts, and from their old ones."""
        from scipy.sparse import csr_array

        # Weights may differ by orders of magnitude: what a heavy point leaves behind must not outweigh a light one.
        weight = np.ones(len(rows), np.float32) if self.weights is None else self.weights[rows]
        place = np.arange(len(rows))
        left = np.flatnonzero(before[rows] >= 0)
        signed = np.concatenate([weight, -weight[left]])
        clusters = np.concatenate([self.labels[rows], before[rows[left]]])
        where = (clusters, np.concatenate([place, place[left]]))
        moves = csr_array((signed, where), shape=(len(self.centres), len(rows)))
        return moves @ taken(self.points, rows), moves.sum(axis=1, dtype=np.float64)

    def _squares(self, apart: Callable[[slice], Floats | Doubles]) -> Doubles:
        """Return the squared lengths of what `apart` says of all rows."""
        found = np.empty(len(self.points))

        def fill(block: slice) -> None:
            for piece in blocks(block.stop - block.start, _IN_CACHE):
                rows = slice(block.start + piece.start, block.start + piece.stop)
                ways = apart(rows)
                found[rows] = np.vecdot(ways, ways)

        list(self.pool.map(fill, blocks(len(found))))
        return found


class _Scores:
    """Says which centre is nearest: the largest x·(c - o) - ((c - o)·o + |c - o|²/2), for any origin o."""

    def __init__(self, centres: Doubles, origin: Floats) -> None:
        arms = centres - origin
        self.arms = np.ascontiguousarray(arms.T, np.float32)
        self.offsets = (arms @ origin + np.square(arms).sum(axis=1) / 2).astype(np.float32)
        self.longest = float(np.sqrt(np.square(arms).sum(axis=1).max()))
        self.origin = float(np.linalg.norm(origin))

    def nearest(self, points: Floats, rows: Rows, reach: Doubles) -> tuple[Rows, Doubles]:
        """Return the labels of `rows`, in rising order, and by how much at least the nearest centre leads.

        `reach` are their distances from the origin. |x - c|² = |x - o|² - 2 (score of c), and each of the
        sums of D products in it is off by D + 8 roundings of the largest value it can have, at most.
        """
        scores = self._of(points, rows)
        labels = scores.argmax(axis=0)
        first = scores.max(axis=0)
        scores[labels, np.arange(len(rows))] = -np.inf
        second = scores.max(axis=0)
        squares = np.square(reach)
        lost = (points.shape[1] + 8) * _ROUNDING
        lost = lost * (np.square(reach + self.longest) + 4 * self.longest * self.origin)
        nearest = np.sqrt(np.maximum(squares - 2 * first + lost, 0))
        next_nearest = np.sqrt(np.maximum(squares - 2 * second - lost, 0))
        return labels, next_nearest - nearest

    def _of(self, points: Floats, rows: Rows) -> Floats:
        """Return the scores of `rows`, float32 of shape (K, rows): along it, to compare the centres is cheap."""
        scores = np.empty((len(rows), len(self.offsets)), np.float32)
        for piece in thin_pieces(len(rows), self.arms):
            np.matmul(taken(points, rows[piece]), self.arms, out=scores[piece])
        by_centre = np.ascontiguousarray(scores.T)
        by_centre -= self.offsets[:, None]
        return by_centre
