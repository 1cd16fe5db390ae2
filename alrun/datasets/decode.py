"""Decoding of untrusted images: which formats, how large, and Pillow kept quiet."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import IO, TYPE_CHECKING

from alrun.cores import cores
from alrun.platform.store import FORMATS

if TYPE_CHECKING:
    from PIL.Image import Image

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "I", "I;16", "I;16B")
"""Kinds of pixels that have a defined range and become RGB; a float image ("F") has none."""

ORIENTATION = 0x0112
"""The EXIF tag that says how a camera was held: 1 to 8."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The largest image that is decoded."""

    pixels: int = 64_000_000
    size: int = 64 * 2**20


LIMITS = Limits()


class BadImage(Exception):
    """The image cannot be used; the message is the reason, in a few words."""


def decoders() -> int:
    """Return how many threads decode images: one a core, few enough that their decoded images fit into memory."""
    return min(8, cores())


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Suppress Pillow's warnings, also those in threads that the block starts and waits for."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        yield


def open_image(source: IO[bytes]) -> Image:
    """Open an image in one of `FORMATS`, without decoding its pixels yet.

    Raises
    ------
    BadImage
        If it is in no such format, or so large that Pillow takes it for a decompression bomb.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(source, formats=FORMATS)
    except UnidentifiedImageError:
        raise BadImage("not a PNG, JPEG, GIF, BMP, TIFF, WebP, JPEG 2000 or PPM image") from None
    except Image.DecompressionBombError as error:
        raise BadImage(f"too large: {error}") from error
    except Exception as error:  # Pillow raises whatever a damaged header leads to
        raise BadImage(f"damaged: {error}") from error
    if image.mode not in MODES:
        raise BadImage(
            f"pixels of kind {image.mode!r} are not supported; save the image as RGB or grey with 8 or 16 bits"
        )
    return image


def orientation(image: Image) -> int:
    """Return the EXIF orientation, 1 (upright) to 8; 1 where there is none or it is damaged."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except Exception:  # noqa: BLE001  damaged metadata does not make the pixels worse
        return 1
    return value if value in range(1, 9) else 1


def check(content: bytes, limits: Limits) -> tuple[int, int]:
    """Decode an image once; return its width and height in pixels as it is shown (upright).

    Of an animated image the first frame counts.

    Raises
    ------
    BadImage
        If it cannot be decoded whole or is over the limits, which are checked before decoding.
    """
    check_size(len(content), limits)
    with open_image(BytesIO(content)) as image:
        width, height = image.size
        if width * height > limits.pixels:
            raise BadImage(f"too large: {width} x {height} pixels, at most {limits.pixels // 10**6} megapixels")
        try:
            image.load()
        except Exception as error:  # Pillow raises whatever damaged data leads to
            raise BadImage(f"damaged: {error}") from error
        turned = orientation(image) >= 5
    return (height, width) if turned else (width, height)


def check_size(size: int, limits: Limits) -> None:
    """Raise `BadImage` if `size` (bytes) is nothing or over the limit."""
    if size == 0:
        raise BadImage("the file is empty")
    if size > limits.size:
        raise BadImage(f"too large: {size / 2**20:.0f} MiB, at most {limits.size // 2**20} MiB")
