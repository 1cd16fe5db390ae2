"""The pixels of images, for models and embeddings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from alrun.datasets.decode import decoders, open_image, orientation, quiet_pillow
from alrun.errors import BadImages
from alrun.types import ImageFile

if TYPE_CHECKING:
    from PIL.Image import Image


def load_pixels(images: Sequence[ImageFile], size: int) -> npt.NDArray[np.uint8]:
    """Decode `images` to `size` x `size` pixels.

    The aspect ratio is not kept: the whole image is squeezed into the square, by Pillow's bilinear filter, which
    averages when it shrinks. An image that has this size already keeps its pixels exactly.

    Returns
    -------
    ndarray
        uint8 of shape (N, `size`, `size`, 3), RGB, row i for ``images[i]``, whatever the number of threads. See
        `decode` for what becomes of other kinds of pixels.

    Raises
    ------
    BadImages
        If images are missing or cannot be decoded; it names all of them.
    """
    pixels = np.empty((len(images), size, size, 3), np.uint8)

    def fill(row: int, image: Image) -> None:
        pixels[row] = _square(image, size)

    for_each_decoded(images, fill)
    return pixels


def for_each_decoded(images: Sequence[ImageFile], work: Callable[[int, Image], None]) -> None:
    """Decode `images` in threads, and hand the place of each and its pixels (see `decode`) to `work` there.

    Raises
    ------
    BadImages
        If images are missing or cannot be decoded; it names all of them.
    """
    reasons: dict[int, str] = {}

    def each(rows: npt.NDArray[np.intp]) -> None:
        for row in rows.tolist():
            found = try_decode(images[row])
            if isinstance(found, str):
                reasons[row] = found
            else:
                work(row, found)

    with quiet_pillow(), ThreadPoolExecutor(decoders()) as threads:
        for _ in threads.map(each, np.array_split(np.arange(len(images)), 4 * decoders())):
            pass
    if reasons:
        raise BadImages({images[row].data_hash: reasons[row] for row in sorted(reasons)})


def decode(image: ImageFile) -> Image:
    """Decode one image to 8-bit RGB, upright (its EXIF orientation applied).

    Transparency is laid over white; 16-bit grey is scaled to 8 bits; CMYK and palettes are converted; of an
    animation the first frame is taken.

    Raises
    ------
    BadImages
        If the image is missing or cannot be decoded; the message names it.
    """
    found = try_decode(image)
    if isinstance(found, str):
        raise BadImages({image.data_hash: found})
    return found


def try_decode(image: ImageFile) -> Image | str:
    """Decode one image as `decode` does; return why, in a few words, if it is missing or cannot be decoded."""
    try:
        with image.path.open("rb") as file, open_image(file) as opened:
            opened.load()
            return _upright(_rgb(opened), orientation(opened))
    except Exception as error:  # noqa: BLE001  Pillow raises whatever damaged data leads to
        return str(getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _square(image: Image, size: int) -> npt.NDArray[np.uint8]:
    from PIL.Image import Resampling

    resized = image if image.size == (size, size) else image.resize((size, size), Resampling.BILINEAR)
    return np.asarray(resized)


def _rgb(image: Image) -> Image:
    from PIL import Image as Pillow

    if image.mode.startswith("I"):  # 16 bits, some of them in a 32-bit mode
        wide = np.asarray(image).clip(0, 65535).astype(np.uint32)
        return Pillow.fromarray(((wide + 128) // 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Pillow.new("RGBA", image.size, "white")
        return Pillow.alpha_composite(white, image).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _upright(image: Image, exif_orientation: int) -> Image:
    from PIL.Image import Transpose

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM, 5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90,
    }  # fmt: skip
    return image if exif_orientation == 1 else image.transpose(turns[exif_orientation])
