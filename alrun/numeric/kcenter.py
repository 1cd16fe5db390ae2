"""Greedy k-center: the point that is farthest from all centres becomes the next centre."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

import numpy as np

from alrun.numeric.blocks import Doubles, Floats, Rows, blocks, squared_norms, workers
from alrun.progress import gauge

_SIZES = (4096, 32_768)  # points that a round looks at; all of them where that does not decide
_FIRST = 256  # centres that every point is compared with; more are only seen by points that matter
_PLAIN = 64  # picks among all points before a round tries a few again
_PAIRS = 4096
_THIN = 8
_AHEAD = 64  # likely rivals of the picks to come: one pass over the centres for all of them


def k_center(points: Floats, centres: Floats, first: int, budget: int) -> tuple[Rows, Doubles]:
    """Pick `budget` rows, at most N, each the farthest from `centres` and the rows picked before it.

    Parameters
    ----------
    points, centres
        float32, shapes (N, D), N >= 1, and (L, D), finite, at most 1e15 in size.
    first
        The row to pick first if there are no centres.
    budget
        1..N.

    Returns
    -------
    The rows in the order of the picks, and the Euclidean distance of each to the nearest centre at that time, float64;
    infinite for a first pick without centres.

    Notes
    -----
    The picks are those of a loop that computes every distance as sum((x - c)²) in float64 and takes the largest, the
    lower row of equal ones. To be faster, a round brings only the points with the largest known distances up to
    date (a distance never grows, so an outdated one is an upper bound), copies them together and goes on among
    them for as long as their largest is above every bound outside. float32 serves to tell points apart that are
    further apart than its rounding can be; the others are compared in float64. Time O(N (L' + D)) plus the
    products that are needed, 10 to 20 % of N * budget * D on real embeddings and all of them at worst (L' is at
    most 256). Memory 24 bytes a point, the centres, and 64 MiB for the copy at D = 512.
    """
    with workers() as pool, gauge("picking the farthest", budget) as show:
        search = _Search(points, centres, budget, pool, show)
        if not len(centres):
            search.pick(first)
        search.meet()
        size = 0
        while len(search.picked) < budget:
            progress = search.go_on(_SIZES[size] if size < len(_SIZES) else len(points), budget)
            size = 0 if progress else size + 1
        return np.array(search.picked, np.int64), search.distances()


class _Search:
    """Bounds that only fall: `bound[i]` is the float32 distance² of point i to the first `seen[i]` centres."""

    def __init__(
        self, points: Floats, centres: Floats, budget: int, pool: Executor, show: Callable[[int], None]
    ) -> None:
        size, width = points.shape
        self.pool, self.show = pool, show
        self.points = points
        self.given = self.count = len(centres)
        self.centres = np.concatenate([centres, np.zeros((budget, width), np.float32)])
        norms, centre_norms = squared_norms(points), squared_norms(self.centres)
        reach = max(norms.max(), centre_norms.max())
        # No order of summation puts a float32 distance² further from the true one (Higham 2002, 3.5), with reserve.
        self.slack = float((width + 16) * (4 * reach * 2.0**-24 + 2.0**-120))
        self.norms, self.centre_norms = norms.astype(np.float32), centre_norms.astype(np.float32)
        self.bound = np.full(size, np.inf, np.float32)
        self.seen = np.zeros(size, np.int32)
        self.exact = np.full(size, np.inf)
        self.compared = np.zeros(size, np.int32)
        self.picked: list[int] = []

    def pick(self, row: int) -> None:
        self.centres[self.count] = self.points[row]
        self.centre_norms[self.count] = self.norms[row]
        self.count += 1
        self.bound[row] = -np.inf
        self.picked.append(row)
        self.show(len(self.picked))

    def meet(self) -> None:
        """Compare every point with the first few centres."""
        few = min(self.count, _FIRST)
        np.minimum(self.bound, self._least_of_all(self.points, self.norms, 0, few), out=self.bound)
        self.seen[:] = few

    def go_on(self, size: int, budget: int) -> bool:
        """Pick among the `size` points with the largest bounds while none outside can compete.

        Return whether that picked any, or brought bounds down.
        """
        rows, outside, most = np.arange(len(self.points)), -np.inf, min(budget, len(self.picked) + _PLAIN)
        if size < len(self.points):
            order = np.argpartition(self.bound, len(self.points) - size)
            outside, most = float(self.bound[order[:-size]].max()), budget
            rows = np.sort(order[-size:])
        outdated = bool((self.seen[rows] < self.count).any())
        self._refresh(rows, outside)
        near = self.points
        if size < len(self.points):
            rows = rows[self.bound[rows] > outside]
            near = self.points[rows]
        before = len(self.picked)
        best, norms = self.bound[rows], self.norms[rows]
        while len(self.picked) < most and len(rows):
            top = float(best.max())
            if top <= outside + 2 * self.slack:
                break
            rivals = np.flatnonzero(best >= top - 2 * self.slack)
            if len(rivals) > 1:
                if not self.compared[rows[rivals]].all():
                    self._compare(rows[np.argsort(-best, kind="stable")[:_AHEAD]])
                values = self._compare(rows[rivals])
                if values.max() == 0:
                    self._rest(budget)
                    return True
                rivals = rivals[values.argmax() :]
            self.pick(int(rows[rivals[0]]))
            best[rivals[0]] = -np.inf
            np.minimum(best, self._least_of_all(near, norms, self.count - 1, self.count), out=best)
            keep = best > outside
            if 2 * np.count_nonzero(keep) < len(keep) < len(self.points):
                self.bound[rows], self.seen[rows] = best, self.count
                rows, near, best, norms = rows[keep], near[keep], best[keep], norms[keep]
        self.bound[rows] = best
        self.seen[rows] = self.count
        return outdated or len(self.picked) > before

    def distances(self) -> Doubles:
        """Return the distance of each pick to the centres before it."""
        rows = np.array(self.picked, np.int64)
        before = self.given + np.arange(len(rows))
        squares = [self._least(rows[block], 0, before[block]) for block in blocks(len(rows), _FIRST)]
        distances: Doubles = np.sqrt(np.concatenate(squares))
        return distances

    def _rest(self, budget: int) -> None:
        """Pick what is left, all of it equal to a centre, in the order of the rows."""
        left = np.flatnonzero(self.bound > -np.inf)[: budget - len(self.picked)]
        for row in left:
            self.pick(int(row))

    def _least_of_all(self, points: Floats, norms: Floats, start: int, stop: int) -> Floats:
        """Return the least distance² of each point to the centres start..stop."""
        if len(points) <= _SIZES[0]:
            least: Floats = self._squares(points, norms, start, stop).min(axis=1)
            return least
        parts = blocks(len(points))
        work = partial(self._least_of_all, start=start, stop=stop)
        return np.concatenate(list(self.pool.map(work, (points[b] for b in parts), (norms[b] for b in parts))))

    def _squares(self, points: Floats, norms: Floats, start: int, stop: int) -> Floats:
        centres = self.centres[start:stop]
        # A product with a thin matrix is slow: it is worth neither the threads nor the packing.
        squares: Floats = np.stack([centres @ x for x in points]) if len(points) < _THIN else points @ centres.T
        squares *= -2
        squares += norms[:, None]
        squares += self.centre_norms[start:stop]
        return squares

    def _refresh(self, rows: Rows, floor: float) -> None:
        """Bring the bounds of `rows` up to date, or below `floor`."""
        order = rows[np.argsort(self.seen[rows], kind="stable")]
        list(self.pool.map(partial(self._refresh_some, order, floor), blocks(len(order), 1024)))

    def _refresh_some(self, order: Rows, floor: float, block: slice) -> None:
        active = order[block]
        start = int(self.seen[active[0]])
        near, norms = self.points[active], self.norms[active]
        while start < self.count and len(active):
            stop = min(start + _FIRST, self.count)
            least = self._squares(near, norms, start, stop).min(axis=1)
            self.bound[active] = np.minimum(self.bound[active], least)
            self.seen[active] = np.maximum(self.seen[active], stop)
            keep = self.bound[active] > floor
            if not keep.all():
                active, near, norms = active[keep], near[keep], norms[keep]
            start = stop

    def _compare(self, rows: Rows) -> Doubles:
        """Return the distance² of `rows` to their nearest centre in float64."""
        for block in blocks(len(rows), _FIRST):
            some = rows[block]
            start = int(self.compared[some].min())
            stops = np.full(len(some), self.count)
            self.exact[some] = np.minimum(self.exact[some], self._least(some, start, stops))
            self.compared[some] = self.count
        return self.exact[rows]

    def _least(self, rows: Rows, start: int, stops: Rows) -> Doubles:
        """Return the least sum((x - c)²) of each row over its centres start..stop in float64."""
        least = np.full(len(rows), np.inf)
        stop = int(stops.max())
        if stop > start:
            near = self.points[rows]
            squares = self._squares(near, self.norms[rows], start, stop)
            squares[np.arange(start, stop) >= stops[:, None]] = np.inf
            close = squares <= squares.min(axis=1, keepdims=True) + 2 * self.slack
            close &= np.isfinite(squares)
            points, centres = np.nonzero(close)
            for pair in blocks(len(points), _PAIRS):
                arms = near[points[pair]] - self.centres[start + centres[pair]].astype(np.float64)
                np.minimum.at(least, points[pair], np.square(arms).sum(axis=1))
        return least
