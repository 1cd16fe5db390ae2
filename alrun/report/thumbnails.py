"""Small copies of images for the report: as small as they are shown, and in a form that any browser reads."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

from alrun.errors import DataError
from alrun.pool.images import decode
from alrun.types import ImageFile

SMALL = 64
SIDE = 144
PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"


def thumbnails(images: Iterable[ImageFile]) -> dict[str, bytes]:
    """Return a thumbnail for each image by data hash; an image that cannot be read has none.

    An image of at most 64 x 64 pixels is kept exactly (PNG); a larger one is fitted into 144 x 144, twice the
    size it is shown at, and compressed (JPEG). Metadata of the image, such as where it was taken, is dropped.
    """
    return {image.data_hash: content for image in images if (content := _thumbnail(image))}


def _thumbnail(image: ImageFile) -> bytes | None:
    try:
        drawn = decode(image)
    except DataError:
        return None
    small = max(drawn.size) <= SMALL
    drawn.thumbnail((SIDE, SIDE))
    drawn.info.clear()
    file = BytesIO()
    drawn.save(file, "PNG" if small else "JPEG", optimize=True, quality=80)
    return file.getvalue()
