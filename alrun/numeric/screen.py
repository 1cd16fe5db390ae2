"""Which pairs of points may be close, told by whole numbers of 8 bits: several times as fast as float32."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from threading import local
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.numeric.blocks import Doubles, Floats, Rows, number_per_row

_WORTH = 8192  # points for which it pays to load torch
_WIDTHS = range(2, 2**16 + 1)  # numbers a point: torch gets single ones wrong, and sums of more may leave 32 bits
_MOST = 127
_FEW = 1 / 100  # of all pairs: up to here single ones cost less than the product of two blocks
_INT32 = np.iinfo(np.int32)

Products = Callable[[npt.NDArray[np.int8], npt.NDArray[np.int8]], npt.NDArray[np.int32]]
"""Returns x y' of (n, D) and (m, D), exactly, in an array of shape (n, m) that the next call in this thread reuses."""


class Screen:
    """Finds the pairs that may be closer than the radius of the first, and all of those that are.

    A point x, less the mean of all and turned, is s q + e with q whole, in -127..127, and a rest e. Two points are at
    least s |q - q'| - |e| - |e'| apart, and whole numbers know no rounding: nothing is missed, and the order of the
    sums changes nothing. For unit vectors of some hundred numbers |e| is about 0.01.
    """

    def __init__(self, points: Floats, radius: float | Doubles, products: Products) -> None:
        """Round `points`, float32 of shape (N, D), N >= 1: N D bytes more. `radius` is that of all, or one each."""
        from scipy.fft import dct

        self.products = products
        self.whole = np.empty(points.shape, np.int8)
        mean = points.mean(axis=0, dtype=np.float64)
        signs = np.random.default_rng(0).choice([-1.0, 1.0], points.shape[1])

        def even(rows: slice) -> Doubles:
            """Turn points so that no axis stands out: the largest number decides how coarse the whole ones are."""
            return np.asarray(dct(signs * (points[rows] - mean), norm="ortho"))

        largest = number_per_row(lambda rows: np.abs(even(rows)).max(axis=1, initial=0), len(points))
        scale = float(largest.max()) / _MOST or 1.0

        def rest(rows: slice) -> Doubles:
            turned = even(rows)
            self.whole[rows] = whole = np.rint(turned / scale)
            return np.asarray(np.sqrt(np.square(turned - scale * whole).sum(axis=1)))

        rests = number_per_row(rest, len(points))
        norms = number_per_row(lambda rows: np.square(self.whole[rows], dtype=np.float64).sum(axis=1), len(points))
        # |q - q'|² < reach² says q q' - |q'|² / 2 > |q|² / 2 - reach² / 2. The 1 is far above float64's rounding.
        reach = (radius + rests + rests.max()) / scale
        self.least = np.clip(np.floor((norms - reach**2 * (1 + 1e-9)) / 2) - 1, _INT32.min, _INT32.max).astype(np.int32)
        self.halves = (norms // 2).astype(np.int32)

    def pairs(self, block: slice, other: slice) -> tuple[Rows, Rows]:
        """Return the rows within the blocks of all pairs that may be closer."""
        products = self.products(self.whole[block], self.whole[other])
        products -= self.halves[other]
        flat = np.flatnonzero(products >= self.least[block, None])
        i, j = np.divmod(flat, products.shape[1])
        return i, j

    def few_pairs(self, block: slice, other: slice) -> tuple[Rows, Rows] | None:
        """Return the same, or None where they are so many that the product of the two blocks costs less."""
        i, j = self.pairs(block, other)
        return None if len(i) > _FEW * len(self.whole[block]) * len(self.whole[other]) else (i, j)


@contextmanager
def screen(points: Floats, radius: float | Doubles) -> Iterator[Screen | None]:
    """Open a screen of `points`; None where it would not pay: few points, no torch, or no fast products of 8 bits."""
    if len(points) < _WORTH or points.shape[1] not in _WIDTHS or find_spec("torch") is None:
        yield None
        return
    import torch

    if not (hasattr(torch, "_int_mm") and getattr(torch.cpu, "_is_vnni_supported", bool)()):
        yield None
        return
    threads = torch.get_num_threads()
    try:
        yield Screen(points, radius, _torch_products())
    finally:
        torch.set_num_threads(threads)


def _torch_products() -> Products:
    """Return products that stay on the thread that asks for them, as within `alrun.numeric.blocks.workers`."""
    import torch

    here: Any = local()

    def products(left: npt.NDArray[np.int8], right: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
        size = len(left) * len(right)
        if not hasattr(here, "held"):
            torch.set_num_threads(1)
        if not hasattr(here, "held") or len(here.held) < size:
            here.held = torch.empty(size, dtype=torch.int32)  # a new array each time would cost as much as the sums
        found = here.held[:size].view(len(left), len(right))
        torch._int_mm(torch.from_numpy(left), torch.from_numpy(right).T, out=found)
        return np.asarray(found.numpy())

    return products
