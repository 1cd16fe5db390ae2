"""The metrics of pixels by the name of their column, and the original's formulas, restated one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.metrics.area import Area
from alrun.metrics.aspect_ratio import AspectRatio
from alrun.metrics.blue import Blue
from alrun.metrics.blur import Blur
from alrun.metrics.brightness import Brightness
from alrun.metrics.contrast import Contrast
from alrun.metrics.green import Green
from alrun.metrics.height import Height
from alrun.metrics.images import PixelMetric
from alrun.metrics.red import Red
from alrun.metrics.sharpness import Sharpness
from alrun.metrics.width import Width

Bytes = npt.NDArray[np.uint8]

METRICS: dict[str, PixelMetric] = {
    "width": Width(), "height": Height(), "area": Area(), "aspect_ratio": AspectRatio(), "brightness": Brightness(),
    "contrast": Contrast(), "sharpness": Sharpness(), "blur": Blur(), "red": Red(), "green": Green(), "blue": Blue(),
}  # fmt: skip


def laplacian(rgb: Bytes) -> npt.NDArray[np.float64]:
    """OpenCV's Laplacian with an aperture of 1 and its default border."""
    image = rgb.astype(np.float64)
    for axis in (0, 1):
        border = [(0, 0), (0, 0), (0, 0)]
        border[axis] = (1, 1)
        image = np.pad(image, border, mode="reflect" if rgb.shape[axis] > 1 else "edge")
    neighbours = image[:-2, 1:-1] + image[2:, 1:-1] + image[1:-1, :-2] + image[1:-1, 2:]
    return np.asarray(neighbours - 4 * image[1:-1, 1:-1], np.float64)


def hsv(rgb: Bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Turn 8-bit RGB into HSV with OpenCV's tables of integers."""
    per_value = np.array([0, *(round((255 << 12) / i) for i in range(1, 256))])
    per_spread = np.array([0, *(round((180 << 12) / (6 * i)) for i in range(1, 256))])
    r, g, b = (rgb[..., channel].astype(np.int64) for channel in range(3))
    value = rgb.max(axis=-1).astype(np.int64)
    spread = value - rgb.min(axis=-1)
    offset = np.where(value == r, g - b, np.where(value == g, b - r + 2 * spread, r - g + 4 * spread))
    hue = (offset * per_spread[spread] + 2048) >> 12
    return np.where(hue < 0, hue + 180, hue), (spread * per_value[value] + 2048) >> 12, value


def fraction(rgb: Bytes, *bounds: tuple[int, int]) -> float:
    hue, saturation, value = hsv(rgb)
    inside = np.zeros(hue.shape, np.bool_)
    for low, high in bounds:
        inside |= (hue >= low) & (hue <= high) & (saturation >= 50) & (value >= 40)
    return float(inside.mean())


ORIGINAL: Mapping[str, Callable[[Bytes], Any]] = {
    "width": lambda rgb: rgb.shape[1],
    "height": lambda rgb: rgb.shape[0],
    "area": lambda rgb: rgb.shape[0] * rgb.shape[1],
    "aspect_ratio": lambda rgb: rgb.shape[1] / rgb.shape[0],
    "brightness": lambda rgb: np.mean(rgb) / 255,
    "contrast": lambda rgb: np.std(rgb) / 255,
    "sharpness": lambda rgb: laplacian(rgb).var(),
    "blur": lambda rgb: 1 - laplacian(rgb).var(),
    "red": lambda rgb: fraction(rgb, (0, 10), (170, 179)),
    "green": lambda rgb: fraction(rgb, (35, 75)),
    "blue": lambda rgb: fraction(rgb, (90, 130)),
}
