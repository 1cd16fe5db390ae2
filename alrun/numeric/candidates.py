"""Which rows may be the nearest of which by cosine: told by fast products, so that few are left to compute exactly."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Executor
from functools import partial

import numpy as np

from alrun.numeric.blocks import Doubles, Floats, Rows, blocks, pair_products, squared_norms, unit_rows
from alrun.numeric.screen import Screen, screen

_MANY = 8192  # rows for which it pays to look at them once before
_WINDOW = 512  # similar rows that are all compared with each other at first
_PIVOTS = 256  # rows around which similar ones are put together
_TILE = 1024
_PAIRS = 512
_HELD = 64  # pairs a row that may wait, beside a few times k


class Cosine:
    """Distances between some rows of points, numbered from 0: all of them fast, single ones exactly."""

    def __init__(self, points: Floats, rows: Rows) -> None:
        self.points, self.rows = points, rows
        self.units = np.empty((len(rows), points.shape[1]), np.float32)
        self.lengths = np.empty(len(rows))
        for block in blocks(len(rows)):
            part = points[rows[block]]
            self.units[block] = unit_rows(part)
            self.lengths[block] = np.sqrt(squared_norms(part))
        # The products of unit rows in float32 are never further off, in whichever order they are summed.
        self.slack = np.float32((points.shape[1] + 16) * 2.0**-24)

    def exact(self, i: Rows, j: Rows) -> Doubles:
        """Return the distance of each pair, float64."""
        found = [np.zeros(0)]
        for some in blocks(len(i), _PAIRS):
            products = self.points[self.rows[i[some]]].astype(np.float64) * self.points[self.rows[j[some]]]
            lengths = self.lengths[i[some]] * self.lengths[j[some]]
            found.append(1 - products.sum(axis=1) / np.where(lengths > 0, lengths, 1))
        return np.clip(np.concatenate(found), 0, 2)


class Candidates:
    """Pairs (place among some queries, other row) that may be one of the k nearest, out of those seen so far."""

    def __init__(self, k: int, slack: np.float32, floor: Floats) -> None:
        """Start from `floor`: the similarity that the k-th nearest of each query has at least, as float32 tells it."""
        self.k, self.slack, self.floor = k, slack, floor
        self._parts = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))]
        self.held, self._pruned = 0, 0

    def add(self, places: Rows, others: Rows, similar: Floats) -> None:
        """Take in pairs that were not seen before, with their similarity in float32."""
        keep = similar >= self.floor[places]
        self._parts.append((places[keep], others[keep], similar[keep]))
        self.held += int(np.count_nonzero(keep))
        if self.held > 2 * self._pruned + self.k * len(self.floor):
            self.pairs()

    def pairs(self) -> tuple[Rows, Rows]:
        """Return those pairs, fewer the more were seen."""
        places, others, similar = (np.concatenate(arrays) for arrays in zip(*self._parts, strict=True))
        self.floor = np.maximum(self.floor, _kth(places, similar, len(self.floor), self.k) - 2 * self.slack)
        keep = similar >= self.floor[places]
        self._parts = [(places[keep], others[keep], similar[keep])]
        self.held = self._pruned = int(np.count_nonzero(keep))
        return self._parts[0][:2]


def search(cosine: Cosine, among: Rows, k: int, queries: Rows) -> Candidates:
    """Compare each of `queries` with all of `among`, ascending, but itself."""
    found = Candidates(k, cosine.slack, np.full(len(queries), np.finfo(np.float32).min))
    for block in blocks(len(among)):
        tile = cosine.units[queries] @ cosine.units[among[block]].T
        itself = np.flatnonzero((queries >= among[block.start]) & (queries <= among[block.stop - 1]))
        at = np.searchsorted(among[block], queries[itself])
        there = among[block][at] == queries[itself]
        tile[itself[there], at[there]] = -np.inf
        if block.start == 0 and k < tile.shape[1]:
            found.floor = np.partition(tile, -k, axis=1)[:, -k] - 2 * cosine.slack
        i, j, similar = _at_least(tile, found.floor)
        found.add(i, among[block][j], similar)
    return found


def pays(size: int, k: int) -> bool:
    """Return whether :func:`floors` and :func:`mutual` can find the k nearest of all rows, and before `search` does."""
    return size >= _MANY and k < min(size, _WINDOW)


def floors(cosine: Cosine, k: int, pool: Executor) -> Floats:
    """Return a similarity that the k-th nearest of each row has at least, as float32 tells it; mostly not far below.

    Rows are put in the order of the pivots they are nearest to, and compared within windows of it; twice, as what is
    at the border of a cell once is in the middle of another one then.
    """
    units = cosine.units
    floor = np.full(len(units), -np.inf, np.float32)

    def raise_floor(rows: Rows) -> None:
        tile = units[rows] @ units[rows].T
        np.fill_diagonal(tile, -np.inf)
        floor[rows] = np.maximum(floor[rows], np.partition(tile, -k, axis=1)[:, -k] - 2 * cosine.slack)

    step = -(-len(units) // _PIVOTS)
    for start in (0, step // 2):
        pivots = units[start::step]
        cells = list(pool.map(lambda block, at=pivots: (units[block] @ at.T).argmax(axis=1), blocks(len(units))))
        order = np.argsort(np.concatenate(cells), kind="stable")
        list(pool.map(raise_floor, np.array_split(order, max(1, len(units) // _WINDOW))))
    return floor


def mutual(cosine: Cosine, floor: Floats, k: int, pool: Executor) -> Iterator[tuple[Rows, Candidates | None]]:
    """Compare all rows with each other, each pair once for both, and yield block after block of them, ascending.

    `floor`, as of :func:`floors`, must not descend: of two rows the first then reaches at least as far as the second,
    so that one threshold a row finds what matters to either. Where most points are almost the same, too many pairs
    would have to wait for their second row: the rows that are left then have None, and are for :func:`search`.
    """
    parts = blocks(len(floor), _TILE)
    waiting = deque(Candidates(k, cosine.slack, floor[part]) for part in parts)
    # |u - v|² = |u|² + |v|² - 2 u v, and float32 makes no unit row longer than 1 + slack / 2.
    radii = np.sqrt(np.maximum(0, 2 - 2 * floor.astype(np.float64) + 4 * float(cosine.slack)))
    with screen(cosine.units, radii) as rough:

        def compare(others: list[slice]) -> None:
            """Compare the first of the blocks with itself and the others; let go of all if too much waits."""
            block = others[0]
            tiles = pool.map(partial(_similar, cosine.units, floor, rough, block), others)
            for other, theirs, (i, j, similar) in zip(others, waiting, tiles, strict=True):
                waiting[0].add(i, j + other.start, similar)
                theirs.add(j, i + block.start, similar)
                if sum(found.held for found in waiting) > (4 * k + _HELD) * len(floor):
                    waiting.clear()
                    return

        for at, block in enumerate(parts):
            if waiting:
                compare(parts[at:])
            yield np.arange(block.start, block.stop), waiting.popleft() if waiting else None


def _similar(
    units: Floats, floor: Floats, rough: Screen | None, block: slice, other: slice
) -> tuple[Rows, Rows, Floats]:
    """Return the rows within the blocks of all pairs i < j as similar as the floor of i, and how similar they are."""
    left, right, least = units[block], units[other], floor[block]
    found = None if rough is None else rough.few_pairs(block, other)
    if found is None:
        i, j, similar = _at_least(left @ right.T, least)
    else:
        i, j = found
        similar = pair_products(left, i, right, j)
    keep = (similar >= least[i]) & (i + block.start < j + other.start)
    return i[keep], j[keep], similar[keep]


def _at_least(tile: Floats, floor: Floats) -> tuple[Rows, Rows, Floats]:
    """Return where the tile is not below the floor of its row, and what stands there."""
    likely = np.flatnonzero(tile.max(axis=1) >= floor)  # one look at a row is faster than one at each of its numbers
    i, j = np.nonzero(tile[likely] >= floor[likely, None])
    return likely[i], j, tile[likely[i], j]


def _kth(rows: Rows, similar: Floats, size: int, k: int) -> Floats:
    """Return the k-th largest similarity of each row; minus infinity where there are fewer."""
    order = np.lexsort((-similar, rows))
    counts = np.bincount(rows, minlength=size)
    found = np.full(size, -np.inf, np.float32)
    enough = counts >= k
    found[enough] = similar[order][(np.cumsum(counts) - counts + k - 1)[enough]]
    return found
