"""Greedy coverage: pick the rows that leave every row similar to one of the picks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

import numpy as np

from alrun.numeric.blocks import EQUAL, Doubles, Floats, Rows, blocks, first_largest, workers
from alrun.progress import track

Similarity = Callable[[Doubles, Doubles], Doubles]
"""Returns the similarities, float64 of shape (n, m), of two sets of points; symmetric."""

_BATCH = 256  # rows that are evaluated together
TABLE = 10_000
"""Rows up to which all similarities are kept (800 MB)."""
_ZERO = 1e-13  # a mean gain that is this small is rounding


def greedy_coverage(points: Floats, given: Floats, similarity: Similarity, budget: int) -> tuple[Rows, Doubles]:
    """Pick `budget` rows, at most N, each the one that adds most to the sum over x of max(0, similarity to a pick).

    Parameters
    ----------
    points, given
        float32, shapes (N, D), N >= 1, and (L, D). Rows of `given` count as picked already.
    similarity
        Of two points; below 0 counts as 0.
    budget
        1..N.

    Returns
    -------
    The rows in the order of the picks, and what each added to the sum at that time divided by N, float64. The lower row
    of rows whose gains are equal to within 1e-9 of the larger.

    Notes
    -----
    A gain never grows (the sum is submodular), so that an outdated one is an upper bound: rows are evaluated again,
    8 to 256 at a time, only while an outdated gain is above the best known one. Everything is float64. Time O(N² D)
    for the first gains and O(256 N D) for each further batch, one or a few a pick; memory O(N) and blocks, and
    800 MB for all similarities where N is at most 10,000.
    """
    with workers() as pool:
        cover = _Cover(points, similarity, pool)
        cover.add(given)
        parts = track(blocks(len(points), _BATCH), "what each would cover")
        gains = np.concatenate([cover.gains(np.arange(b.start, b.stop)) for b in parts])
        rows: list[int] = []
        scores: list[float] = []
        for _ in track(range(budget), "covering the pool"):
            row = _best(cover, gains, fresh=not rows)
            rows.append(row)
            scores.append(float(gains[row]))
            gains[row] = -np.inf
            cover.add(points[[row]])
    return np.array(rows, np.int64), np.array(scores) / len(points)


def _best(cover: _Cover, gains: Doubles, *, fresh: bool) -> int:
    """Return the row with the largest gain, after bringing up to date what could be it."""
    if gains.max() <= 0:
        return int(gains.argmax())
    current = np.full(len(gains), fresh)
    batch = 8  # most often the next few bounds decide
    while True:
        stale = np.where(current, -np.inf, gains)
        best = max(float(gains[current].max(initial=-np.inf)), 0.0)
        if stale.max() < best * (1 - EQUAL) or stale.max() == -np.inf:
            return int(np.flatnonzero(current)[first_largest(gains[current])])
        top = np.argpartition(-stale, min(batch, len(stale) - 1))[:batch]
        top = np.sort(top[stale[top] > -np.inf])
        gains[top] = np.minimum(gains[top], cover.gains(top))
        current[top] = True
        batch = min(2 * batch, _BATCH)


class _Cover:
    """The similarity of each row to what was picked."""

    def __init__(self, points: Floats, similarity: Similarity, pool: Executor) -> None:
        self.points, self.similarity, self.pool = points, similarity, pool
        self.covered = np.zeros(len(points))
        self.table: Doubles | None = None
        if len(points) <= TABLE:
            self.table = np.empty((len(points), len(points)))
            list(pool.map(partial(self._tabulate, self.table), blocks(len(points))))

    def add(self, picked: Floats) -> None:
        for part in blocks(len(picked), _BATCH):
            cover = partial(self._cover, _doubles(picked[part]))
            list(self.pool.map(cover, blocks(len(self.points))))

    def gains(self, rows: Rows) -> Doubles:
        """Return what each of `rows` would add to the sum of the similarities."""
        if self.table is not None:
            parts = self.pool.map(self._table_gains, (rows[b] for b in blocks(len(rows), 8)))
            gains = np.concatenate(list(parts))
        else:
            parts = self.pool.map(partial(self._gains, _doubles(self.points[rows])), blocks(len(self.points)))
            gains = np.sum(list(parts), axis=0)
        gains[gains <= _ZERO * len(self.points)] = 0
        return gains

    def _tabulate(self, table: Doubles, block: slice) -> None:
        points = _doubles(self.points[block])
        for other in blocks(len(self.points)):
            table[block, other] = self.similarity(points, _doubles(self.points[other]))

    def _cover(self, picked: Doubles, block: slice) -> None:
        similar = self.similarity(_doubles(self.points[block]), picked).max(axis=1)
        np.maximum(self.covered[block], similar, out=self.covered[block])

    def _gains(self, picked: Doubles, block: slice) -> Doubles:
        more = self.similarity(_doubles(self.points[block]), picked)
        more -= self.covered[block, None]
        np.maximum(more, 0, out=more)
        gains: Doubles = more.sum(axis=0)
        return gains

    def _table_gains(self, rows: Rows) -> Doubles:
        assert self.table is not None
        more, gains = np.empty(len(self.covered)), np.empty(len(rows))
        for place, row in enumerate(rows):
            np.subtract(self.table[row], self.covered, out=more)
            gains[place] = np.maximum(more, 0, out=more).sum()
        return gains


def _doubles(points: Floats) -> Doubles:
    return points.astype(np.float64)
