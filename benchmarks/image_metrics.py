"""All metrics of pixels against the original's way, in one process: as shipped, at equal threads, and against decoding.

    python benchmarks/image_metrics.py [--images 500] [--repeats 3]

The original's way is restated: each image is opened, its channels are swapped there and back, and each of the seven
metrics of its values converts the whole image anew, one image after the other. It uses OpenCV where that is installed
(`opencv-python-headless`), as the original does, else the same formulas in numpy, which is slower. Decoding is the
same images turned into arrays of pixels by one thread, as alrun's threads do it, and nothing else. The images are JPEGs
of 640 x 480 with structure at every scale, made here. A second pass of alrun over the same images reads its cache.
Values have to agree.

The ratios are those of elapsed times, and of processor seconds, which tell more on a machine that is not quiet.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from alrun.datasets.decode import quiet_pillow
from alrun.metrics.area import Area
from alrun.metrics.aspect_ratio import AspectRatio
from alrun.metrics.blue import Blue
from alrun.metrics.blur import Blur
from alrun.metrics.brightness import Brightness
from alrun.metrics.contrast import Contrast
from alrun.metrics.green import Green
from alrun.metrics.height import Height
from alrun.metrics.images import PixelMetric, measure_all
from alrun.metrics.red import Red
from alrun.metrics.sharpness import Sharpness
from alrun.metrics.width import Width
from alrun.platform.store import ImageStore
from alrun.pool.images import decode
from alrun.types import ImageFile

cv2: Any = import_module("cv2") if find_spec("cv2") else None

Bytes = npt.NDArray[np.uint8]
T = TypeVar("T")

METRICS: dict[str, PixelMetric] = {
    "brightness": Brightness(), "contrast": Contrast(), "sharpness": Sharpness(), "blur": Blur(), "red": Red(),
    "green": Green(), "blue": Blue(), "area": Area(), "aspect_ratio": AspectRatio(), "width": Width(),
    "height": Height(),
}  # fmt: skip
BOUNDS = {"red": ((0, 10), (170, 179)), "green": ((35, 75),), "blue": ((90, 130),)}


def photograph(rng: np.random.Generator) -> bytes:
    """Make a JPEG with detail at every scale, as photographs have it."""
    image = np.zeros((480, 640, 3), np.float32)
    for step in (1, 4, 16, 64, 240):
        size = (max(2, 640 // step), max(2, 480 // step))
        coarse = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
        image += (np.asarray(coarse.resize((640, 480), Image.Resampling.BICUBIC)) - np.float32(128)) * step**0.5 / 20
    file = BytesIO()
    Image.fromarray(np.clip(image + 128, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=90)
    return file.getvalue()


def laplacian(rgb: Bytes) -> Any:
    if cv2 is not None:
        return cv2.Laplacian(rgb, cv2.CV_64F)
    padded = np.pad(rgb.astype(np.float64), ((1, 1), (1, 1), (0, 0)), mode="reflect")
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    return around - 4 * padded[1:-1, 1:-1]


def hsv(rgb: Bytes) -> Any:
    if cv2 is not None:
        return cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
    per_value = np.array([0, *(round((255 << 12) / i) for i in range(1, 256))])
    per_spread = np.array([0, *(round((180 << 12) / (6 * i)) for i in range(1, 256))])
    r, g, b = (rgb[..., channel].astype(np.int64) for channel in range(3))
    value = rgb.max(axis=-1).astype(np.int64)
    spread = value - rgb.min(axis=-1)
    offset = np.where(value == r, g - b, np.where(value == g, b - r + 2 * spread, r - g + 4 * spread))
    hue = (offset * per_spread[spread] + 2048) >> 12
    return np.stack([np.where(hue < 0, hue + 180, hue), (spread * per_value[value] + 2048) >> 12, value], axis=-1)


def colour(rgb: Bytes, name: str) -> float:
    image = hsv(rgb)
    mask = np.zeros(image.shape[:2], np.bool_)
    for low, high in BOUNDS[name]:
        lower, upper = np.array([low, 50, 40]), np.array([high, 255, 255])
        if cv2 is not None:
            mask |= cv2.inRange(image, lower, upper) > 0
        else:
            mask |= ((image >= lower) & (image <= upper)).all(axis=-1)
    return float(mask.sum() / mask.size)


def original(image: ImageFile) -> dict[str, float]:
    bgr = np.ascontiguousarray(np.asarray(Image.open(image.path).convert("RGB"))[:, :, ::-1])

    def rgb() -> Bytes:
        return np.ascontiguousarray(bgr[:, :, ::-1])

    height, width = bgr.shape[:2]
    return {
        "brightness": float(np.mean(rgb()) / 255),
        "contrast": float(np.std(rgb()) / 255),
        "sharpness": float(laplacian(rgb()).var()),
        "blur": float(1 - laplacian(rgb()).var()),
        **{name: colour(rgb(), name) for name in BOUNDS},
        "area": float(height * width),
        "aspect_ratio": width / height,
        "width": float(width),
        "height": float(height),
    }


@dataclass(frozen=True)
class Took:
    elapsed: float
    processor: float


def timed(work: Callable[[], T]) -> tuple[Took, T]:
    elapsed, processor = time.perf_counter(), time.process_time()
    result = work()
    return Took(time.perf_counter() - elapsed, time.process_time() - processor), result


def ours(images: Sequence[ImageFile], threads: int, cache: Path | None = None) -> dict[str, npt.NDArray[np.float64]]:
    count, os.cpu_count = os.cpu_count, lambda: threads
    try:
        return measure_all(METRICS, images, cache).values
    finally:
        os.cpu_count = count


def decode_all(images: Sequence[ImageFile]) -> None:
    """Decode by one thread of a pool: it gets memory for less than the main thread does, as alrun's threads do."""
    with quiet_pillow(), ThreadPoolExecutor(1) as thread:
        for _ in thread.map(lambda image: np.asarray(decode(image)).shape, images):
            pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("images", 500), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    rng, cores = np.random.default_rng(0), os.cpu_count() or 1
    if cv2 is not None:
        cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        store = ImageStore(Path(folder))
        digests = [store.put(photograph(rng)) for _ in range(args.images)]
        images = [ImageFile(f"{i}", store.path(found), found) for i, found in enumerate(digests)]
        ours(images[:8], cores)  # imports are not what is measured
        times: dict[str, list[Took]] = {name: [] for name in ("original", "all cores", "one core", "decode")}
        for _ in range(args.repeats):
            took, theirs = timed(lambda: [original(image) for image in images])
            times["original"].append(took)
            took, values = timed(lambda: ours(images, cores))
            times["all cores"].append(took)
            times["one core"].append(timed(lambda: ours(images, 1))[0])
            times["decode"].append(timed(lambda: decode_all(images))[0])
        first = timed(lambda: ours(images, cores, Path(folder)))[0]
        again = timed(lambda: ours(images, cores, Path(folder)))[0]
    for name, column in values.items():
        np.testing.assert_allclose(column, [row[name] for row in theirs], rtol=1e-12)
    way = "OpenCV" if cv2 is not None else "numpy"
    print(f"{args.images} JPEGs of 640 x 480, {len(METRICS)} metrics, values equal; original with {way}, {cores} cores")
    for name, passes in times.items():
        rate = args.images / median(each.elapsed for each in passes)
        spent = 1000 / args.images * median(each.processor for each in passes)
        print(f"  {name:9} {rate:7.1f} images/s, {spent:6.2f} ms of a processor an image")
    for name, one, other in (
        ("as shipped", "original", "all cores"),
        ("equal threads", "original", "one core"),
        ("of the rate of decoding, one core each", "decode", "one core"),
    ):
        pairs = list(zip(times[one], times[other], strict=True))
        elapsed = median(a.elapsed / b.elapsed for a, b in pairs)
        processor = median(a.processor / b.processor for a, b in pairs)
        print(f"{elapsed:6.2f}  {name} ({processor:.2f} by processor seconds)")
    print(f"{again.elapsed / first.elapsed:6.1%}  second run on the same images, of the first")


if __name__ == "__main__":
    main()
