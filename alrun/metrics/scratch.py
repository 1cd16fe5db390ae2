"""Memory that is written over and over."""

from __future__ import annotations

import threading
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt


class Scratch(threading.local):
    """Arrays for intermediate results, kept until the thread ends; each thread has its own.

    Fresh memory for every intermediate result costs more than the result: the system hands it out page by page.
    """

    def __init__(self) -> None:
        self._kept: dict[str, npt.NDArray[Any]] = {}

    def array(self, name: str, shape: tuple[int, ...], dtype: type[np.generic]) -> npt.NDArray[Any]:
        """Return an array of this shape whose values are arbitrary: the memory of the last one of this `name`.

        A name goes with one dtype.
        """
        size = prod(shape)
        kept = self._kept.get(name)
        if kept is None or kept.size < size:
            kept = self._kept[name] = np.empty(size, dtype)
        return kept[:size].reshape(shape)
