"""Real image files of many kinds, made at test time."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(seed: int, height: int = 12, width: int = 10) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def png(seed: int) -> bytes:
    """Make a small good image, another for each seed."""
    return encoded(noise(seed))


def two_classes(folder: Path, images: int = 30) -> Path:
    """Write different images, by turns of the classes light and dark, and return their folder, `photos`."""
    for number in range(images):
        path = folder / "photos" / ("dark" if number % 2 else "light") / f"{number:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))
    return folder / "photos"


def rotated_jpeg(orientation: int) -> bytes:
    """Make an image that is white above and black below when its EXIF orientation is applied, 16 wide, 32 high."""
    upright = np.zeros((32, 16, 3), np.uint8)
    upright[:16] = 255
    undo = {3: 2, 6: 1, 8: 3}[orientation]  # quarter turns, counter-clockwise, from shown to stored
    stored = Image.fromarray(np.rot90(upright, undo).copy())
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(stored, "JPEG", quality=95, exif=exif)


def animated_gif() -> bytes:
    """Two frames: red, then blue."""
    red, blue = (Image.new("RGB", (6, 4), colour) for colour in ("red", "blue"))
    return encoded(red, "GIF", save_all=True, append_images=[blue], duration=100)


def bomb(side: int = 60_000) -> bytes:
    """Make a PNG of under 100 bytes whose header claims `side` x `side` pixels."""
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 4)), (b"IEND", b"")]
    body = (struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def kinds() -> dict[str, bytes]:
    """Good images of every kind that users have."""
    grey = Image.fromarray(np.arange(120, dtype=np.uint8).reshape(12, 10))
    wide = Image.fromarray(np.linspace(0, 65535, 120).astype(np.uint16).reshape(12, 10))
    alpha = noise(1)
    alpha.putalpha(grey)
    return {
        "alpha.png": encoded(alpha),
        "animated.gif": animated_gif(),
        "bilevel.png": encoded(grey.convert("1")),
        "cmyk.jpg": encoded(Image.new("CMYK", (9, 7), (0, 255, 255, 0)), "JPEG"),
        "grey.png": encoded(grey),
        "grey_alpha.png": encoded(alpha.convert("LA")),
        "one_pixel.png": encoded(Image.new("RGB", (1, 1), "green")),
        "palette.png": encoded(noise(2).quantize(16)),
        "palette_alpha.gif": encoded(noise(3).quantize(16), "GIF", transparency=0),
        "palette_alphas.png": encoded(noise(4).quantize(16), transparency=bytes(range(0, 256, 16))),
        "rgb.bmp": encoded(noise(5), "BMP"),
        "rgb.tiff": encoded(noise(6), "TIFF"),
        "rgb.webp": encoded(noise(7), "WEBP"),
        "rotated.jpg": rotated_jpeg(6),
        "wide.png": encoded(wide),
        "wide.tiff": encoded(wide.resize((5, 6)), "TIFF"),
    }
