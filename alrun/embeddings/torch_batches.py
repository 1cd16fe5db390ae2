"""Running a torch network over images so that a row depends on its own image only, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from alrun.embeddings.base import Vectors
from alrun.errors import BadImages, ConfigError
from alrun.types import ImageFile

if TYPE_CHECKING:
    import torch

Precision = Literal["float32", "float16"]
"""How vectors are kept: float16 takes half the space and keeps three digits."""

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
    images: Sequence[ImageFile],
    width: int,
    load: Callable[[Sequence[ImageFile]], npt.NDArray[Any]],
    network: Callable[[torch.Tensor], torch.Tensor],
    precision: Precision,
    device: str,
    batch: int = BATCH,
) -> Vectors:
    """Send images through `network`, `batch` at a time; the last batch is filled up with zeros.

    Parameters
    ----------
    width
        D, the number of values that the network returns for an image.
    load
        Returns what the network takes for n images, shape (n, ...); raises `BadImages`.
    network
        Takes the loaded values of `batch` images on `device`, returns shape (batch, D).

    Returns
    -------
    Of the type `precision`, of shape (N, D); a value out of float16's range is infinite.

    Raises
    ------
    BadImages
        It names all images that cannot be had or decoded.
    """
    import torch

    vectors: Vectors = np.empty((len(images), width), np.dtype(precision))
    reasons: dict[str, str] = {}
    with torch.inference_mode(), _same_sums(), np.errstate(over="ignore"):
        for start in range(0, len(images), batch):
            some = images[start : start + batch]
            try:
                loaded = load(some)
            except BadImages as error:
                reasons |= error.reasons
            if reasons:
                continue  # the rest is only looked at, so that every bad image is named at once
            full = np.zeros((batch, *loaded.shape[1:]), loaded.dtype)
            full[: len(some)] = loaded
            found = network(torch.from_numpy(full).to(device))
            vectors[start : start + len(some)] = found[: len(some)].float().cpu().numpy()
    if reasons:
        raise BadImages(reasons)
    return vectors


@contextmanager
def _same_sums() -> Iterator[None]:
    """Keep CUDA to algorithms that add in the same order each time, in full float32."""
    import torch

    flags: Any = torch.backends.cudnn.flags
    with flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
