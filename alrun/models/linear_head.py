"""A linear layer, or a small perceptron, on the embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Lt

from alrun.models import persist
from alrun.models.base import Array
from alrun.models.inputs import check_embeddings, check_targets, predict_in_blocks, softmax
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

_KIND = "linear_head"
_BLOCK = 1024


@dataclass(frozen=True)
class LinearHead:
    """A last layer trained on fixed embeddings with Adam, on the CPU; dropout gives it samples, for `bald` and others.

    Dropout, dense (hidden), ReLU if there is a hidden layer; dropout; dense. Weights, the order of the data and dropout
    all come from the generator passed in; torch's global generator is neither read nor moved.

    Attributes
    ----------
    hidden
        Width of the hidden layer; 0 is none, a linear model.
    epochs
        Passes over the training images.
    batch_size
        Images in a step; the last step of an epoch takes the rest.
    learning_rate
        Adam's step size.
    weight_decay
        Adam's L2 penalty.
    dropout
        Share of the values dropped before each dense layer, in training and in samples.
    samples
        K: how many sets of dropped values a strategy such as `bald` sees (Monte Carlo dropout). With `dropout` 0
        they are all the same.
    """

    inputs: ClassVar[Literal["embeddings", "images"]] = "embeddings"

    hidden: Annotated[int, Ge(0)] = 0
    epochs: Annotated[int, Ge(1)] = 100
    batch_size: Annotated[int, Ge(1)] = 64
    learning_rate: Annotated[float, Gt(0)] = 0.005
    weight_decay: Annotated[float, Ge(0)] = 0.0001
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.25
    samples: Annotated[int, Ge(1)] = 20

    def __post_init__(self) -> None:
        require_torch(_KIND)

    def fit(
        self, inputs: Array, targets: npt.NDArray[np.int64], classes: int, rng: np.random.Generator, threads: int
    ) -> TrainedHead:
        """Fit; see :class:`alrun.models.base.Model`.

        Raises
        ------
        ConfigError
            If torch is not installed, or the training diverged.
        DataError
            If the inputs or targets are malformed.
        """
        import torch

        check_embeddings(inputs)
        check_targets(targets, len(inputs), classes)
        seen, numbered = np.unique(targets, return_inverse=True)
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        schedule = Schedule(self.epochs, self.batch_size, self.learning_rate, self.weight_decay)
        drop = dropping(self.dropout, generator)
        values = torch.from_numpy(np.array(inputs))
        with torch_threads(threads):
            weights = initial(_shapes(inputs.shape[1], self.hidden, len(seen)), generator)
            layers = len(weights) // 2
            train(weights, lambda rows: dense(weights, values[rows], layers, drop), numbered, schedule, generator)
            check_finite(dense(weights, values[: self.batch_size], layers), schedule)
        facts = persist.Facts(_KIND, classes, tuple(seen.tolist()), inputs.shape[1], threads)
        draws = MonteCarlo(self.dropout, self.samples)
        return TrainedHead(facts, {name: w.detach() for name, w in weights.items()}, draws)

    def load(self, folder: Path) -> TrainedHead:
        """Read a saved model; see :class:`alrun.models.base.Model`.

        Raises
        ------
        ConfigError
            If torch is not installed.
        DataError
            If the folder does not hold such layers.
        """
        import torch

        saved = persist.load(folder, _KIND)
        hidden = len(saved.array("dense1.bias", "float32", (None,))) if "dense2.bias" in saved.arrays else 0
        shapes = _shapes(saved.facts.input_size, hidden, len(saved.facts.seen))
        weights = {name: torch.from_numpy(saved.array(name, "float32", shape)) for name, shape in shapes.items()}
        return TrainedHead(saved.facts, weights, load_draws(saved))


@dataclass(frozen=True)
class TrainedHead:
    """Fitted layers: their float32 `weights` by name."""

    facts: persist.Facts
    weights: Mapping[str, torch.Tensor]
    draws: MonteCarlo

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        """Return float64 (N, C); see :class:`alrun.models.base.Trained`.

        Raises
        ------
        DataError
            If the inputs are malformed or have another number of features.
        """
        import torch

        check_embeddings(inputs, self.facts.input_size)
        with torch_threads(self.facts.threads), torch.inference_mode():
            return predict_in_blocks(
                lambda rows: softmax(dense(self.weights, torch.from_numpy(rows), self._layers).double().numpy()),
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
            If the inputs are malformed or have another number of features.
        """
        import torch

        check_embeddings(inputs, self.facts.input_size)
        return monte_carlo(self.weights, self._layers, torch.from_numpy, inputs, self.facts, self.draws, rng, _BLOCK)

    def save(self, folder: Path) -> None:
        """Write the model into `folder`; see :mod:`alrun.models.persist`."""
        save(folder, self.facts, self.weights, self.draws)

    @property
    def _layers(self) -> int:
        return len(self.weights) // 2


def _shapes(features: int, hidden: int, classes: int) -> dict[str, tuple[int, ...]]:
    widths = [features, *([hidden] if hidden else []), classes]
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(1, len(widths)):
        shapes[f"dense{layer}.weight"] = (widths[layer], widths[layer - 1])
        shapes[f"dense{layer}.bias"] = (widths[layer],)
    return shapes
