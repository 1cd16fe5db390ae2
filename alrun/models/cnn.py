"""A small convolutional network on images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Lt

from alrun.errors import ConfigError
from alrun.models import persist
from alrun.models.base import Array
from alrun.models.inputs import check_images, check_targets, predict_in_blocks, softmax
from alrun.progress import track

if TYPE_CHECKING:
    import torch

_KIND = "cnn"
_BLOCK = 256
_GRID = 4
_CHANNELS = (16, 32)
_HIDDEN = 128


@dataclass(frozen=True)
class Cnn:
    """Two convolutions and two dense layers, trained from scratch with Adam, on the CPU.

    3x3 convolution (16), ReLU, 2x2 max pooling; 3x3 convolution (32), ReLU, 2x2 max pooling; mean over a
    4x4 grid; dropout; dense (128), ReLU; dropout; dense. Weights, the order of the data and dropout all come
    from the generator passed in; torch's global generator is neither read nor moved.

    Attributes
    ----------
    image_size
        Side of the square images in pixels.
    epochs
        Passes over the training images.
    batch_size
        Images in a step; the last step of an epoch takes the rest.
    learning_rate
        Adam's step size.
    dropout
        Share of the values dropped before each dense layer, in training only.
    """

    inputs: ClassVar[Literal["embeddings", "images"]] = "images"

    image_size: Annotated[int, Ge(4)] = 28
    epochs: Annotated[int, Ge(1)] = 30
    batch_size: Annotated[int, Ge(1)] = 32
    learning_rate: Annotated[float, Gt(0)] = 0.002
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.25

    def __post_init__(self) -> None:
        if find_spec("torch") is None:  # said before a run begins, not after its labels are paid for
            raise ConfigError("model=cnn needs torch, which is not installed: pip install 'alrun[torch]'")

    def fit(
        self, inputs: Array, targets: npt.NDArray[np.int64], classes: int, rng: np.random.Generator, threads: int
    ) -> TrainedCnn:
        """Fit; see :class:`alrun.models.base.Model`.

        Raises
        ------
        ConfigError
            If torch is not installed, or the training diverged.
        DataError
            If the inputs or targets are malformed.
        """
        import torch

        check_images(inputs, self.image_size)
        check_targets(targets, len(inputs), classes)
        seen, numbered = np.unique(targets, return_inverse=True)
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        with _torch_threads(threads):
            weights = _initial(len(seen), generator)
            self._train(weights, inputs, torch.from_numpy(numbered), generator)
            scores = _forward(weights, np.array(inputs[: self.batch_size]))
        if not scores.isfinite().all():
            raise ConfigError(f"the network diverged at learning_rate={self.learning_rate}: set a lower one")
        facts = persist.Facts(_KIND, classes, tuple(seen.tolist()), self.image_size, threads)
        return TrainedCnn(facts, {name: w.detach() for name, w in weights.items()})

    def load(self, folder: Path) -> TrainedCnn:
        """Read a saved model; see :class:`alrun.models.base.Model`.

        Raises
        ------
        ConfigError
            If torch is not installed.
        DataError
            If the folder does not hold such a network.
        """
        import torch

        saved = persist.load(folder, _KIND)
        shapes = _shapes(len(saved.facts.seen))
        weights = {name: torch.from_numpy(saved.array(name, "float32", shape)) for name, shape in shapes.items()}
        return TrainedCnn(saved.facts, weights)

    def _train(
        self, weights: Mapping[str, torch.Tensor], inputs: Array, targets: torch.Tensor, generator: torch.Generator
    ) -> None:
        """Change `weights` in place."""
        import torch

        optimiser = torch.optim.Adam(list(weights.values()), lr=self.learning_rate)
        for _ in track(range(self.epochs), "training", self.epochs):
            order = torch.randperm(len(inputs), generator=generator)
            for start in range(0, len(order), self.batch_size):
                batch = order[start : start + self.batch_size]
                scores = _forward(weights, inputs[batch.numpy()], self.dropout, generator)
                optimiser.zero_grad()
                torch.nn.functional.cross_entropy(scores, targets[batch]).backward()  # type: ignore[no-untyped-call]
                optimiser.step()


@dataclass(frozen=True)
class TrainedCnn:
    """A fitted network: its float32 `weights` by name."""

    facts: persist.Facts
    weights: Mapping[str, torch.Tensor]

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        """Return float64 (N, C); see :class:`alrun.models.base.Trained`.

        Raises
        ------
        DataError
            If the images are malformed or of another size.
        """
        import torch

        check_images(inputs, self.facts.input_size)
        with _torch_threads(self.facts.threads), torch.inference_mode():
            return predict_in_blocks(
                lambda images: softmax(_forward(self.weights, images).double().numpy()),
                inputs,
                seen=self.facts.seen,
                classes=self.facts.classes,
                block=_BLOCK,
            )

    def save(self, folder: Path) -> None:
        """Write the model into `folder`; see :mod:`alrun.models.persist`."""
        persist.save(folder, self.facts, {name: w.numpy() for name, w in self.weights.items()})


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _shapes(classes: int) -> dict[str, tuple[int, ...]]:
    first, second = _CHANNELS
    return {
        "conv1.weight": (first, 3, 3, 3),
        "conv1.bias": (first,),
        "conv2.weight": (second, first, 3, 3),
        "conv2.bias": (second,),
        "dense1.weight": (_HIDDEN, second * _GRID**2),
        "dense1.bias": (_HIDDEN,),
        "dense2.weight": (classes, _HIDDEN),
        "dense2.bias": (classes,),
    }


def _initial(classes: int, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Return weights after He et al. (ICCV 2015), and biases of 0."""
    import torch

    weights = {name: torch.zeros(shape, dtype=torch.float32) for name, shape in _shapes(classes).items()}
    for name, weight in weights.items():
        if name.endswith(".weight"):
            torch.nn.init.kaiming_uniform_(weight, nonlinearity="relu", generator=generator)
        weight.requires_grad_()
    return weights


def _forward(
    weights: Mapping[str, torch.Tensor],
    images: Array,
    dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Return the scores (N, K) of uint8 images (N, side, side, 3); drops values only if a generator is given."""
    import torch
    from torch.nn import functional as layers

    def drop(values: torch.Tensor) -> torch.Tensor:
        if generator is None:
            return values
        return values * (torch.rand(values.shape, generator=generator) >= dropout) / (1 - dropout)

    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - 0.5
    for name in ("conv1", "conv2"):
        x = layers.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)
        x = layers.max_pool2d(layers.relu(x), 2)
    x = drop(layers.adaptive_avg_pool2d(x, _GRID).flatten(1))
    x = drop(layers.relu(layers.linear(x, weights["dense1.weight"], weights["dense1.bias"])))
    return layers.linear(x, weights["dense2.weight"], weights["dense2.bias"])
