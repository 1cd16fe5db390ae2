"""The width of an image."""

from __future__ import annotations

from dataclasses import dataclass

from alrun.metrics.images import PixelMetric
from alrun.metrics.picture import Picture


@dataclass(frozen=True)
class Width(PixelMetric):
    """The width of an image in pixels, upright (its EXIF orientation applied). HIGH is wide.

    It takes the place of what the platform says in the column `width` of the pool, which may be missing.

    Source: Encord Active (cloud), "Width".
    """

    def measure(self, picture: Picture) -> float:
        """Return the value of one image."""
        return float(picture.width)
