"""D² sampling (k-means++): the next centre is drawn with probability proportional to its squared distance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from alrun.numeric.blocks import Doubles, Floats, Rows, blocks, number_per_row, workers
from alrun.progress import gauge

Factor = Callable[[slice | Rows], Doubles]
"""Returns a new array of the rows asked for, float64 of shape (rows, width of this factor)."""

TRIALS = 128  # rows that are drawn together: one product compares them all with the centres
_SHARE = 8  # rows of a refresh that take as long as a trial
_ROWS, _CENTRES = 512, 256  # their products stay in the cache
_ZERO = 1e-12  # a squared distance that is this small beside the norms is rounding


def rows_of(points: Floats) -> Factor:
    """Return `points` as a factor."""
    return lambda rows: points[rows].astype(np.float64)


def row_norms(factors: Sequence[Factor], size: int) -> Doubles:
    """Return |x|² of the rows of :func:`d2_sample`, float64 of shape (`size`,)."""

    def norms(rows: slice) -> Doubles:
        return _product([np.einsum("nw,nw->n", some, some) for some in (factor(rows) for factor in factors)])

    return number_per_row(norms, size, _ROWS)


def d2_sample(
    factors: Sequence[Factor],
    norms: Doubles,
    first: int,
    count: int,
    rng: np.random.Generator,
    weights: Doubles | None = None,
) -> tuple[Rows, Doubles]:
    """Draw `count` different rows: `first`, then each with probability D² over the sum of D².

    D² is the squared Euclidean distance of a row to the nearest row drawn before. A row is the outer product of its
    factors, which is never formed: <a x h, b x k> = <a, b> <h, k>. One factor is plain k-means++.

    Parameters
    ----------
    factors
        One or more, of N rows each.
    norms
        What :func:`row_norms` returns.
    first
        The row to begin with.
    count
        1..N.
    rng
        Draws two numbers a trial: where, and whether it is kept.
    weights
        float64, shape (N,), 0 or above: a row is drawn with probability in proportion to weight * D². None: all 1.

    Returns
    -------
    The rows in the order they were drawn, and D² of each at that time; |x|² for the first. Once D² is 0 everywhere, the
    rows that are left follow in their order; so do rows of weight 0.

    Notes
    -----
    A trial draws a row from outdated D², which are never too small, and keeps it with probability D² over outdated D².
    That is exactly the same distribution as drawing from D², though only rows that were drawn are compared with the
    centres. The D² of these are brought up to date after 128 trials, and those of all rows once N / 8 trials were in
    vain, which took about as long as that takes. Everything is float64. Time O(N W + T count W) in matrix products for
    T trials and factors that are W wide together: a few trials a row as a rule, and O(N count W) at worst, for
    clusters far smaller than the distances between them. Memory 32 bytes a row, 8 count W bytes and blocks.
    """
    with workers() as pool, gauge("drawing", count) as show:
        sampler = _Sampler(factors, norms, count, weights, pool)
        sampler.start(first)
        while len(sampler.picked) < count and sampler.draw(rng):
            show(len(sampler.picked))
            if sampler.in_vain * _SHARE >= len(norms):
                sampler.refresh()
    others = np.ones(len(norms), np.bool_)
    others[sampler.picked] = False
    left = np.flatnonzero(others)[: count - len(sampler.picked)]
    return np.array([*sampler.picked, *left], np.int64), np.array(sampler.squares + [0.0] * len(left))


@dataclass(frozen=True)
class _Vectors:
    """Outer products: the rows of each factor, and the squared lengths."""

    parts: list[Doubles]
    norms: Doubles

    def __getitem__(self, rows: slice) -> _Vectors:
        return _Vectors([part[rows] for part in self.parts], self.norms[rows])

    def squares(self, others: _Vectors) -> Doubles:
        """Return the squared distances of all to all others, float64 of shape (n, m)."""
        squares = _product([part @ other.T for part, other in zip(self.parts, others.parts, strict=True)])
        sums = self.norms[:, None] + others.norms
        squares *= -2
        squares += sums
        sums *= _ZERO
        squares[squares <= sums] = 0
        return squares


class _Sampler:
    """`bound[i]` is the squared distance of row i to the first `seen` centres, or to more; 0 for a centre."""

    def __init__(
        self, factors: Sequence[Factor], norms: Doubles, count: int, weights: Doubles | None, pool: Executor
    ) -> None:
        self.factors, self.norms, self.count, self.weights, self.pool = factors, norms, count, weights, pool
        self.bound = np.full(len(norms), np.inf)
        self.picked: list[int] = []
        self.squares: list[float] = []
        widths = [factor(slice(0, 1)).shape[1] for factor in factors]
        self.centres = _Vectors([np.empty((count, width)) for width in widths], np.empty(count))
        self.seen = self.in_vain = 0

    def start(self, first: int) -> None:
        self._pick(np.array([first]), [float(self.norms[first])])
        self.refresh()

    def draw(self, rng: np.random.Generator) -> bool:
        """Draw some rows; make each a centre, or bring its bound up to date. Return whether any could be drawn."""
        ends = np.cumsum(self.bound if self.weights is None else self.bound * self.weights)
        if not ends[-1]:
            return False
        where, chance = rng.random((TRIALS, 2)).T
        rows = np.minimum(np.searchsorted(ends, where * ends[-1], side="right"), len(ends) - 1)
        least = chance * self.bound[rows]
        some = self._vectors(rows)
        to_centres = some.squares(self.centres[self.seen : len(self.picked)]).min(axis=1, initial=np.inf)
        squares, between = np.minimum(self.bound[rows], to_centres), some.squares(some)
        kept, scores = [], []
        for trial in range(TRIALS):
            if least[trial] < squares[trial]:
                kept.append(trial)
                scores.append(float(squares[trial]))
                np.minimum(squares, between[trial], out=squares)  # it is a centre to the trials after it
        self.in_vain += TRIALS - len(kept)
        self.bound[rows] = squares
        self._pick(rows[kept], scores)
        return True

    def refresh(self) -> None:
        """Compare every row with the centres that it has not seen."""
        list(self.pool.map(self._meet, blocks(len(self.norms), _ROWS)))
        self.bound[self.picked] = 0
        self.seen, self.in_vain = len(self.picked), 0

    def _meet(self, rows: slice) -> None:
        some = self._vectors(rows)
        for start in range(self.seen, len(self.picked), _CENTRES):
            few = self.centres[start : min(start + _CENTRES, len(self.picked))]
            np.minimum(self.bound[rows], some.squares(few).min(axis=1), out=self.bound[rows])

    def _pick(self, rows: Rows, squares: list[float]) -> None:
        room = self.count - len(self.picked)  # the last trials may keep more rows than are wanted
        rows, squares = rows[:room], squares[:room]
        places = slice(len(self.picked), len(self.picked) + len(rows))
        for centres, factor in zip(self.centres.parts, self.factors, strict=True):
            centres[places] = factor(rows)
        self.centres.norms[places] = self.norms[rows]
        self.bound[rows] = 0
        self.picked += rows.tolist()
        self.squares += squares

    def _vectors(self, rows: slice | Rows) -> _Vectors:
        return _Vectors([factor(rows) for factor in self.factors], self.norms[rows])


def _product(parts: Sequence[Doubles]) -> Doubles:
    result = parts[0]
    for part in parts[1:]:
        result *= part
    return result
