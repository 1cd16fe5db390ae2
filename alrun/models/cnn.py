"""A small convolutional network on images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Lt

from alrun.models import persist
from alrun.models.base import Array
from alrun.models.inputs import check_images, check_targets, predict_in_blocks, softmax
from alrun.models.networks import (
    MonteCarlo,
    Schedule,
    check_finite,
    dense,
    dropping,
    initial,
    load_draws,
    monte_carlo,
    require_torch,
    save,
    torch_threads,
    train,
)

if TYPE_CHECKING:
    import torch

    from alrun.models.networks import Drop

_KIND = "cnn"
_BLOCK = 256
_GRID = 4
_CHANNELS = (16, 32)
_HIDDEN = 128
_DENSE = 2


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
        Share of the values dropped before each dense layer, in training and in samples.
    samples
        K: how many sets of dropped values a strategy such as `bald` sees (Monte Carlo dropout). With `dropout` 0
        they are all the same.
    """

    inputs: ClassVar[Literal["embeddings", "images"]] = "images"

    image_size: Annotated[int, Ge(4)] = 28
    epochs: Annotated[int, Ge(1)] = 30
    batch_size: Annotated[int, Ge(1)] = 32
    learning_rate: Annotated[float, Gt(0)] = 0.002
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.25
    samples: Annotated[int, Ge(1)] = 20

    def __post_init__(self) -> None:
        require_torch(_KIND)

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
        schedule = Schedule(self.epochs, self.batch_size, self.learning_rate)
        drop = dropping(self.dropout, generator)
        with torch_threads(threads):
            weights = initial(_shapes(len(seen)), generator)
            train(weights, lambda rows: _forward(weights, inputs[rows], drop), numbered, schedule, generator)
            check_finite(_forward(weights, np.array(inputs[: self.batch_size])), schedule)
        facts = persist.Facts(_KIND, classes, tuple(seen.tolist()), self.image_size, threads)
        draws = MonteCarlo(self.dropout, self.samples)
        return TrainedCnn(facts, {name: w.detach() for name, w in weights.items()}, draws)

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
        return TrainedCnn(saved.facts, weights, load_draws(saved))


@dataclass(frozen=True)
class TrainedCnn:
    """A fitted network: its float32 `weights` by name."""

    facts: persist.Facts
    weights: Mapping[str, torch.Tensor]
    draws: MonteCarlo

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        """Return float64 (N, C); see :class:`alrun.models.base.Trained`.

        Raises
        ------
        DataError
            If the images are malformed or of another size.
        """
        import torch

        check_images(inputs, self.facts.input_size)
        with torch_threads(self.facts.threads), torch.inference_mode():
            return predict_in_blocks(
                lambda images: softmax(_forward(self.weights, images).double().numpy()),
                inputs,
                seen=self.facts.seen,
                classes=self.facts.classes,
                block=_BLOCK,
            )

    def samples(self, inputs: Array, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """Return float32 (K, N, C) by Monte Carlo dropout; see :class:`alrun.models.base.Sampled`.

        Raises
        ------
        DataError
            If the images are malformed or of another size.
        """
        check_images(inputs, self.facts.input_size)
        features = partial(_features, self.weights)
        return monte_carlo(self.weights, _DENSE, features, inputs, self.facts, self.draws, rng, _BLOCK)

    def save(self, folder: Path) -> None:
        """Write the model into `folder`; see :mod:`alrun.models.persist`."""
        save(folder, self.facts, self.weights, self.draws)


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


def _forward(weights: Mapping[str, torch.Tensor], images: Array, drop: Drop | None = None) -> torch.Tensor:
    """Return the scores (N, K) of uint8 images (N, side, side, 3)."""
    return dense(weights, _features(weights, images), _DENSE, drop)


def _features(weights: Mapping[str, torch.Tensor], images: Array) -> torch.Tensor:
    """Return what goes into the first dense layer."""
    import torch
    from torch.nn import functional as layers

    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - 0.5
    for name in ("conv1", "conv2"):
        x = layers.conv2d(x, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1)
        x = layers.max_pool2d(layers.relu(x), 2)
    return layers.adaptive_avg_pool2d(x, _GRID).flatten(1)
