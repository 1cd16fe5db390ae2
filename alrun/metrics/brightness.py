"""How bright an image is."""

from __future__ import annotations

from dataclasses import dataclass

from alrun.metrics.images import PixelMetric
from alrun.metrics.picture import Picture


@dataclass(frozen=True)
class Brightness(PixelMetric):
    """The mean of all values of all channels, in 0 (black) to 1 (white). LOW is dark.

    Source: Encord Active, "Brightness".
    """

    def measure(self, picture: Picture) -> float:
        """Return the value of one image."""
        return picture.values.mean / 255
