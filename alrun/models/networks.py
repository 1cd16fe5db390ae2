"""What networks in torch share: training, dense layers with dropout, and samples by Monte Carlo dropout."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from alrun.errors import ConfigError
from alrun.models import persist
from alrun.models.base import Array
from alrun.models.inputs import sample_in_blocks, softmax
from alrun.progress import track

if TYPE_CHECKING:
    import torch

    Weights = Mapping[str, torch.Tensor]
    Drop = Callable[[int, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Schedule:
    """How to train: passes over the data, examples in a step, and Adam's step size and weight decay."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.0


@dataclass(frozen=True)
class MonteCarlo:
    """Which share of the values before each dense layer is dropped in a sample, and how many samples there are."""

    dropout: float
    samples: int


def require_torch(model: str) -> None:
    """Say before a run begins, not after its labels are paid for, that torch is not there.

    Raises
    ------
    ConfigError
        If it is not.
    """
    if find_spec("torch") is None:
        raise ConfigError(f"model={model} needs torch, which is not installed: pip install 'alrun[torch]'")


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Let torch use so many threads within the block."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def initial(shapes: Mapping[str, tuple[int, ...]], generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Return weights after He et al. (ICCV 2015), and biases of 0."""
    import torch

    weights = {name: torch.zeros(shape, dtype=torch.float32) for name, shape in shapes.items()}
    for name, weight in weights.items():
        if name.endswith(".weight"):
            torch.nn.init.kaiming_uniform_(weight, nonlinearity="relu", generator=generator)
        weight.requires_grad_()
    return weights


def train(
    weights: Weights,
    scores: Callable[[Array], torch.Tensor],
    targets: npt.NDArray[np.int64],
    schedule: Schedule,
    generator: torch.Generator,
) -> None:
    """Change `weights` in place by Adam on the cross entropy; `scores` gets the rows of a step, in a new order each."""
    import torch

    wanted = torch.from_numpy(targets)
    optimiser = torch.optim.Adam(list(weights.values()), lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    for _ in track(range(schedule.epochs), "training", schedule.epochs):
        order = torch.randperm(len(targets), generator=generator)
        for start in range(0, len(order), schedule.batch_size):
            batch = order[start : start + schedule.batch_size]
            loss = torch.nn.functional.cross_entropy(scores(batch.numpy()), wanted[batch])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()


def check_finite(scores: torch.Tensor, schedule: Schedule) -> None:
    """Raise ConfigError if a network's scores are no numbers after training."""
    if not scores.isfinite().all():
        raise ConfigError(f"the network diverged at learning_rate={schedule.learning_rate}: set a lower one")


def dropping(share: float, generator: torch.Generator) -> Drop:
    """Return what drops each value by itself, as in training."""
    import torch

    def drop(_: int, values: torch.Tensor) -> torch.Tensor:
        return values * (torch.rand(values.shape, generator=generator) >= share) / (1 - share)

    return drop


def dense(weights: Weights, values: torch.Tensor, layers: int, drop: Drop | None = None) -> torch.Tensor:
    """Return the scores of the dense layers 1 to `layers`, ReLU between them, `drop` before each."""
    from torch.nn import functional

    for layer in range(1, layers + 1):
        if drop is not None:
            values = drop(layer, values)
        values = functional.linear(values, weights[f"dense{layer}.weight"], weights[f"dense{layer}.bias"])
        if layer < layers:
            values = functional.relu(values)
    return values


def monte_carlo(
    weights: Weights,
    layers: int,
    features: Callable[[Array], torch.Tensor],
    inputs: Array,
    facts: persist.Facts,
    draws: MonteCarlo,
    rng: np.random.Generator,
    block: int,
) -> npt.NDArray[np.float32]:
    """Return the probabilities by each of K sets of dropped values, float32 (K, N, C).

    A set is drawn once and holds for all N rows, as the weights that it stands for would: so a strategy may look at
    several images together (Kirsch, van Amersfoort and Gal, NeurIPS 2019, 3.3). After Gal and Ghahramani, Dropout as a
    Bayesian Approximation, ICML 2016.

    Parameters
    ----------
    features
        Returns the values that go into the first dense layer.
    """
    import torch

    masks = []
    for layer in range(1, layers + 1):
        width = weights[f"dense{layer}.weight"].shape[1]
        kept = rng.random((draws.samples, width)) >= draws.dropout
        masks.append(torch.from_numpy(kept / (1 - draws.dropout)).float())

    def sample(rows: Array) -> Array:
        values = features(rows)
        scores = [
            dense(weights, values, layers, lambda layer, x, k=k: x * masks[layer - 1][k])  # type: ignore[misc]
            for k in range(draws.samples)
        ]
        return softmax(torch.stack(scores).double().numpy())

    with torch_threads(facts.threads), torch.inference_mode():
        return sample_in_blocks(
            sample, inputs, members=draws.samples, seen=facts.seen, classes=facts.classes, block=block
        )


def save(folder: Path, facts: persist.Facts, weights: Weights, draws: MonteCarlo) -> None:
    """Write a network into `folder`; see :mod:`alrun.models.persist`."""
    arrays = {name: weight.numpy() for name, weight in weights.items()}
    persist.save(folder, facts, {**arrays, "monte_carlo": np.array([draws.dropout, draws.samples], np.float64)})


def load_draws(saved: persist.Saved) -> MonteCarlo:
    """Return the `draws` that were saved.

    Raises
    ------
    DataError
        If they are not possible.
    """
    dropout, samples = saved.array("monte_carlo", "float64", (2,)).tolist()
    if not (0 <= dropout < 1 and samples >= 1 and samples == int(samples)):
        raise saved.wrong("monte_carlo must hold a share below 1 and a number of samples")
    return MonteCarlo(dropout, int(samples))
