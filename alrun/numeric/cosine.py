"""Cosine distances between many points: the nearest ones, and groups of points that are close, both exact."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from hashlib import blake2b

import numpy as np

from alrun.numeric.blocks import Doubles, Floats, Rows, blocks, squared_norms, unit_rows, workers

_QUERIES = 512  # rows whose neighbours one thread looks for at a time
_PAIRS = 4096


def nearest_distances(points: Floats, queries: Rows, among: Rows, k: int) -> Doubles:
    """Return the cosine distances, 0..2, from each of `queries` to the `k` nearest of `among`, itself excepted.

    Parameters
    ----------
    points
        float32, shape (N, D), finite. A row of zeros has distance 1 to every row but its copies.
    queries, among
        int64: rows of `points`, each at most once in `among`.
    k
        1 or above.

    Returns
    -------
    float64, shape (len(queries), k), ascending; infinite where `among` has fewer than k other rows.

    Notes
    -----
    All products are computed in float32, those that rounding could hide among the nearest again in float64, so
    that blocks, threads and the order of the rows change no bit. Rows with equal bytes are compared once.
    Time O(Q N D); memory for one copy of the points and some blocks, unless most points are almost the same.
    """
    first, number = distinct(points)
    cosine = _Cosine(points, first)
    asked = number[queries]
    copies = np.bincount(number[among], minlength=len(first))
    search = partial(_nearest, cosine, copies, np.flatnonzero(copies), k)
    numbers = np.unique(asked)
    with workers() as pool:
        found = list(pool.map(search, (numbers[block] for block in blocks(len(numbers), _QUERIES))))
    others = np.concatenate([np.full((0, k), np.inf), *found])[np.searchsorted(numbers, asked)]
    same = copies[asked] - np.isin(queries, among)  # copies of the query, other than itself, are at distance 0
    place = np.arange(k) - same[:, None]
    shifted = np.take_along_axis(others, np.maximum(place, 0), axis=1)
    return np.where(place < 0, 0.0, shifted)


def nearest_rows(points: Floats, queries: Rows, among: Rows, k: int) -> Rows:
    """Return which of `among` are the `k` nearest to each of `queries`, itself excepted, as :func:`nearest_distances`.

    Returns
    -------
    int64, shape (len(queries), k): rows of `points`, nearest first, of those equally far the lower first; -1 where
    `among` has fewer than k other rows.
    """
    first, number = distinct(points)
    cosine = _Cosine(points, first)
    copies = np.bincount(number[among], minlength=len(first))
    by_content = among[np.lexsort((among, number[among]))]
    search = partial(_nearest_rows, cosine, copies, by_content, k + 1)
    asked = number[queries]
    numbers = np.unique(asked)
    with workers() as pool:
        found = list(pool.map(search, (numbers[block] for block in blocks(len(numbers), _QUERIES))))
    rows = np.concatenate([np.full((0, k + 1), -1, np.int64), *found])[np.searchsorted(numbers, asked)]
    itself = rows == queries[:, None]
    after = np.cumsum(itself, axis=1)[:, :k] > 0  # from the place of the row itself on, the next one is taken
    return np.take_along_axis(rows, np.arange(k) + after, axis=1)


def leaders(points: Floats, within: float) -> Rows:
    """Group points: the first that is in no group yet leads the next, and takes in all later ones close to it.

    Parameters
    ----------
    points
        As for :func:`nearest_distances`, in the order in which they may lead.
    within
        A cosine distance: closer than this is close. Rows with equal bytes are in any case.

    Returns
    -------
    int64, shape (N,): the row that leads the group of each row; a row that is alone leads itself.

    Notes
    -----
    Exact as :func:`nearest_distances` is. Time O(N² D) at most: rows that are in a group are not compared again.
    """
    first, number = distinct(points)
    cosine = _Cosine(points, first)
    lead = np.full(len(first), -1, np.int64)
    with workers() as pool:
        for block in blocks(len(first), _QUERIES):
            free = np.flatnonzero(lead[block] < 0) + block.start
            i, j = _close(cosine, free, np.flatnonzero(lead[block.start :] < 0) + block.start, within, pool)
            starts, ends = np.searchsorted(i, free), np.searchsorted(i, free, side="right")
            for row, start, end in zip(free.tolist(), starts.tolist(), ends.tolist(), strict=True):
                if lead[row] < 0:
                    some = j[start:end]
                    lead[some[lead[some] < 0]] = row
                    lead[row] = row
    return first[lead[number]]


def distinct(points: Floats) -> tuple[Rows, Rows]:
    """Return the first row of each different content, ascending, and for each row the number of its content."""
    seen: dict[bytes, int] = {}
    first: list[int] = []
    number = np.empty(len(points), np.int64)
    for row, point in enumerate(points):
        number[row] = seen.setdefault(blake2b(point.tobytes(), digest_size=16).digest(), len(first))
        if number[row] == len(first):
            first.append(row)
    return np.array(first, np.int64), number


class _Cosine:
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


def _nearest(cosine: _Cosine, copies: Rows, among: Rows, k: int, queries: Rows) -> Doubles:
    """Return the distances of `queries` to the nearest of `among`, copies counted, itself and its copies excepted."""
    rows, others = _candidates(cosine, among, k, queries)
    return _first(rows, cosine.exact(queries[rows], others), np.minimum(copies[others], k), len(queries), k)


def _nearest_rows(cosine: _Cosine, copies: Rows, by_content: Rows, k: int, queries: Rows) -> Rows:
    """Return the k nearest rows to each of `queries`, itself and its copies among them; -1 where there are fewer.

    `by_content` holds the rows to look among, those of each content together and ascending.
    """
    rows, others = _candidates(cosine, np.flatnonzero(copies), k, queries)
    distances = cosine.exact(queries[rows], others)
    there = np.flatnonzero(copies[queries])
    rows, others = np.concatenate([rows, there]), np.concatenate([others, queries[there]])
    distances = np.concatenate([distances, np.zeros(len(there))])
    counts = np.minimum(copies[others], k)
    starts = np.cumsum(copies) - copies
    at = np.repeat(starts[others], counts) + np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    rows, distances, members = np.repeat(rows, counts), np.repeat(distances, counts), by_content[at]
    order = np.lexsort((members, distances, rows))
    found = np.full((len(queries), k), -1, np.int64)
    sizes = np.bincount(rows, minlength=len(queries))
    place = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    keep = place < k
    found[rows[order][keep], place[keep]] = members[order][keep]
    return found


def _candidates(cosine: _Cosine, among: Rows, k: int, queries: Rows) -> tuple[Rows, Rows]:
    """Return pairs (place among the queries, content of `among`): all that may be one of the k nearest, not itself."""
    floor = np.full(len(queries), -np.inf, np.float32)
    rows, others = np.zeros(0, np.int64), np.zeros(0, np.int64)
    similar = np.zeros(0, np.float32)
    pruned = 0
    for block in blocks(len(among)):
        tile = cosine.units[queries] @ cosine.units[among[block]].T
        itself = np.flatnonzero((queries >= among[block.start]) & (queries <= among[block.stop - 1]))
        at = np.searchsorted(among[block], queries[itself])
        there = among[block][at] == queries[itself]
        tile[itself[there], at[there]] = -np.inf
        if not len(rows) and k < tile.shape[1]:
            floor = np.partition(tile, -k, axis=1)[:, -k] - 2 * cosine.slack
        i, j = np.nonzero(tile >= floor[:, None])
        rows, others = np.concatenate([rows, i]), np.concatenate([others, among[block][j]])
        similar = np.concatenate([similar, tile[i, j]])
        if len(rows) > 2 * pruned + k * len(queries):
            floor = np.maximum(floor, _kth(rows, similar, len(queries), k) - 2 * cosine.slack)
            keep = similar >= floor[rows]
            rows, others, similar = rows[keep], others[keep], similar[keep]
            pruned = len(rows)
    keep = (similar >= _kth(rows, similar, len(queries), k)[rows] - 2 * cosine.slack) & (similar > -np.inf)
    return rows[keep], others[keep]


def _kth(rows: Rows, similar: Floats, size: int, k: int) -> Floats:
    """Return the k-th largest similarity of each row; minus infinity where there are fewer."""
    order = np.lexsort((-similar, rows))
    counts = np.bincount(rows, minlength=size)
    found = np.full(size, -np.inf, np.float32)
    enough = counts >= k
    found[enough] = similar[order][(np.cumsum(counts) - counts + k - 1)[enough]]
    return found


def _first(rows: Rows, distances: Doubles, copies: Rows, size: int, k: int) -> Doubles:
    """Return the k least distances of each row, each as often as there are copies."""
    rows, distances = np.repeat(rows, copies), np.repeat(distances, copies)
    order = np.lexsort((distances, rows))
    rows, distances = rows[order], distances[order]
    counts = np.bincount(rows, minlength=size)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    found = np.full((size, k), np.inf)
    keep = place < k
    found[rows[keep], place[keep]] = distances[keep]
    return found


def _close(cosine: _Cosine, rows: Rows, others: Rows, within: float, pool: Executor) -> tuple[Rows, Rows]:
    """Return all pairs that are closer than `within`, by row, of which the first comes before the second."""

    def find(block: slice) -> tuple[Rows, Rows]:
        tile = cosine.units[rows] @ cosine.units[others[block]].T
        i, j = np.nonzero(tile > 1 - within - cosine.slack)
        unsure = np.flatnonzero(tile[i, j] <= 1 - within + cosine.slack)
        i, j = rows[i], others[block][j]
        keep = i < j
        keep[unsure] &= cosine.exact(i[unsure], j[unsure]) < within
        return i[keep], j[keep]

    parts = list(pool.map(find, blocks(len(others))))
    i, j = (np.concatenate([np.zeros(0, np.int64), *(part[side] for part in parts)]) for side in (0, 1))
    order = np.argsort(i, kind="stable")
    return i[order], j[order]
