"""Scores of uncertainty, against what one would write in numpy and the way of baal, in one process.

    PYTHONPATH=. python benchmarks/uncertainty.py [--images 1000000] [--sampled 20000]

100 classes, 20 samples. Times are of `select` with a budget of 100: checked input, scores and ranking.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.strategies.bald import Bald
from alrun.strategies.base import StrategyInputs
from alrun.strategies.entropy import Entropy
from alrun.strategies.least_confidence import LeastConfidence
from alrun.strategies.margin import Margin

Array = npt.NDArray[Any]
BUDGET = 100


def best(work: Callable[[], Any], times: int = 3) -> float:
    """Return the shortest of a few runs: what the machine can do when nobody disturbs it."""
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def distributions(shape: tuple[int, ...], kind: type[np.float32] | type[np.float64]) -> Array:
    drawn: Array = np.random.default_rng(0).random(shape, dtype=kind) + kind(1e-6)
    drawn /= drawn.sum(axis=-1, keepdims=True)
    return drawn


def pool(size: int, **given: Array) -> StrategyInputs:
    names = [f"{row:07d}" for row in range(size)]
    return StrategyInputs(pl.DataFrame({"title": names, "data_hash": names}), **given)  # type: ignore[arg-type]


def plainly(p: Array) -> list[Array]:
    ordered = np.partition(p, -2, axis=1)
    scores = (-(p * np.log2(p)).sum(axis=1), 1 - p.max(axis=1), ordered[:, -2] - ordered[:, -1])
    return [np.argsort(-score, kind="stable")[:BUDGET] for score in scores]


def baal(p: Array) -> Array:
    """BALD as baal 2.1 computes it, of (N, C, K)."""
    from scipy.special import xlogy

    mean = p.mean(axis=-1)
    scores = -xlogy(mean, mean).sum(axis=1) + xlogy(p, p).sum(axis=1).mean(axis=-1)
    return np.argsort(-scores, kind="stable")[:BUDGET]


def bald_plainly(p: Array) -> Array:
    mean = p.mean(axis=0)
    scores = -(mean * np.log(mean)).sum(axis=1) + (p * np.log(p)).sum(axis=2).mean(axis=0)
    return np.argsort(-scores, kind="stable")[:BUDGET]


def show(what: str, against: str, theirs: float, ours: float, same: float) -> None:
    print(
        f"{what:40} {ours:8.3f} s   {against:12} {theirs:8.3f} s   {theirs / ours:5.1f} times   picks shared {same:.0%}"
    )


def of_probabilities(size: int) -> None:
    probabilities = distributions((size, 100), np.float64)
    given, rng = pool(size, probabilities=probabilities), np.random.default_rng(0)
    strategies = (Entropy(), LeastConfidence(), Margin())
    ours = [strategy.select(given, BUDGET, rng).rows for strategy in strategies]
    same = float(np.mean([np.isin(a, b).mean() for a, b in zip(ours, plainly(probabilities), strict=True)]))
    took = best(lambda: [strategy.select(given, BUDGET, rng) for strategy in strategies])
    show("entropy + least confidence + margin", "numpy", best(lambda: plainly(probabilities)), took, same)


def of_samples(size: int) -> None:
    samples = distributions((20, size, 100), np.float32)
    given, rng = pool(size, samples=samples), np.random.default_rng(0)
    rows = Bald().select(given, BUDGET, rng).rows
    took = best(lambda: Bald().select(given, BUDGET, rng), 5)
    same = float(np.isin(rows, bald_plainly(samples)).mean())
    show("bald", "numpy", best(lambda: bald_plainly(samples), 5), took, same)
    turned = np.ascontiguousarray(samples.transpose(1, 2, 0))
    show("bald", "baal's way", best(lambda: baal(turned)), took, float(np.isin(rows, baal(turned)).mean()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--sampled", type=int, default=20_000)
    options = parser.parse_args()
    of_probabilities(options.images)
    of_samples(options.sampled)


if __name__ == "__main__":
    main()
