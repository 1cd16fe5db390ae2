"""D² sampling (k-means++): the next centre is drawn with probability proportional to its squared distance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt

from alrun.numeric.blocks import Doubles, Floats, Rows, blocks, workers
from alrun.progress import gauge

Factor = Callable[[slice], Doubles]
"""Returns a new array of the rows asked for, float64 of shape (rows, width of this factor)."""

PENDING = 256  # centres that only the drawn rows are compared with; then every row is
_SUM_ROWS = 512
_ROWS = 512  # the products of a block with all pending centres stay in the cache
_ZERO = 1e-12  # a squared distance that is this small beside the norms is rounding


def rows_of(points: Floats) -> Factor:
    """Return `points` as a factor."""
    return lambda rows: points[rows].astype(np.float64)


def row_norms(factors: Sequence[Factor], size: int) -> Doubles:
    """Return |x|² of the rows of :func:`d2_sample`, float64 of shape (`size`,)."""
    norms = [_product([np.square(f(block)).sum(axis=1) for f in factors]) for block in blocks(size)]
    return np.concatenate([np.zeros(0), *norms])


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
    A row is drawn from outdated D², which are never too small, and kept with probability D² over outdated D²; else
    its D² is brought up to date. That is exactly the same distribution as drawing from D². Every 256 rows all D²
    are brought up to date by one matrix product a factor in float64. Time O(N count W) in matrix products for factors
    W wide together, against O(N count) products of vectors for the plain way; memory 24 bytes a row and blocks.
    """
    with workers() as pool, gauge("drawing", count) as show:
        sampler = _Sampler(factors, norms, weights, pool)
        sampler.add(first, float(norms[first]))
        while len(sampler.rows) < count:
            if len(sampler.rows) == 1 or len(sampler.pending) == PENDING:
                sampler.refresh()
            if not sampler.sums.any():
                break
            sampler.draw(rng)
            show(len(sampler.rows))
    left = np.setdiff1d(np.arange(len(norms)), sampler.rows)[: count - len(sampler.rows)]
    return np.array([*sampler.rows, *left], np.int64), np.array(sampler.squares + [0.0] * len(left))


class _Sampler:
    """`bound[i]` is the squared distance of row i to the centres but the `pending` ones; 0 for a centre."""

    def __init__(self, factors: Sequence[Factor], norms: Doubles, weights: Doubles | None, pool: Executor) -> None:
        self.factors, self.norms, self.weights, self.pool = factors, norms, weights, pool
        self.bound = np.full(len(norms), np.inf)
        self.sums = np.zeros(0)
        self.rows: list[int] = []
        self.squares: list[float] = []
        self.pending: list[int] = []
        some = [factor(slice(0, 1)) for factor in factors]
        self.pending_rows = [np.zeros((PENDING, rows.shape[1])) for rows in some]

    def add(self, row: int, square: float) -> None:
        self.rows.append(row)
        self.squares.append(square)
        for kept, factor in zip(self.pending_rows, self.factors, strict=True):
            kept[len(self.pending)] = factor(slice(row, row + 1))[0]
        self.pending.append(row)

    def draw(self, rng: np.random.Generator) -> None:
        """Draw a row; make it a centre, or bring its bound up to date."""
        ends = np.cumsum(self.sums)
        place = rng.random() * ends[-1]
        part = min(int(np.searchsorted(ends, place, side="right")), len(ends) - 1)
        rows = slice(part * _SUM_ROWS, (part + 1) * _SUM_ROWS)
        inner = np.cumsum(self._chances(rows))
        at = int(np.searchsorted(inner, place - (ends[part - 1] if part else 0), side="right"))
        row = rows.start + min(at, len(inner) - 1)
        square = min(self.bound[row], float(self._squares(slice(row, row + 1))[0]))
        kept = rng.random() * self.bound[row] < square
        if kept:
            self.add(row, square)
        self.bound[row] = 0 if kept else square
        self.sums[part] = self._chances(rows).sum()

    def refresh(self) -> None:
        """Compare every row with the pending centres."""
        parts = list(self.pool.map(self._squares, blocks(len(self.norms), _ROWS)))
        self.bound = np.minimum(self.bound, np.concatenate(parts))
        self.bound[self.rows] = 0
        self.sums = np.add.reduceat(self._chances(slice(None)), np.arange(0, len(self.bound), _SUM_ROWS))
        self.pending = []

    def _chances(self, rows: slice) -> Doubles:
        return self.bound[rows] if self.weights is None else self.bound[rows] * self.weights[rows]

    def _squares(self, rows: slice) -> Doubles:
        """Return the squared distance of `rows` to the nearest of the pending centres."""
        count = len(self.pending)
        if not count:
            return np.full(len(self.norms[rows]), np.inf)
        squares = _product([f(rows) @ c[:count].T for f, c in zip(self.factors, self.pending_rows, strict=True)])
        squares *= -2
        squares += self.norms[rows][:, None]
        squares += self.norms[self.pending]
        nearest = squares.argmin(axis=1)
        least: Doubles = squares[np.arange(len(squares)), nearest]
        norms = self.norms[rows] + self.norms[np.array(self.pending)[nearest]]
        least[least <= _ZERO * norms] = 0
        return least


def _product(parts: Sequence[npt.NDArray[np.float64]]) -> Doubles:
    result = parts[0]
    for part in parts[1:]:
        result *= part
    return result
