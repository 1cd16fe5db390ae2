"""The pixels of one image, and what several metrics make of them, each computed once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

_STRIP = 40_000  # pixels: a strip and what is computed from it stay in the cache, however large the image


@dataclass(frozen=True)
class Moments:
    """The exact sums of whole numbers: the same in whichever order they were added.

    Attributes
    ----------
    count, total, squares
        How many numbers there are, their sum, and the sum of their squares.
    """

    count: int
    total: int
    squares: int

    @property
    def mean(self) -> float:
        """The mean, rounded once."""
        return self.total / self.count

    @property
    def variance(self) -> float:
        """The variance (of the population, no correction), rounded once."""
        return (self.count * self.squares - self.total**2) / self.count**2


@dataclass(frozen=True)
class Colours:
    """The fractions, in 0..1, of pixels that are distinctly red, green and blue."""

    red: float
    green: float
    blue: float


class Picture:
    """One decoded image.

    Attributes
    ----------
    rgb
        uint8, shape (height, width, 3), upright, at least one pixel; see `alrun.pool.images.decode`. Not writeable.
    """

    def __init__(self, rgb: Bytes) -> None:
        self.rgb = rgb.view()
        self.rgb.flags.writeable = False

    @property
    def height(self) -> int:
        """The height in pixels."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """The width in pixels."""
        return int(self.rgb.shape[1])

    @cached_property
    def values(self) -> Moments:
        """The moments of all values of all channels, each 0..255."""
        return _moments(self.rgb[rows] for rows in self._strips())

    @cached_property
    def laplacian(self) -> Moments:
        """The moments of the Laplacian of every channel: the four neighbours less four times the pixel.

        Beyond the border the image is mirrored without repeating the outermost pixel (OpenCV's
        BORDER_REFLECT_101); an image of one pixel in a direction goes on as that pixel.
        """
        return _moments(self._laplacian_of(rows) for rows in self._strips())

    @cached_property
    def colours(self) -> Colours:
        """How much of the image is red, green and blue.

        A pixel counts if its saturation is at least 50 and its value at least 40, of 255 each, and if its hue (of
        0..179) is up to 10 or from 170 on (red), 35..75 (green) or 90..130 (blue), all as OpenCV rounds them when
        it turns 8-bit RGB into HSV.
        """
        counts = np.sum([_colours_of(self.rgb[rows]) for rows in self._strips()], axis=0)
        return Colours(*(counts / (self.height * self.width)).tolist())

    def _strips(self) -> Iterator[slice]:
        step = max(1, _STRIP // self.width)
        return (slice(start, min(start + step, self.height)) for start in range(0, self.height, step))

    def _laplacian_of(self, rows: slice) -> npt.NDArray[np.int16]:
        height, width = self.height, self.width
        lines = self.rgb.reshape(height, width * 3)
        padded = np.empty((rows.stop - rows.start + 2, (width + 2) * 3), np.int16)
        padded[1:-1, 3:-3] = lines[rows]
        padded[0, 3:-3] = lines[rows.start - 1 if rows.start else min(1, height - 1)]
        padded[-1, 3:-3] = lines[rows.stop if rows.stop < height else max(0, height - 2)]
        beside = 6 if width > 1 else 3
        padded[:, :3] = padded[:, beside : beside + 3]
        padded[:, -3:] = padded[:, -beside - 3 : -beside]
        found: npt.NDArray[np.int16] = padded[:-2, 3:-3] + padded[2:, 3:-3]
        found += padded[1:-1, :-6]
        found += padded[1:-1, 6:]
        found -= padded[1:-1, 3:-3] << 2
        return found


def _moments(strips: Iterable[npt.NDArray[Any]]) -> Moments:
    count = total = squares = 0
    for strip in strips:
        numbers = strip.astype(np.float64).ravel()
        count += len(numbers)
        total += int(numbers.sum())  # whole numbers below 2^53: exact, in whichever order they are added
        squares += int(numbers @ numbers)
    return Moments(count, total, squares)


def _colours_of(strip: Bytes) -> list[int]:
    """Count the red, green and blue pixels.

    OpenCV's hue is ``(offset * scale + 2048) >> 12`` with ``scale = round(122880 / (max - min))`` and an offset by
    which of the channels is the largest, so that a bound of the hue is a bound of `offset * scale`. Its saturation
    is at least 50 exactly where ``170 * (max - min) >= 33 * max``.
    """
    red, green, blue = (strip[:, :, channel].astype(np.int16) for channel in range(3))
    largest = np.maximum(np.maximum(red, green), blue)
    spread = largest - np.minimum(np.minimum(red, green), blue)
    vivid = spread.view(np.uint16) * np.uint16(170) >= largest.view(np.uint16) * np.uint16(33)
    vivid &= largest >= 40
    scale: Any = np.rint(np.float32(122_880) / np.maximum(spread, 1).astype(np.float32))
    is_red = red == largest
    is_green = (green == largest) & ~is_red
    is_blue = ~(is_red | is_green)
    from_red = (green - blue) * scale
    from_green = (blue - red + 2 * spread) * scale
    from_blue = (red - green + 4 * spread) * scale
    found = (
        is_red & (from_red >= _from(-10)) & (from_red < _to(10)),
        is_green & (from_green >= _from(35)) & (from_green < _to(75)),
        (is_green & (from_green >= _from(90))) | (is_blue & (from_blue < _to(130))),
    )
    return [int(np.count_nonzero(mask & vivid)) for mask in found]


def _from(hue: int) -> np.float32:
    """Return the least value that is rounded to `hue`; exact in float32, as every value here is."""
    return np.float32((hue << 12) - 2048)


def _to(hue: int) -> np.float32:
    return _from(hue + 1)
