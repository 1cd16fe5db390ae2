"""How much of an image is red."""

from __future__ import annotations

from dataclasses import dataclass

from alrun.metrics.images import PixelMetric
from alrun.metrics.picture import Picture


@dataclass(frozen=True)
class Red(PixelMetric):
    """The fraction of the pixels of an image that are distinctly red, in 0..1. HIGH is red.

    Distinctly red is a hue of 0..10 or 170..179 (of 0..179), with a saturation of at least 50 and a value of at
    least 40 (of 255), in 8-bit HSV as OpenCV makes it.

    Source: Encord Active, "Red Values". Its documentation calls this an average value, which it is not.
    """

    def measure(self, picture: Picture) -> float:
        """Return the value of one image."""
        return picture.colours.red
