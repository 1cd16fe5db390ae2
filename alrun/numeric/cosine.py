"""Cosine distances between many points: the nearest ones, and groups of points that are close, both exact."""

from __future__ import annotations

from concurrent.futures import Executor
from functools import partial
from hashlib import blake2b

import numpy as np

from alrun.numeric.blocks import Doubles, Floats, Rows, blocks, workers
from alrun.numeric.candidates import Candidates, Cosine, floors, mutual, pays, search

_QUERIES = 512  # rows whose neighbours one thread looks for at a time


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
    Fast products tell which rows may be among the nearest: of float32, or, where most of 8,192 rows and more are
    compared with each other, torch is installed and the processor has them, first of 8-bit whole numbers
    (`alrun.numeric.screen`). All that rounding could hide is computed again in float64, so that neither these ways
    nor blocks, threads and the order of the rows change a bit. Rows with equal bytes are compared once.
    Time O(Q N D), half of it where all are compared with each other; memory for one copy of the points, a byte a
    number, some blocks and at most (4 k + 64) pairs of 20 bytes a row, unless most points are almost the same. For
    100,000 x 512 numbers and k = 1, where these take 205 MB, the peak was 276 MB above them.
    """
    first, number = distinct(points)
    contents = number[queries]
    copies = np.bincount(number[among], minlength=len(first))
    asked = np.unique(contents)
    with workers() as pool:
        if pays(len(first), k) and copies.all() and len(first) < 2 * len(asked):
            others = _nearest_of_all(points, first, copies, k, pool)[contents]
        else:
            nearest = partial(_nearest, Cosine(points, first), copies, k)
            found = pool.map(nearest, (asked[block] for block in blocks(len(asked), _QUERIES)))
            others = np.concatenate([np.full((0, k), np.inf), *found])[np.searchsorted(asked, contents)]
    same = copies[contents] - np.isin(queries, among)  # copies of the query, other than itself, are at distance 0
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
    cosine = Cosine(points, first)
    copies = np.bincount(number[among], minlength=len(first))
    by_content = among[np.lexsort((among, number[among]))]
    nearest = partial(_nearest_rows, cosine, copies, by_content, k + 1)
    asked = number[queries]
    numbers = np.unique(asked)
    with workers() as pool:
        found = list(pool.map(nearest, (numbers[block] for block in blocks(len(numbers), _QUERIES))))
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
    cosine = Cosine(points, first)
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


def _nearest_of_all(points: Floats, first: Rows, copies: Rows, k: int, pool: Executor) -> Doubles:
    """Return the distances of each of the rows `first` to the k nearest others of them, copies counted."""
    floor = floors(Cosine(points, first), k, pool)
    order = np.argsort(floor, kind="stable")  # who has to look furthest comes first
    cosine = Cosine(points, first[order])
    nearest = partial(_nearest, cosine, copies[order], k)
    found = list(pool.map(lambda search: nearest(*search), mutual(cosine, floor[order], k, pool)))
    return np.concatenate(found)[np.argsort(order)]


def _nearest(cosine: Cosine, copies: Rows, k: int, queries: Rows, found: Candidates | None = None) -> Doubles:
    """Return the distances of `queries` to the k nearest with copies, each counted; itself and its own excepted."""
    found = found or search(cosine, np.flatnonzero(copies), k, queries)
    rows, others = found.pairs()
    return _first(rows, cosine.exact(queries[rows], others), np.minimum(copies[others], k), len(queries), k)


def _nearest_rows(cosine: Cosine, copies: Rows, by_content: Rows, k: int, queries: Rows) -> Rows:
    """Return the k nearest rows to each of `queries`, itself and its copies among them; -1 where there are fewer.

    `by_content` holds the rows to look among, those of each content together and ascending.
    """
    rows, others = search(cosine, np.flatnonzero(copies), k, queries).pairs()
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


def _close(cosine: Cosine, rows: Rows, others: Rows, within: float, pool: Executor) -> tuple[Rows, Rows]:
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
