from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alrun.report.thumbnails import thumbnails
from alrun.types import ImageFile


def saved(folder: Path, image: Image.Image, name: str = "image.png", exif: Image.Exif | None = None) -> ImageFile:
    image.save(folder / name, exif=exif or image.getexif())
    return ImageFile(name, folder / name, name)


def test_a_small_image_is_kept_pixel_by_pixel(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    content = thumbnails([saved(tmp_path, Image.fromarray(pixels))])["image.png"]
    with Image.open(BytesIO(content)) as image:
        assert image.format == "PNG"
        assert (np.asarray(image.convert("L")) == pixels).all()


@pytest.mark.parametrize("name", ["photo.png", "photo.jpg"])
def test_a_large_image_becomes_a_small_jpeg_of_the_same_shape(tmp_path: Path, name: str) -> None:
    gradient = np.linspace(0, 255, 2000 * 1000 * 3).reshape(1000, 2000, 3).astype(np.uint8)
    content = thumbnails([saved(tmp_path, Image.fromarray(gradient), name)])[name]
    with Image.open(BytesIO(content)) as image:
        assert (image.format, image.size) == ("JPEG", (144, 72))
    assert len(content) < 10_000


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGBA", "CMYK", "I", "I;16"])
@pytest.mark.parametrize("side", [8, 200])
def test_every_kind_of_pixel_has_a_thumbnail(tmp_path: Path, mode: str, side: int) -> None:
    image = Image.new(mode, (side, side))
    assert thumbnails([saved(tmp_path, image, f"{mode.replace(';', '')}.tif")])


def test_it_stands_upright_and_forgets_where_it_was_taken(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010E] = "home address"
    file = saved(tmp_path, Image.new("RGB", (400, 200)), "photo.jpg", exif=exif)
    content = thumbnails([file])["photo.jpg"]
    with Image.open(BytesIO(content)) as image:
        assert image.size == (72, 144)
    assert b"home address" not in content


def test_an_image_that_cannot_be_read_has_none(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    missing = ImageFile("missing", tmp_path / "missing.png", "x")
    assert thumbnails([ImageFile("bad", tmp_path / "bad.png", "x"), missing]) == {}
