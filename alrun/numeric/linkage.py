"""Average linkage of cosine distances: the hierarchy of clusters, without a matrix of all distances."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alrun.numeric.blocks import ROWS, Doubles, Floats, Rows, blocks, unit_rows, workers
from alrun.numeric.cosine import distinct
from alrun.progress import gauge

_QUERIES = 512  # clusters whose nearest one thread looks for at a time
_PAIRS = 4096


@dataclass(frozen=True)
class Linkage:
    """How N points were joined; a cluster is named by its lowest row.

    Attributes
    ----------
    pairs
        int64, shape (M, 2): two clusters that were joined, the lower one first.
    heights
        float64, shape (M,): their mean cosine distance, 0..2. Not in any order.
    size
        N.
    """

    pairs: Rows
    heights: Doubles
    size: int

    def clusters(self, count: int) -> Rows:
        """Return the cluster of each point, int64 of shape (N,), after the closest were joined until `count` are left.

        More are left if the linkage ended before, and fewer if more points are the same; equal heights are joined in
        the order of their clusters.
        """
        order = np.lexsort((self.pairs[:, 1], self.pairs[:, 0], self.heights))
        joins = max(self.size - count, int(np.count_nonzero(self.heights == 0)))
        root = np.arange(self.size)
        for low, high in self.pairs[order[:joins]].tolist():
            a, b = _root(root, low), _root(root, high)
            root[max(a, b)] = min(a, b)
        while not np.array_equal(root, root[root]):
            root = root[root]
        return root


def average_linkage(points: Floats, within: float = np.inf) -> Linkage:
    """Join the two clusters with the least mean distance of their members again and again (UPGMA).

    Parameters
    ----------
    points
        float32, shape (N, D), finite. A row of zeros has distance 1 to every row but its copies.
    within
        Clusters further apart than this stay apart: saves the time to join them.

    Returns
    -------
    Exactly the hierarchy of the textbook algorithm, but for pairs whose distances tie in float64.

    Notes
    -----
    The mean distance of two clusters is 1 - <a, b>, where a and b are the means of their unit vectors, so that a
    cluster is one vector, however many members it has. No cluster comes closer to a third one by being joined (the
    linkage is reducible), so that all pairs that are each other's nearest are joined at once, and only clusters
    whose nearest one was joined look for another. Products are float32; what rounding could hide among the nearest is
    computed again in float64. Time O(N² D), about three times all pairs; memory 12 bytes a number of `points`, and
    blocks.
    """
    first, number = distinct(points)
    join = _Join(unit_rows(points[first]), first, np.bincount(number, minlength=len(first)))
    copies = np.setdiff1d(np.arange(len(points)), first)
    pairs = [np.stack([first[number[copies]], copies], axis=1)]
    heights = [np.zeros(len(copies))]
    with workers() as pool, gauge("joining clusters", len(first)) as show:
        while len(join.names) > 1:
            show(len(first) - len(join.names))
            join.find_nearest(pool)
            join.drop_further(within)
            low, high = join.mutual()
            if len(low) == 0 and len(join.names) > 1:
                join.nearest[:] = -1  # ties and rounding: everyone looks again, by the same rule
                continue
            pairs.append(np.stack([join.names[low], join.names[high]], axis=1))
            heights.append(np.clip(1 - join.similar[low], 0, 2))
            join.merge(low, high)
    return Linkage(np.concatenate(pairs).astype(np.int64), np.concatenate(heights), len(points))


class _Join:
    """The clusters that are left, by their lowest rows; `nearest` is a place among them, -1 where it is not known."""

    def __init__(self, units: Floats, names: Rows, sizes: Rows) -> None:
        self.names, self.sizes = names, sizes
        self.means = units.astype(np.float64)
        self.rounded = units
        self.nearest = np.full(len(names), -1, np.int64)
        self.similar = np.full(len(names), -np.inf)
        # No product of vectors up to length 1 in float32 is further off, in whichever order it is summed.
        self.slack = np.float32((units.shape[1] + 16) * 2.0**-24)

    def find_nearest(self, pool: Executor) -> None:
        """Find the most similar other cluster of each that has none; the lower of equal ones."""
        todo = np.flatnonzero(self.nearest < 0)
        parts = [todo[block] for block in blocks(len(todo), _QUERIES)]
        for some, (nearest, similar) in zip(parts, pool.map(self._most_similar, parts), strict=True):
            self.nearest[some], self.similar[some] = nearest, similar

    def drop_further(self, within: float) -> None:
        """Forget clusters that will never be joined: those whose nearest is too far."""
        self._keep(1 - self.similar <= within)

    def mutual(self) -> tuple[Rows, Rows]:
        """Return the places of all pairs that are each other's nearest."""
        places = np.arange(len(self.names))
        low = np.flatnonzero((self.nearest[self.nearest] == places) & (places < self.nearest))
        return low, self.nearest[low]

    def merge(self, low: Rows, high: Rows) -> None:
        sizes = self.sizes[low] + self.sizes[high]
        sums = self.means[low] * self.sizes[low][:, None] + self.means[high] * self.sizes[high][:, None]
        self.means[low] = sums / sizes[:, None]
        self.rounded[low] = self.means[low]
        self.sizes[low] = sizes
        joined = np.zeros(len(self.names), np.bool_)
        joined[low] = joined[high] = True
        self.nearest[joined | joined[self.nearest]] = -1
        keep = np.ones(len(self.names), np.bool_)
        keep[high] = False
        self._keep(keep)

    def _keep(self, keep: npt.NDArray[np.bool_]) -> None:
        if keep.all():
            return
        place = np.where(keep, np.cumsum(keep) - 1, -1)
        self.nearest = np.where(self.nearest >= 0, place[self.nearest], -1)[keep]
        for name in ("names", "sizes", "means", "rounded", "similar"):
            setattr(self, name, getattr(self, name)[keep])

    def _most_similar(self, rows: Rows) -> tuple[Rows, Doubles]:
        best = np.full(len(rows), -np.inf, np.float32)
        found: list[tuple[Rows, Rows, Floats]] = []
        for block in blocks(len(self.names), ROWS):
            tile = self.rounded[rows] @ self.rounded[block].T
            inside = np.flatnonzero((rows >= block.start) & (rows < block.stop))
            tile[inside, rows[inside] - block.start] = -np.inf
            top = tile.max(axis=1)
            some = np.flatnonzero(top >= best - 2 * self.slack)
            best = np.maximum(best, top)
            i, j = np.nonzero(tile[some] >= (best[some] - 2 * self.slack)[:, None])
            found.append((some[i], j + block.start, tile[some[i], j]))
        i, j, values = (np.concatenate([part[side] for part in found]) for side in range(3))
        close = (values >= best[i] - 2 * self.slack) & (values > -np.inf)
        i, j = i[close], j[close]
        exact = np.concatenate(
            [np.zeros(0)] + [(self.means[rows[i[p]]] * self.means[j[p]]).sum(axis=1) for p in blocks(len(i), _PAIRS)]
        )
        order = np.lexsort((j, -exact, i))
        _, first = np.unique(i[order], return_index=True)
        return j[order][first], exact[order][first]


def _root(root: Rows, row: int) -> int:
    while root[row] != row:
        root[row] = root[root[row]]
        row = int(root[row])
    return row
