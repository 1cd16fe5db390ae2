"""An image costs what was drawn in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import polars as pl
from annotated_types import Ge

from alrun.types import Label


@dataclass(frozen=True)
class Objects:
    """Counts objects: an image costs `image` plus one for each object in it.

    Attributes
    ----------
    image
        What it costs to look at an image, in objects.
    """

    image: Annotated[float, Ge(0)] = 0.0

    @property
    def unit(self) -> str:
        """What is counted."""
        return "objects"

    def of(self, tasks: pl.DataFrame, labels: Sequence[Label]) -> npt.NDArray[np.float64]:  # noqa: ARG002
        """Return the number of objects in each image, and `image` more; shape (N,)."""
        return np.array([self.image + len(label.objects) for label in labels], float)
