"""Greedy coverage: pick the rows that leave every row similar to one of the picks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

import numpy as np
import numpy.typing as npt

from alrun.numeric.blocks import EQUAL, Doubles, Floats, Rows, blocks, first_largest, workers
from alrun.progress import track

Similarity = Callable[[Doubles, Doubles], Doubles]
"""Returns the similarities, float64 of shape (n, m), of two sets of points; symmetric, at most 1 but for rounding."""

TABLE = 50_000
"""Rows up to which all similarities are kept, in 16 bits each (5 GB)."""
_UNITS = 65_535  # of a similarity of 1 in the table
_PAIRS = 512  # rows of a block of pairs
_BATCH = 256  # rows that are evaluated together
_FEW = 64  # rows of the table that are read together: they stay in the cache
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
    in float64, only while their bound is above the best known gain. Up to 50,000 rows all similarities are kept,
    rounded down to 16 bits; from them each pick lowers all bounds by what it surely took, and they tell which rows a
    gain need not look at. Neither changes a pick.

    Time O(N² D) for the first gains. With the table, then O(N² log(budget)) operations on whole numbers, as a rule,
    and memory 2 N² bytes (200 MB for 10,000 rows, 5 GB for 50,000); without, O(256 N D) for each batch of gains, one
    or a few a pick, and memory O(N) and blocks.
    """
    with workers() as pool:
        cover = _Cover(points, similarity, pool)
        cover.give(given)
        gains = cover.first_gains()
        rows: list[int] = []
        scores: list[float] = []
        for _ in track(range(budget), "covering the pool"):
            row = _best(cover, gains, fresh=not rows)
            rows.append(row)
            scores.append(float(gains[row]))
            cover.pick(row, gains)
            gains[row] = -np.inf
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
        self.table = _Table(len(points), pool) if len(points) <= TABLE else None

    def give(self, points: Floats) -> None:
        """Count `points` as picked."""
        for part in blocks(len(points), _BATCH):
            self._raise(_doubles(points[part]), np.arange(len(self.points)))

    def pick(self, row: int, gains: Doubles) -> None:
        """Cover what `row` does, and take from the bounds `gains` what they surely lose by that."""
        reached = self._reached(np.array([row]))
        before = self.covered[reached]
        self._raise(_doubles(self.points[[row]]), reached)
        if self.table is not None:
            lost = self.table.lost(reached, before, self.covered[reached])
            np.maximum(gains - lost, np.minimum(gains, 0), out=gains)  # none below 0 but those of the picks

    def first_gains(self) -> Doubles:
        """Return what each row would add; fills the table."""
        gains = np.zeros(len(self.points))
        parts = blocks(len(self.points), _PAIRS)
        for place, block in enumerate(track(parts, "what each would cover")):
            for more in self.pool.map(partial(self._pairs, gains, block), parts[place:]):
                gains[block] += more
        return self._without_rounding(gains)

    def gains(self, rows: Rows) -> Doubles:
        """Return what each of `rows` would add."""
        reached = self._reached(rows)
        more = partial(self._gains, _doubles(self.points[rows]))
        parts = self.pool.map(more, (reached[block] for block in blocks(len(reached))))
        return self._without_rounding(sum(parts, np.zeros(len(rows))))

    def _raise(self, picked: Doubles, rows: Rows) -> None:
        def cover(block: slice) -> None:
            similar = self.similarity(_doubles(self.points[rows[block]]), picked).max(axis=1)
            self.covered[rows[block]] = np.maximum(self.covered[rows[block]], similar)

        list(self.pool.map(cover, blocks(len(rows))))

    def _pairs(self, gains: Doubles, block: slice, other: slice) -> Doubles:
        """Add to the gains of `other` what it covers of `block`, and return what `block` covers of `other`."""
        similar = self.similarity(_doubles(self.points[block]), _doubles(self.points[other]))
        if self.table is not None:
            self.table.keep(block, other, similar)
        if block != other:
            gains[other] += _more(similar, self.covered[block, None]).sum(axis=0)
        covers: Doubles = _more(similar, self.covered[other]).sum(axis=1)
        return covers

    def _gains(self, picked: Doubles, rows: Rows) -> Doubles:
        similar = self.similarity(_doubles(self.points[rows]), picked)
        gains: Doubles = _more(similar, self.covered[rows, None]).sum(axis=0)
        return gains

    def _reached(self, rows: Rows) -> Rows:
        """Return the rows that one of `rows` may be more similar to than they are covered, and others."""
        return np.arange(len(self.points)) if self.table is None else self.table.reached(rows, self.covered)

    def _without_rounding(self, gains: Doubles) -> Doubles:
        gains[gains <= _ZERO * len(self.points)] = 0
        return gains


class _Table:
    """All similarities, as whole numbers of 16 bits: S, at most 1, as floor(65,535 S).

    What a row loses as x is covered by b in place of a < b is min(S, b) - a, where S is more than a. That is never less
    than the same of whole numbers with S and b rounded down and a rounded up, and sums of those know no rounding.
    """

    def __init__(self, size: int, pool: Executor) -> None:
        self.units, self.pool = np.empty((size, size), np.uint16), pool

    def keep(self, block: slice, other: slice, similar: Doubles) -> None:
        """Take the similarities of two blocks of rows, both ways."""
        self.units[block, other] = units = _units(similar)
        self.units[other, block] = units.T

    def reached(self, rows: Rows, covered: Doubles) -> Rows:
        """Return the rows that one of `rows` may be more similar to than `covered`, and a few others."""
        return np.flatnonzero((self.units[rows] >= _units(covered)).any(axis=0))

    def lost(self, rows: Rows, before: Doubles, after: Doubles) -> Doubles:
        """Return what each row surely loses as `rows` are covered by `after` in place of `before`."""
        least, most = _units(before, np.ceil), _units(after)
        kept = most > least
        rows, least, most = rows[kept], least[kept, None], most[kept, None]
        lost = np.zeros(len(self.units))

        def add(block: slice) -> None:
            for some in blocks(len(rows), _FEW):
                part = self.units[rows[some], block]
                np.minimum(np.maximum(part, least[some], out=part), most[some], out=part)
                lost[block] += part.sum(axis=0, dtype=np.uint32)

        list(self.pool.map(add, blocks(len(lost))))
        lost -= least.sum(dtype=np.int64)
        lost *= (1 - EQUAL) / _UNITS  # far more is left than float64's rounding can take
        return lost


def _more(similar: Doubles, covered: Doubles) -> Doubles:
    more = similar - covered
    return np.maximum(more, 0, out=more)


def _units(similar: Doubles, whole: Callable[[Doubles], Doubles] = np.floor) -> npt.NDArray[np.uint16]:
    units = np.clip(similar, 0, 1)
    units *= _UNITS
    return whole(units).astype(np.uint16)


def _doubles(points: Floats) -> Doubles:
    return points.astype(np.float64)
