"""The number of pixels of an image."""

from __future__ import annotations

from dataclasses import dataclass

from alrun.metrics.images import PixelMetric
from alrun.metrics.picture import Picture


@dataclass(frozen=True)
class Area(PixelMetric):
    """The number of pixels of an image. HIGH is large.

    Source: Encord Active, "Area".
    """

    def measure(self, picture: Picture) -> float:
        """Return the value of one image."""
        return float(picture.height * picture.width)
