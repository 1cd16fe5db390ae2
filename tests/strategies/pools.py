"""Small pools with what a test needs to know about them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.strategies.base import Ranking, Strategy, StrategyInputs

Floats = npt.NDArray[np.float32]


def gaussian(seed: int, size: int, width: int, offset: float = 0.0) -> Floats:
    return (np.random.default_rng(seed).normal(size=(size, width)) + offset).astype(np.float32)


def blobs(seed: int, size: int, width: int, count: int, spread: float = 0.3) -> Floats:
    """Points around `count` centres."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(count, width))
    return (centres[rng.integers(count, size=size)] + spread * rng.normal(size=(size, width))).astype(np.float32)


def grid(seed: int, size: int, width: int, levels: int = 4) -> Floats:
    """Whole numbers: ties and duplicates everywhere."""
    return np.random.default_rng(seed).integers(levels, size=(size, width)).astype(np.float32)


def probabilities(seed: int, size: int, classes: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng(seed).dirichlet(np.ones(classes), size)


def inputs(
    points: Floats, labelled: Floats | None = None, given: npt.NDArray[np.floating] | None = None
) -> StrategyInputs:
    names = [f"{row:06d}" for row in range(len(points))]
    frame = pl.DataFrame({"title": names, "data_hash": names})
    return StrategyInputs(frame, points, points[:0] if labelled is None else labelled, given)


def select(strategy: Strategy, given: StrategyInputs, budget: int, seed: int = 0) -> Ranking:
    return strategy.select(given, budget, np.random.default_rng(seed))
