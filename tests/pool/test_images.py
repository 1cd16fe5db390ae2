"""The pixels of images, whatever kind of file they are in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from alrun.errors import DataError
from alrun.platform.store import ImageStore
from alrun.pool.images import load_pixels
from alrun.types import ImageFile
from tests.datasets import pictures


def stored(folder: Path, *contents: bytes) -> list[ImageFile]:
    store = ImageStore(folder)
    digests = [store.put(content) for content in contents]
    return [ImageFile(f"data-{i}", store.path(found), found) for i, found in enumerate(digests)]


def pixels_of(folder: Path, content: bytes, size: int) -> npt.NDArray[np.uint8]:
    return load_pixels(stored(folder, content), size)[0]  # type: ignore[no-any-return]


def test_an_image_of_the_right_size_keeps_its_pixels(tmp_path: Path) -> None:
    image = pictures.noise(0, 28, 28)
    np.testing.assert_array_equal(pixels_of(tmp_path, pictures.encoded(image), 28), np.asarray(image))
    grey = image.convert("L")
    expected = np.repeat(np.asarray(grey)[:, :, None], 3, axis=2)
    np.testing.assert_array_equal(pixels_of(tmp_path, pictures.encoded(grey), 28), expected)


@pytest.mark.parametrize("name", sorted(pictures.kinds()))
def test_every_kind_of_image_becomes_rgb(name: str, tmp_path: Path) -> None:
    pixels = load_pixels(stored(tmp_path, pictures.kinds()[name]), 8)
    assert pixels.shape == (1, 8, 8, 3)
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_photograph_is_turned_upright(orientation: int, tmp_path: Path) -> None:
    pixels = pixels_of(tmp_path, pictures.rotated_jpeg(orientation), 8)
    assert pixels[:3].min() > 240
    assert pixels[5:].max() < 15


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientations_are_those_that_pillow_applies(orientation: int, tmp_path: Path) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    image = pictures.noise(0, 6, 6)
    content = pictures.encoded(image, exif=exif)
    tagged = image.copy()
    tagged.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(pixels_of(tmp_path, content, 6), np.asarray(ImageOps.exif_transpose(tagged)))


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    image = Image.new("RGBA", (2, 2), (255, 0, 0, 0))
    image.putpixel((0, 0), (255, 0, 0, 255))
    image.putpixel((1, 0), (0, 0, 0, 128))
    pixels = pixels_of(tmp_path, pictures.encoded(image), 2)
    assert pixels[0, 0].tolist() == [255, 0, 0]
    assert pixels[0, 1].tolist() == [127, 127, 127]
    assert pixels[1].tolist() == [[255] * 3] * 2


def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path) -> None:
    values = np.array([[0, 257, 128], [32896, 65535, 129]], np.uint16)
    image = Image.fromarray(np.pad(values, ((0, 1), (0, 0))))
    for kind in ("PNG", "TIFF", "PPM"):
        pixels = pixels_of(tmp_path, pictures.encoded(image, kind), 3)
        assert pixels[:2, :, 0].tolist() == [[0, 1, 0], [128, 255, 1]]  # 257 steps of 65535 are one of 255


def test_cmyk_red_is_red(tmp_path: Path) -> None:
    assert pixels_of(tmp_path, pictures.kinds()["cmyk.jpg"], 1)[0, 0].tolist() == pytest.approx([255, 0, 0], abs=2)


def test_the_first_frame_of_an_animation_counts(tmp_path: Path) -> None:
    assert pixels_of(tmp_path, pictures.animated_gif(), 1)[0, 0].tolist() == [255, 0, 0]


def test_the_whole_image_is_squeezed_into_the_square(tmp_path: Path) -> None:
    left_white = np.zeros((10, 40), np.uint8)
    left_white[:, :20] = 255
    pixels = pixels_of(tmp_path, pictures.encoded(Image.fromarray(left_white)), 4)
    assert (pixels[:, 0] > 240).all()
    assert (pixels[:, 3] < 15).all()


def test_rows_follow_the_images_and_are_the_same_in_any_company(tmp_path: Path) -> None:
    images = stored(tmp_path, *(pictures.png(seed) for seed in range(50)))
    together = load_pixels(images, 16)
    np.testing.assert_array_equal(together[::-1], load_pixels(images[::-1], 16))
    np.testing.assert_array_equal(together, np.concatenate([load_pixels([image], 16) for image in images]))
    assert load_pixels([], 16).shape == (0, 16, 16, 3)


def test_the_first_image_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    images = stored(tmp_path, *(pictures.png(seed) for seed in range(20)), pictures.png(20)[:-40], b"words")
    with pytest.raises(DataError, match=r"image data-20 cannot be decoded"):
        load_pixels(images, 8)
    with pytest.raises(DataError, match=r"image data-21 .* not a PNG"):
        load_pixels(images[::-1], 8)
    images[0].path.unlink()
    with pytest.raises(DataError, match=r"image data-0 .* No such file"):
        load_pixels(images, 8)


def test_a_decompression_bomb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"image data-0 .* too large"):
        load_pixels(stored(tmp_path, pictures.bomb()), 8)
