"""The shape of an image."""

from __future__ import annotations

from dataclasses import dataclass

from alrun.metrics.images import PixelMetric
from alrun.metrics.picture import Picture


@dataclass(frozen=True)
class AspectRatio(PixelMetric):
    """The width of an image, upright, divided by its height: above 0. HIGH is wide, LOW is tall, 1 is square.

    Source: Encord Active, "Aspect Ratio".
    """

    def measure(self, picture: Picture) -> float:
        """Return the value of one image."""
        return picture.width / picture.height
