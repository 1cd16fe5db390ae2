"""Which points lie within a radius of which, without ever holding all distances."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from alrun.errors import DataError
from alrun.numeric.blocks import Doubles, Floats, Rows, blocks, pair_products, squared_norms, workers
from alrun.numeric.screen import Screen, screen
from alrun.progress import track

MOST_PAIRS = 250_000_000
_PAIRS = 4096


@dataclass(frozen=True)
class Graph:
    """The neighbours of each point, itself among them: those of point i are `indices[starts[i]:starts[i + 1]]`."""

    starts: Rows
    indices: npt.NDArray[np.int32]

    def neighbours(self, rows: Rows) -> npt.NDArray[np.int32]:
        """Return the neighbours of `rows`, one point's after the other's."""
        return np.concatenate([self.indices[self.starts[row] : self.starts[row + 1]] for row in rows])


def ball_graph(points: Floats, radius: float) -> Graph:
    """Join all points whose Euclidean distance is less than `radius`.

    Half of all distances are computed. For large sets, where torch is installed and the processor has fast products of
    8-bit numbers, those tell most pairs apart (`alrun.numeric.screen`); what is left, or all, is computed in float32,
    and what is as close to `radius` as float32's rounding can reach once more in float64, so that none of this, nor
    blocks and threads, changes an edge. Time O(N² D); memory 40 bytes a joined pair, and a byte a number of `points`.

    Raises
    ------
    DataError
        If more than 250 million pairs are joined.
    """
    from scipy.sparse import coo_array

    with screen(points, radius) as rough, workers() as pool:
        left, right = _pairs(_Near(points, points, radius, rough), len(points), pool)
    itself = np.arange(len(points), dtype=np.int32)
    ends = np.concatenate([left, right, itself]), np.concatenate([right, left, itself])
    joined = coo_array((np.ones(len(ends[0]), np.bool_), ends), (len(points), len(points))).tocsr()
    return Graph(joined.indptr.astype(np.int64), joined.indices)


def within(points: Floats, others: Floats, radius: float) -> npt.NDArray[np.bool_]:
    """Return whether each of `points` has one of `others` closer than `radius`, as in :func:`ball_graph`."""
    near = _Near(points, others, radius)
    found = np.zeros(len(points), np.bool_)
    for block in blocks(len(points)):
        for other in blocks(len(others)):
            found[block.start + near.pairs(block, other)[0]] = True
    return found


def _pairs(near: _Near, size: int, pool: Executor) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return all pairs i < j that are joined."""
    left, right, found = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)], 0
    for block in track(blocks(size), "finding what is close"):
        others = [other for other in blocks(size) if other.start >= block.start]
        for other, (i, j) in zip(others, pool.map(partial(near.pairs, block), others), strict=True):
            i, j = i + block.start, j + other.start  # noqa: PLW2901
            keep = i < j
            left.append(i[keep].astype(np.int32))
            right.append(j[keep].astype(np.int32))
            found += len(left[-1])
        if found > MOST_PAIRS:
            raise DataError(
                f"more than {MOST_PAIRS:,} pairs of images are closer than {near.radius:g} to each other: the radius "
                "is too large for these embeddings, or most images are the same; choose a smaller one"
            )
    return np.concatenate(left), np.concatenate(right)


class _Near:
    """Finds pairs of points that are closer than a radius."""

    def __init__(self, points: Floats, others: Floats, radius: float, rough: Screen | None = None) -> None:
        self.points, self.others, self.radius, self.rough = points, others, radius, rough
        norms, other_norms = squared_norms(points), squared_norms(others)
        reach = max(norms.max(initial=0), other_norms.max(initial=0))
        # As in `alrun.numeric.kcenter`: float32 is never further off.
        self.slack = float((points.shape[1] + 16) * (4 * reach * 2.0**-24 + 2.0**-120))
        self.norms, self.other_norms = norms.astype(np.float32), other_norms.astype(np.float32)

    def pairs(self, block: slice, other: slice) -> tuple[Rows, Rows]:
        """Return the rows within the blocks of all pairs that are closer."""
        points, others = self.points[block], self.others[other]
        found = None if self.rough is None else self.rough.few_pairs(block, other)
        if found is None:
            i, j, products = self._likely(block, other)
        else:
            i, j = found
            products = pair_products(points, i, others, j)
        squares = self.norms[block][i] + self.other_norms[other][j] - 2 * products
        limit = self.radius**2
        close = squares <= limit + self.slack
        i, j, squares = i[close], j[close], squares[close]
        unsure = np.flatnonzero(squares >= limit - self.slack)
        keep = np.ones(len(i), np.bool_)
        for some in blocks(len(unsure), _PAIRS):
            at = unsure[some]
            keep[at] = _distances(points[i[at]], others[j[at]]) < self.radius
        return i[keep], j[keep]

    def _likely(self, block: slice, other: slice) -> tuple[Rows, Rows, Floats]:
        """Return all pairs that may be closer, and more, with their products."""
        products = self.points[block] @ self.others[other].T
        # Rows of about the same length, such as unit vectors, are nearly all told apart by the product alone.
        shortest = float(self.norms[block].min()) + float(self.other_norms[other].min())
        flat = np.flatnonzero(products >= (shortest - self.radius**2 - self.slack) / 2)
        i, j = np.divmod(flat, products.shape[1])
        return i, j, products.ravel()[flat]


def _distances(points: Floats, others: Floats) -> Doubles:
    distances: Doubles = np.sqrt(np.square(points.astype(np.float64) - others).sum(axis=1))
    return distances


def foreign_distances(points: Floats, labels: Rows, rows: Rows) -> Doubles:
    """Return the distance of each of `rows` to the nearest point of another label, float64; infinite if none has.

    Time O(rows * N * D), in float64.
    """
    centres, norms = points[rows].astype(np.float64), squared_norms(points)

    def nearest(block: slice) -> Doubles:
        squares = norms[rows][:, None] + norms[block] - 2 * (centres @ points[block].T.astype(np.float64))
        squares[labels[rows][:, None] == labels[block]] = np.inf
        least: Doubles = squares.min(axis=1)
        return least

    with workers() as pool:
        least = np.min(list(pool.map(nearest, blocks(len(points)))), axis=0)
    distances: Doubles = np.sqrt(np.maximum(least, 0))
    return distances
