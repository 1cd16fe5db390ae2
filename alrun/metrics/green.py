"""How much of an image is green."""

from __future__ import annotations

from dataclasses import dataclass

from alrun.metrics.images import PixelMetric
from alrun.metrics.picture import Picture


@dataclass(frozen=True)
class Green(PixelMetric):
    """The fraction of the pixels of an image that are distinctly green, in 0..1. HIGH is green.

    Distinctly green is a hue of 35..75 (of 0..179), with a saturation of at least 50 and a value of at
    least 40 (of 255), in 8-bit HSV as OpenCV makes it.

    Source: Encord Active, "Green Values". Its documentation calls this an average value, which it is not.
    """

    def measure(self, picture: Picture) -> float:
        """Return the value of one image."""
        return picture.colours.green
