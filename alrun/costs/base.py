"""The cost port."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.types import Label


@runtime_checkable
class Cost(Protocol):
    """What it costs to label an image. A frozen dataclass whose fields are its configuration."""

    @property
    def unit(self) -> str:
        """What is counted, in the plural: `labels`, `objects`, `minutes`."""
        ...

    def of(self, tasks: pl.DataFrame, labels: Sequence[Label]) -> npt.NDArray[np.float64]:
        """Return what each image cost, float64 of shape (N,), finite and not negative.

        Parameters
        ----------
        tasks
            The rows of the pool of the images that were labelled, with every metric.
        labels
            What was labelled, beside them.

        Raises
        ------
        DataError
            If the cost of an image is not known; the message names it.
        """
        ...
