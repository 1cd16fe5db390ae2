"""Masks of objects in COCO's two ways: polygons and run lengths. They are checked before C code sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from alrun.errors import ConfigError

Mask = Mapping[str, Any]
"""Run lengths as pycocotools keeps them: `size` (height, width) and `counts` (bytes)."""


class BadMask(ValueError):
    """The mask cannot be used; the message says why, in a few words."""


def finite(given: Any) -> bool:
    """Whether a value is a number that a position in an image can be: finite, and below a thousand million."""
    return type(given) in (int, float) and abs(given) < 1e9 and not math.isnan(given)


def require_pycocotools() -> None:
    """Raise `ConfigError` if pycocotools is not installed."""
    from importlib.util import find_spec

    if find_spec("pycocotools") is None:
        raise ConfigError("masks and mAP need pycocotools, which is not installed: pip install 'alrun[detection]'")


def read_mask(value: Any, width: int, height: int) -> Mask:
    """Return the mask that a `segmentation` of COCO describes.

    Parameters
    ----------
    value
        Polygons: lists of x, y, x, y, ... in pixels, three or more points each, clipped to the image. Or run
        lengths: ``{"size": [height, width], "counts": ...}`` with a list of numbers or COCO's compressed text.

    Raises
    ------
    BadMask
        If it is neither, or of another size than the image.
    """
    if isinstance(value, list):
        return polygon_mask(_polygons(value), width, height)
    if not isinstance(value, Mapping):
        raise BadMask("must be polygons (lists of x, y, ...) or run lengths (an object with size and counts)")
    if value.get("size") != [height, width]:
        raise BadMask(f"has the size {value.get('size')!r:.40}; the image's is [{height}, {width}] (height, width)")
    counts = value.get("counts")
    runs = _decompressed(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(type(run) is int and run >= 0 for run in runs):
        raise BadMask("has counts that are neither whole numbers of 0 or above nor COCO's compressed text")
    if sum(runs) != width * height:
        raise BadMask(f"has counts that sum to {sum(runs)}; the image has {width * height} pixels")
    from pycocotools import mask

    return cast("Mask", mask.frPyObjects({"size": [height, width], "counts": runs}, height, width))


def polygon_mask(polygons: Sequence[Sequence[float]], width: int, height: int) -> Mask:
    """Return the mask of all pixels in any of the `polygons`; their points are clipped to the image."""
    from pycocotools import mask

    clipped = [
        [min(max(n, 0.0), float(height if place % 2 else width)) for place, n in enumerate(polygon)]
        for polygon in polygons
    ]
    return cast("Mask", mask.merge(mask.frPyObjects(clipped, height, width)))


def box_mask(box: Sequence[float], width: int, height: int) -> Mask:
    """Return the mask of a box: x, y, width, height."""
    x, y, wide, high = box
    return polygon_mask([[x, y, x + wide, y, x + wide, y + high, x, y + high]], width, height)


def box_around(found: Mask) -> list[float]:
    """Return the smallest box around a mask: x, y, width, height; width and height are 0 for an empty mask."""
    from pycocotools import mask

    return [float(n) for n in mask.toBbox(found)]


def _polygons(value: list[Any]) -> list[list[float]]:
    if not value:
        raise BadMask("has no polygon")
    for polygon in value:
        if not isinstance(polygon, list) or not all(finite(n) for n in polygon):
            raise BadMask("must be polygons: lists of finite numbers x, y, ...")
        if len(polygon) < 6 or len(polygon) % 2:
            raise BadMask(f"has a polygon of {len(polygon)} numbers; three or more x, y pairs are needed")
    return value


def _decompressed(text: str) -> list[int]:
    """Return the run lengths that COCO's text means: base 32, each run from the third on as a difference."""
    runs: list[int] = []
    value = shift = 0
    for letter in text:
        digit = ord(letter) - 48
        if not 0 <= digit < 64 or shift > 60:
            raise BadMask("has counts that are not COCO's compressed text")
        value |= (digit & 31) << shift
        shift += 5
        if not digit & 32:
            if digit & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise BadMask("has counts that are cut off")
    return runs
