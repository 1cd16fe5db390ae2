"""The cost of an image stands in a column of the pool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.errors import ConfigError, DataError, one_of
from alrun.types import Label

_SHOWN = 3


@dataclass(frozen=True)
class Column:
    """Takes the cost of each image from a column: a metric, or client metadata as `meta.NAME`.

    Attributes
    ----------
    column
        The name of the column; numbers, or text that reads as a number.
    unit
        What it counts, in the plural.
    """

    column: str
    unit: str = "minutes"

    def of(self, tasks: pl.DataFrame, labels: Sequence[Label]) -> npt.NDArray[np.float64]:  # noqa: ARG002
        """Return the column, shape (N,).

        Raises
        ------
        ConfigError
            If the pool has no such column.
        DataError
            If a value is missing, no number or negative; the message names images.
        """
        if self.column not in tasks.columns:
            raise ConfigError(f"cost.column: there is no column {self.column!r}; {one_of(self.column, tasks.columns)}")
        values = tasks[self.column].cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
        wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        if len(wrong):
            shown = ", ".join(
                f"{tasks['title'][row]!r} has {tasks[self.column][row]!r}" for row in wrong[:_SHOWN].tolist()
            )
            more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
            raise DataError(
                f"the cost of {len(wrong)} images in column {self.column!r} is not known: {shown}{more}. It must be a "
                "number, 0 or above: fill the column, or leave such images out by a filter"
            )
        return values
