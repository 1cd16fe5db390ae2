"""How sharp an image is."""

from __future__ import annotations

from dataclasses import dataclass

from alrun.metrics.images import PixelMetric
from alrun.metrics.picture import Picture


@dataclass(frozen=True)
class Sharpness(PixelMetric):
    """The variance of the Laplacian of an image, 0 or above. LOW is blurred or plain.

    All channels count together; beyond the border the image is mirrored. It is not normalised: it grows with the
    square of the contrast; some hundreds are usual for photographs, noise has 100,000 and more.

    Source: Encord Active, "Sharpness" (OpenCV's Laplacian). Its second engine took a square root and a scale to 1.
    """

    def measure(self, picture: Picture) -> float:
        """Return the value of one image."""
        return picture.laplacian.variance
