"""How much the values of an image differ."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from alrun.metrics.images import PixelMetric
from alrun.metrics.picture import Picture


@dataclass(frozen=True)
class Contrast(PixelMetric):
    """The standard deviation of all values of all channels, in 0 (one value only) to 0.5. LOW is flat.

    The channels count together, so that a plain colour has contrast too: pure red has 0.4714.

    Source: Encord Active, "Contrast". Its second engine took the grey image and another scale, up to 1.03.
    """

    def measure(self, picture: Picture) -> float:
        """Return the value of one image."""
        return sqrt(picture.values.variance) / 255
