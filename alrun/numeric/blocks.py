"""Fixed blocks of rows, each worked on by one thread, so that the number of threads changes no bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.cores import cores

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]

ROWS = 2048  # a block of 512 numbers a row stays in the cache
EQUAL = 1e-9
"""Numbers that differ by less than this share are taken for equal: far above float64's rounding, below any meaning."""
_PAIRS = 512
_SMALL = 10**6  # multiplications; up to here OpenBLAS does not copy a product's matrices into another order first
_FEWEST = 16  # rows for which a product of its own pays


def blocks(size: int, rows: int = ROWS) -> list[slice]:
    """Return the slices that cut `size` rows into blocks of `rows`."""
    return [slice(start, min(start + rows, size)) for start in range(0, size, rows)]


def thin_pieces(size: int, matrix: npt.NDArray[Any]) -> list[slice]:
    """Return the pieces of `size` rows whose products with a narrow `matrix` (D, K), one at a time, take least."""
    rows = _SMALL // max(1, matrix.size)
    return blocks(size, rows if rows >= _FEWEST else max(1, size))


@contextmanager
def workers() -> Iterator[Executor]:
    """Open a pool with a thread for each core; a matrix product within it stays on its own thread."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
        yield pool


def taken(points: Floats, rows: Rows) -> Floats:
    """Return the rows of `points`; those that follow one another are not copied."""
    follow = len(rows) > 0 and rows[-1] - rows[0] == len(rows) - 1 and bool((rows[1:] > rows[:-1]).all())
    return points[rows[0] : rows[-1] + 1] if follow else points[rows]


def squared_norms(points: Floats) -> Doubles:
    """Return |x|² of each row, summed in float64."""
    norms = [np.square(points[block], dtype=np.float64).sum(axis=1) for block in blocks(len(points))]
    return np.concatenate([np.zeros(0), *norms])


def pair_products(left: Floats, i: Rows, right: Floats, j: Rows) -> Floats:
    """Return the product of each row `i` of `left` with the row `j` of `right` beside it, summed in float32."""
    products = np.empty(len(i), np.float32)
    held = np.empty((2, min(len(i), _PAIRS), left.shape[1]), np.float32)  # new ones each time would cost far more
    for some in blocks(len(i), _PAIRS):
        size = len(i[some])
        ends = ((left, i, held[0, :size]), (right, j, held[1, :size]))
        pair = [np.take(points, rows[some], axis=0, out=out, mode="clip") for points, rows, out in ends]
        np.einsum("nd,nd->n", *pair, out=products[some])
    return products


def unit_rows(points: Floats) -> Floats:
    """Return a copy of which each row has length 1; rows of zeros stay as they are."""
    lengths = np.sqrt(squared_norms(points))
    lengths[lengths == 0] = 1
    units = np.empty(points.shape, np.float32)
    for block in blocks(len(points)):
        units[block] = points[block] / lengths[block, None]
    return units


def first_largest(values: Doubles) -> int:
    """Return the lowest row whose value equals the largest one, but for rounding."""
    top = float(values.max())
    return int(np.argmax(values >= top - abs(top) * EQUAL))


def number_per_row(numbers: Callable[[slice], npt.NDArray[Any]], size: int, rows: int = ROWS) -> Doubles:
    """Return float64 (`size`,), filled in block by block; `numbers` gets the rows of a block and returns one each."""
    found = np.empty(size)
    waiting = iter(blocks(size, rows))  # all threads take from it: a task for each block would cost more

    def fill(_: int) -> None:
        for block in waiting:
            found[block] = numbers(block)

    if size <= rows:  # threads would only cost time
        fill(0)
        return found
    with workers() as pool:
        try:
            list(pool.map(fill, range(cores())))
        finally:
            list(waiting)  # whoever interrupts it need not wait for what is left
    return found
