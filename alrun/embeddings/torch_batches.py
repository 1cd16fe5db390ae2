"""Running a torch network over images so that a row depends on its own image only, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alrun.errors import ConfigError
from alrun.pool.images import load_pixels
from alrun.types import ImageFile

if TYPE_CHECKING:
    import torch

BATCH = 16
"""How many images go through a network at once, always: another number may give other last digits."""


def require(extra: str, *modules: str) -> None:
    """Raise `ConfigError` if a module is not installed; it names the extra of alrun that brings it."""
    from importlib.util import find_spec

    lacking = [name for name in modules if find_spec(name) is None]
    if lacking:
        raise ConfigError(
            f"the embedding needs {', '.join(lacking)}, which {'is' if len(lacking) == 1 else 'are'} not installed: "
            f"pip install 'alrun[{extra}]'"
        )


def best_device() -> str:
    """Return the kind of device that networks run on: cuda or mps if there is one, else cpu."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def embed_in_batches(
    images: Sequence[ImageFile], size: int, width: int, network: Callable[[torch.Tensor], torch.Tensor], device: str
) -> npt.NDArray[np.float32]:
    """Send images through `network`, `BATCH` at a time; the last batch is filled up with black images.

    Parameters
    ----------
    size
        Every image is squeezed into `size` x `size` pixels (see `alrun.pool.images.load_pixels`).
    width
        D, the number of values that the network returns for an image.
    network
        Takes float32 of shape (BATCH, 3, `size`, `size`) in 0..255 on `device`, returns shape (BATCH, D).

    Returns
    -------
    float32 of shape (N, D).
    """
    import torch

    vectors = np.empty((len(images), width), np.float32)
    with torch.inference_mode(), _same_sums():
        for start in range(0, len(images), BATCH):
            some = images[start : start + BATCH]
            pixels = np.zeros((BATCH, size, size, 3), np.uint8)
            pixels[: len(some)] = load_pixels(some, size)
            batch = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float().contiguous()
            vectors[start : start + len(some)] = network(batch)[: len(some)].float().cpu().numpy()
    return vectors


@contextmanager
def _same_sums() -> Iterator[None]:
    """Keep CUDA to algorithms that add in the same order each time, in full float32."""
    import torch

    flags: Any = torch.backends.cudnn.flags
    with flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
