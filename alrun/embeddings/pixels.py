"""The pixels themselves as an embedding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Le

from alrun.pool.images import load_pixels
from alrun.types import ImageFile, Scalar

VERSION = 1

LUMA = np.array([19595, 38470, 7471], np.uint32)
"""ITU-R 601 weights of red, green and blue, in 65536ths."""


@dataclass(frozen=True)
class Pixels:
    """Pixels from 0 (black) to 1, line by line: the features of the MNIST tutorial (its 784 pixels / 255).

    Attributes
    ----------
    size
        Every image is squeezed into `size` x `size` pixels (see `alrun.pool.images.load_pixels`).
    grey
        Whether colours are turned to grey first: D is size^2, else 3 size^2 (red, green, blue of each pixel).
    """

    cached: ClassVar[bool] = True

    size: Annotated[int, Ge(1), Le(1024)] = 28
    grey: bool = True

    def identity(self) -> Mapping[str, Scalar]:
        """Return name, version and parameters."""
        return {"embedding": "pixels", "version": VERSION, "size": self.size, "grey": self.grey}

    def embed(self, images: Sequence[ImageFile]) -> npt.NDArray[np.float32]:
        """Return float32 of shape (N, D) in 0..1."""
        pixels = load_pixels(images, self.size)
        if self.grey:
            pixels = ((pixels @ LUMA + 32768) >> 16).astype(np.uint8)
        return pixels.reshape(len(images), self.size**2 * (1 if self.grey else 3)).astype(np.float32) / np.float32(255)
