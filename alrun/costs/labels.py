"""Every image costs the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.types import Label


@dataclass(frozen=True)
class Labels:
    """Counts images: each costs 1."""

    @property
    def unit(self) -> str:
        """What is counted."""
        return "labels"

    def of(self, tasks: pl.DataFrame, labels: Sequence[Label]) -> npt.NDArray[np.float64]:  # noqa: ARG002
        """Return ones, shape (N,)."""
        return np.ones(tasks.height)
