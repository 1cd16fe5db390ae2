"""The pixels of one image, and what several metrics make of them, each computed once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alrun.metrics.scratch import Scratch

Bytes = npt.NDArray[np.uint8]

_STRIP = 160_000
"""Pixels that are worked on at once. However large the image, the intermediate results are those of one strip, which
stay in the cache. Much smaller ones are slow in several threads: each call of numpy hands on the interpreter's lock."""

_EXACT = 256  # squares of 8-bit numbers, added up, are below 2^24: exact in float32, in whichever order

_scratch = Scratch()


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
        # No functools.cached_property: before Python 3.12 one lock for the pictures of all threads is held meanwhile.
        self._values: Moments | None = None
        self._laplacian: Moments | None = None
        self._colours: Colours | None = None

    @property
    def height(self) -> int:
        """The height in pixels."""
        return int(self.rgb.shape[0])

    @property
    def width(self) -> int:
        """The width in pixels."""
        return int(self.rgb.shape[1])

    @property
    def values(self) -> Moments:
        """The moments of all values of all channels, each 0..255."""
        self._values = self._values or self._moments_of_values()
        return self._values

    @property
    def laplacian(self) -> Moments:
        """The moments of the Laplacian of every channel: the four neighbours less four times the pixel.

        Beyond the border the image is mirrored without repeating the outermost pixel (OpenCV's
        BORDER_REFLECT_101); an image of one pixel in a direction goes on as that pixel.
        """
        self._laplacian = self._laplacian or self._moments_of_laplacian()
        return self._laplacian

    @property
    def colours(self) -> Colours:
        """How much of the image is red, green and blue.

        A pixel counts if its saturation is at least 50 and its value at least 40, of 255 each, and if its hue (of
        0..179) is up to 10 or from 170 on (red), 35..75 (green) or 90..130 (blue), all as OpenCV rounds them when
        it turns 8-bit RGB into HSV.
        """
        self._colours = self._colours or self._fractions_of_colours()
        return self._colours

    def _moments_of_values(self) -> Moments:
        total = squares = 0
        for rows in self._strips():
            numbers = self.rgb[rows].reshape(-1)
            lines = _scratch.array("values", (-(-len(numbers) // _EXACT), _EXACT), np.float32)
            flat = lines.reshape(-1)
            flat[: len(numbers)] = numbers
            flat[len(numbers) :] = 0
            total += int((lines @ np.ones(_EXACT, np.float32)).sum(dtype=np.float64))
            squares += int(np.vecdot(lines, lines).sum(dtype=np.float64))
        return Moments(self.rgb.size, total, squares)

    def _moments_of_laplacian(self) -> Moments:
        total = squares = 0
        for lines in (self.rgb, self.rgb.transpose(1, 0, 2)):
            if len(lines) > 1:  # second differences add up to the first ones at both ends
                first, second, last_but_one, last = (int(lines[place].sum()) for place in (0, 1, -2, -1))
                total += second - first + last_but_one - last
        for rows in self._strips():
            found = self._laplacian_of(rows)
            numbers = _scratch.array("laplacian", found.shape, np.float64)
            numbers[:] = found
            squares += int(numbers @ numbers)  # whole, below 2^53: exact, in whichever order they are added
        return Moments(self.rgb.size, total, squares)

    def _fractions_of_colours(self) -> Colours:
        counts = np.sum([_colours_of(self.rgb[rows]) for rows in self._strips()], axis=0)
        return Colours(*(counts / (self.height * self.width)).tolist())

    def _strips(self) -> Iterator[slice]:
        strips = -(-self.height * self.width // _STRIP)
        step = -(-self.height // strips)
        return (slice(start, min(start + step, self.height)) for start in range(0, self.height, step))

    def _laplacian_of(self, rows: slice) -> npt.NDArray[np.int16]:
        """Return the Laplacian of these rows, flat, with a zero for each channel before and behind every row."""
        height, width = self.height, self.width
        lines = self.rgb.reshape(height, width * 3)
        count, length = rows.stop - rows.start, (width + 2) * 3
        padded = _scratch.array("padded", (count + 2, length), np.int16)
        padded[1:-1, 3:-3] = lines[rows]
        padded[0, 3:-3] = lines[rows.start - 1 if rows.start else min(1, height - 1)]
        padded[-1, 3:-3] = lines[rows.stop if rows.stop < height else max(0, height - 2)]
        beside = 6 if width > 1 else 3
        padded[:, :3] = padded[:, beside : beside + 3]
        padded[:, -3:] = padded[:, -beside - 3 : -beside]
        flat, size = padded.reshape(-1), count * length  # flat: numpy is twice as fast as with rows of a larger array
        found = _scratch.array("found", (count, length), np.int16)
        around = found.reshape(-1)
        np.left_shift(flat[length : length + size], 2, out=around)
        np.subtract(flat[:size], around, out=around)
        for neighbour in (2 * length, length - 3, length + 3):
            around += flat[neighbour : neighbour + size]
        found[:, :3] = found[:, -3:] = 0
        return around


def _colours_of(strip: Bytes) -> tuple[int, int, int]:
    """Count the red, green and blue pixels.

    OpenCV's hue is ``(offset * scale + 2048) >> 12`` with ``scale = round(122880 / (max - min))`` and an offset by
    which of the channels is the largest, so that a bound of the hue is a bound of `offset * scale`. Its saturation
    is at least 50 exactly where ``170 * (max - min) >= 33 * max``.
    """
    pixels = strip.reshape(-1, 3)
    shorts = _scratch.array("shorts", (6, len(pixels)), np.int16)
    scale, hue = _scratch.array("floats", (2, len(pixels)), np.float32)
    vivid, is_red, is_green, is_blue, found, below = _scratch.array("masks", (6, len(pixels)), np.bool_)
    for channel in range(3):
        shorts[channel] = pixels[:, channel]
    red, green, blue, largest, spread, offset = shorts
    np.maximum(np.maximum(green, blue, out=largest), red, out=largest)
    np.minimum(np.minimum(green, blue, out=spread), red, out=spread)
    np.subtract(largest, spread, out=spread)
    np.equal(red, largest, out=is_red)
    np.greater(np.equal(green, largest, out=is_green), is_red, out=is_green)
    np.greater_equal(largest, 40, out=vivid)
    unsigned = shorts.view(np.uint16)
    np.multiply(unsigned[4], 170, out=unsigned[5])
    np.multiply(unsigned[3], 33, out=unsigned[3])
    vivid &= np.greater_equal(unsigned[5], unsigned[3], out=found)
    is_red &= vivid
    is_green &= vivid
    np.greater(vivid, np.logical_or(is_red, is_green, out=is_blue), out=is_blue)
    twice = np.left_shift(spread, 1, out=largest)

    def turn(first: npt.NDArray[np.int16], second: npt.NDArray[np.int16], thirds: int) -> None:
        np.subtract(first, second, out=offset)
        for _ in range(thirds):
            np.add(offset, twice, out=offset)
        hue[:] = offset  # in a step of its own: numpy is slow where the types of two factors differ
        np.multiply(hue, scale, out=hue)

    def count(sector: npt.NDArray[np.bool_], low: int | None, high: int | None) -> int:
        within = sector
        if low is not None:
            within = np.logical_and(within, np.greater_equal(hue, _from(low), out=found), out=found)
        if high is not None:
            within = np.logical_and(within, np.less(hue, _from(high + 1), out=below), out=below)
        return int(np.count_nonzero(within))

    scale[:] = spread
    with np.errstate(divide="ignore", invalid="ignore"):  # where the spread is 0: grey, and so not vivid
        np.rint(np.divide(np.float32(122_880), scale, out=scale), out=scale)
        turn(green, blue, 0)
        reds = count(is_red, -10, 10)
        turn(blue, red, 1)
        greens, blues = count(is_green, 35, 75), count(is_green, 90, None)  # of hues of 30..90
        turn(red, green, 2)
        return reds, greens, blues + count(is_blue, None, 130)  # of hues of 90..150


def _from(hue: int) -> np.float32:
    """Return the least value that is rounded to `hue`; exact in float32, as every value here is."""
    return np.float32((hue << 12) - 2048)
