"""Any image model of the Hugging Face hub, or of a folder: CLIP, SigLIP, DINOv2, ViT, ConvNeXt and their kin."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import file_digest
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import MinLen

from alrun.embeddings.base import Vectors
from alrun.embeddings.torch_batches import BATCH, Precision, best_device, embed_in_batches, require
from alrun.errors import ConfigError, DataError
from alrun.files import digest
from alrun.pool.images import for_each_decoded
from alrun.types import ImageFile, Scalar

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

VERSION = 1

_WEIGHTS, _INDEX = "model.safetensors", "model.safetensors.index.json"
_CONFIGS = ("config.json", "preprocessor_config.json", "processor_config.json")
_WANTED = [*_CONFIGS, _INDEX, _WEIGHTS, "model-*.safetensors"]
_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_LONGEST = 64
"""An image is cut to the middle at so many times its shorter side: enlarged, a line of pixels would fill the memory."""


@dataclass(frozen=True)
class HuggingFace:
    """The image features of a model that transformers' `AutoModel` knows (`pip install 'alrun[hf]'`).

    Which numbers they are: where the model has image features of its own (`get_image_features`: CLIP, SigLIP, ...),
    these, projected as for comparison with texts; else the pooled output (DINOv2: the normalised class token;
    ConvNeXt: the mean over the image); else, also where the weights lack the layer that pools, as a ViT's that was
    trained as a classifier do, the last state of the class token. They are not normalised. An image goes through the
    model's own image processor, in its Pillow version: torchvision is not needed.

    Only safetensors are read, never a pickle, and no code of the model's repository is run. The vectors are kept for
    the content of the model's files, wherever they lie, and for versions and kinds of device, which differ in the
    last digits. It runs on CUDA or MPS where there is one, else on the CPU.

    Attributes
    ----------
    model
        A folder with `config.json`, `preprocessor_config.json` and `model.safetensors`, or an id such as
        ``facebook/dinov2-small``, which is downloaded once into the hub's cache (`HF_HOME`).
    revision
        The branch, tag or commit of an id; None is the one that is in the cache, or else the newest.
    precision
        float16 keeps the vectors in half the space, with three digits.
    """

    cached: ClassVar[bool] = True

    model: Annotated[str, MinLen(1)]
    revision: str | None = None
    precision: Precision = "float32"

    def identity(self) -> Mapping[str, Scalar]:
        """Return parameters, versions, the digest of the model's files, and the kind of device.

        Raises
        ------
        ConfigError
            If a package is not installed, or the model cannot be had.
        """
        require("hf", "torch", "transformers")
        return {
            "embedding": "hf",
            "version": VERSION,
            "model": digest([[path.name, _file_digest(path, path.stat().st_mtime_ns)] for path in self._files()]),
            "precision": self.precision,
            "batch": _batch(best_device()),
            "transformers": metadata.version("transformers"),
            "torch": metadata.version("torch"),
            "device": best_device(),
        }

    def embed(self, images: Sequence[ImageFile]) -> Vectors:
        """Return shape (N, D), of the type `precision`.

        Raises
        ------
        ConfigError
            If a package is not installed, or the model cannot be had or does not embed images.
        BadImages
            If images cannot be decoded.
        """
        require("hf", "torch", "transformers")
        device = best_device()
        network = _network(self._files()[0].parent, device)
        load, features = network.load, network.features
        return embed_in_batches(images, network.width, load, features, self.precision, device, _batch(device))

    def _files(self) -> list[Path]:
        """Return the files that the vectors depend on, `config.json` first."""
        folder = Path(self.model).expanduser()
        if folder.is_dir():
            if self.revision is not None:
                raise ConfigError(f"embedding.revision={self.revision}: {folder} is a folder, which has no revisions")
            return _complete(folder.resolve())
        return _from_hub(self.model, self.revision)


def _batch(device: str) -> int:
    """Return how many images go through a model at once: one on a CPU, whose sums depend on the place in a batch.

    There one after the other is as fast.
    """
    return 1 if device == "cpu" else BATCH


def _from_hub(name: str, revision: str | None) -> list[Path]:
    """Return the files of a model in the hub's cache; they are downloaded first if they are not there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, RepositoryNotFoundError

    if not _HUB_ID.fullmatch(name):
        raise ConfigError(f"embedding.model={name} is neither a folder nor an id of the hub such as openai/clip-vit")
    try:
        return _complete(
            Path(snapshot_download(name, revision=revision, allow_patterns=_WANTED, local_files_only=True))
        )
    except (LocalEntryNotFoundError, ConfigError):  # not there, or not all of it
        pass
    try:
        folder = Path(snapshot_download(name, revision=revision, allow_patterns=_WANTED))
    except Exception as error:  # its HTTP client raises errors of its own
        kind = type(error).__name__
        if isinstance(error, RepositoryNotFoundError) and not isinstance(error, GatedRepoError):
            hint = "there is no such model, or it is private: check the id; for a private one set HF_TOKEN"
        elif isinstance(error, GatedRepoError):
            hint = f"it is gated: agree to its terms at https://huggingface.co/{name} and set HF_TOKEN"
        else:
            hint = (
                f"where there is a network, `hf download {name} --local-dir FOLDER` fetches it; then "
                "embedding.model=FOLDER. Or set HF_HOME to a cache that holds it"
            )
        raise ConfigError(f"embedding.model={name} cannot be had from the Hugging Face hub ({kind}): {hint}") from error
    return _complete(folder)


def _complete(folder: Path) -> list[Path]:
    """Return the files of a model in `folder`; raise `ConfigError` if some are missing."""
    weights = [_WEIGHTS]
    if not (folder / _WEIGHTS).is_file() and (folder / _INDEX).is_file():
        try:
            shards = sorted(set(json.loads((folder / _INDEX).read_bytes())["weight_map"].values()))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{folder / _INDEX} is damaged: {error}") from error
        if not all(re.fullmatch(r"[\w.-]+\.safetensors", str(name)) for name in shards):
            raise ConfigError(f"{folder / _INDEX} names files beside it that are not safetensors")
        weights = [_INDEX, *shards]
    configs = [name for name in _CONFIGS if (folder / name).is_file()]
    lacking = [name for name in weights if not (folder / name).is_file()]
    lacking += [name for name in _CONFIGS[:1] if name not in configs]
    if not set(configs) & set(_CONFIGS[1:]):
        lacking.append(_CONFIGS[1])
    if lacking:
        raise ConfigError(
            f"{folder} holds no model that can be used: there is no {' and no '.join(lacking)}. Other formats of "
            "weights are not read, since they may run code: convert them with transformers' save_pretrained"
        )
    return [folder / name for name in [*configs, *weights]]


@lru_cache(maxsize=64)
def _file_digest(path: Path, changed: int) -> str:
    del changed  # a file that was written again is another one
    with path.open("rb") as file:
        return file_digest(file, "blake2b").hexdigest()


@dataclass(frozen=True)
class _Network:
    """A model that is ready: how an image becomes its input of shape `shape`, and that a vector of `width` numbers."""

    prepare: Callable[[Image], npt.NDArray[np.float32]]
    features: Callable[[torch.Tensor], torch.Tensor]
    shape: tuple[int, ...]
    width: int

    def load(self, images: Sequence[ImageFile]) -> npt.NDArray[np.float32]:
        """Return the model's input for `images`, shape (n, *shape)."""
        values = np.empty((len(images), *self.shape), np.float32)

        def fill(row: int, image: Image) -> None:
            prepared = self.prepare(image)
            if prepared.shape != self.shape:
                raise DataError(
                    f"embedding=hf: the model's image processor makes {prepared.shape} of image "
                    f"{images[row].data_hash}, and {self.shape} of others: choose a model with one size for all images"
                )
            values[row] = prepared

        for_each_decoded(images, fill)
        return values


@lru_cache(maxsize=1)
def _network(folder: Path, device: str) -> _Network:
    try:
        with _quiet_transformers():
            return _loaded(folder, device)
    except Exception as error:  # transformers raises whatever the files lead to
        reason = next(iter(str(error).strip().splitlines()), "")
        raise ConfigError(
            f"the model in {folder} does not embed images ({type(error).__name__}: {reason}): choose a model of "
            "transformers for images, such as facebook/dinov2-small or openai/clip-vit-base-patch32"
        ) from error


def _loaded(folder: Path, device: str) -> _Network:
    import torch
    from PIL import Image as Pillow
    from transformers import AutoImageProcessor, AutoModel

    processor: Any = AutoImageProcessor.from_pretrained(folder, backend="pil", trust_remote_code=False)
    model, info = AutoModel.from_pretrained(
        folder, use_safetensors=True, trust_remote_code=False, dtype=torch.float32, output_loading_info=True
    )
    lacking = {key for key in info["missing_keys"] if "pooler" not in key.split(".")}
    if lacking:
        raise ValueError(f"its weights lack {', '.join(sorted(lacking)[:3])}")
    features = _features(model.eval().to(device), pooled=not info["missing_keys"])

    def prepare(image: Image) -> npt.NDArray[np.float32]:
        made = processor(_not_too_long(image), input_data_format="channels_last", return_tensors="np")
        return np.asarray(made["pixel_values"][0], np.float32)

    example = prepare(Pillow.new("RGB", (64, 64)))
    with torch.inference_mode():
        vector = features(torch.from_numpy(example[None]).to(device))
    if vector.shape[0] != 1 or not vector.is_floating_point():
        raise ValueError(f"it makes {tuple(vector.shape)} of one image")
    return _Network(prepare, features, example.shape, int(vector.shape[1]))


def _features(model: Any, *, pooled: bool) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what makes vectors, see `HuggingFace`; `pooled` says whether the pooling layer has weights."""

    def features(pixels: torch.Tensor) -> torch.Tensor:
        own = getattr(model, "get_image_features", None)
        output: Any = own(pixel_values=pixels) if own is not None else model(pixel_values=pixels)
        if hasattr(output, "last_hidden_state"):
            state = output.last_hidden_state
            found = getattr(output, "pooler_output", None) if pooled or own is not None else None
            output = found if found is not None else state[:, 0] if state.ndim == 3 else state.mean(dim=(2, 3))
        flat: torch.Tensor = output.flatten(1)
        return flat

    return features


def _not_too_long(image: Image) -> Image:
    width, height = (min(side, _LONGEST * min(image.size)) for side in image.size)
    if (width, height) == image.size:
        return image
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


@contextmanager
def _quiet_transformers() -> Iterator[None]:
    """Suppress its warnings, such as of weights for texts that are not used, and its bars."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
