"""How blurred an image is."""

from __future__ import annotations

from dataclasses import dataclass

from alrun.metrics.images import PixelMetric
from alrun.metrics.picture import Picture


@dataclass(frozen=True)
class Blur(PixelMetric):
    """1 minus the sharpness of an image: 1 or below, usually far below 0. HIGH is blurred or plain.

    The same order as `sharpness` the other way round, kept for those who know the original by it.

    Source: Encord Active, "Blur".
    """

    def measure(self, picture: Picture) -> float:
        """Return the value of one image."""
        return 1 - picture.laplacian.variance
