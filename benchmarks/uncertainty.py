"""Scores of uncertainty against what one would write in numpy, scikit-activeml and the way of baal, in one process.

    PYTHONPATH=. python benchmarks/uncertainty.py [--images 1000000] [--sampled 20000] [--repeats 5]

100 classes, 20 samples. alrun's times are of `select` with a budget of 100: checked input, scores, ranking and reasons.
numpy ranks too; of scikit-activeml the scores alone are timed, and with the choice of a batch as in its
`UncertaintySampling.query`; of baal the scores alone. All take turns, and the shortest of each one's times counts: of
the clock, and in brackets of the processor, which other work on the machine does not stretch as much. Without
scikit-activeml it is left out.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.strategies.bald import Bald
from alrun.strategies.base import Strategy, StrategyInputs
from alrun.strategies.entropy import Entropy
from alrun.strategies.least_confidence import LeastConfidence
from alrun.strategies.margin import Margin

Array = npt.NDArray[Any]
BUDGET = 100


@dataclass
class Contestant:
    """One way to score: what it does, which returns the scores or picks of each strategy, and its shortest times."""

    name: str
    work: Callable[[], list[Array]]
    seconds: float = np.inf
    processor: float = np.inf
    said: list[Array] = field(default_factory=list)

    def run(self) -> None:
        clock, processor = time.perf_counter(), time.process_time()
        self.said = self.work()
        self.seconds = min(self.seconds, time.perf_counter() - clock)
        self.processor = min(self.processor, time.process_time() - processor)


def distributions(shape: tuple[int, ...], kind: type[np.float32] | type[np.float64]) -> Array:
    drawn: Array = np.random.default_rng(0).random(shape, dtype=kind) + kind(1e-6)
    drawn /= drawn.sum(axis=-1, keepdims=True)
    return drawn


def pool(size: int, **given: Array) -> StrategyInputs:
    names = [f"{row:07d}" for row in range(size)]
    return StrategyInputs(pl.DataFrame({"title": names, "data_hash": names}), **given)  # type: ignore[arg-type]


def highest(scores: Array) -> Array:
    return np.argpartition(-scores, BUDGET)[:BUDGET]


def plainly(p: Array) -> list[Array]:
    ordered = np.partition(p, -2, axis=1)
    scores = (-(p * np.log2(p)).sum(axis=1), 1 - p.max(axis=1), ordered[:, -2] - ordered[:, -1])
    return [highest(score) for score in scores]


def scikit_activeml(p: Array) -> list[Contestant]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skactiveml.pool import uncertainty_scores  # type: ignore[import-untyped]
        from skactiveml.utils import simple_batch  # type: ignore[import-untyped]

    def scores() -> list[Array]:
        return [uncertainty_scores(p, method=method) for method in ("entropy", "least_confident", "margin_sampling")]

    def picks() -> list[Array]:
        return [simple_batch(utilities, random_state=0, batch_size=BUDGET) for utilities in scores()]

    return [Contestant("scikit-activeml", picks), Contestant("  its scores", scores)]


def baal(p: Array) -> list[Array]:
    """BALD as baal 2.1 computes it, of (N, C, K)."""
    from scipy.special import xlogy

    mean = p.mean(axis=-1)
    return [-xlogy(mean, mean).sum(axis=1) + xlogy(p, p).sum(axis=1).mean(axis=-1)]


def bald_plainly(p: Array) -> list[Array]:
    mean = p.mean(axis=0)
    return [highest(-(mean * np.log(mean)).sum(axis=1) + (p * np.log(p)).sum(axis=2).mean(axis=0))]


def race(what: str, given: StrategyInputs, strategies: list[Strategy], peers: list[Contestant], repeats: int) -> None:
    """Let all take turns, and print each peer's times as a multiple of alrun's."""
    ours = Contestant("alrun", lambda: [one.select(given, BUDGET, np.random.default_rng(0)).rows for one in strategies])
    for _ in range(repeats):
        for contestant in (ours, *peers):
            contestant.run()
    tracemalloc.start()
    ours.work()
    added = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    print(f"{what}: {ours.seconds:.3f} s ({ours.processor:.3f} s), at most {added:.0f} MiB besides the pool")
    for peer in peers:
        picks = [said if len(said) == BUDGET else highest(said) for said in peer.said]
        same = np.mean([np.isin(a, b).mean() for a, b in zip(ours.said, picks, strict=True)])
        times = f"{peer.seconds:7.3f} s ({peer.processor:.3f} s)   {peer.seconds / ours.seconds:5.1f} times"
        print(
            f"    {peer.name:16} {times} ({peer.processor / ours.processor:.1f})   picks shared {same:.0%}", flush=True
        )


def of_probabilities(size: int, kind: type[np.float32] | type[np.float64], repeats: int) -> None:
    p = distributions((size, 100), kind)
    peers = [Contestant("numpy", lambda: plainly(p))]
    if find_spec("skactiveml"):
        peers += scikit_activeml(p)
    strategies: list[Strategy] = [Entropy(), LeastConfidence(), Margin()]
    race(
        f"entropy + least confidence + margin, {kind.__name__}", pool(size, probabilities=p), strategies, peers, repeats
    )


def of_samples(size: int, repeats: int) -> None:
    samples = distributions((20, size, 100), np.float32)
    turned = np.ascontiguousarray(samples.transpose(1, 2, 0))
    peers = [Contestant("numpy", lambda: bald_plainly(samples)), Contestant("baal's way", lambda: baal(turned))]
    race("bald, float32", pool(size, samples=samples), [Bald()], peers, repeats)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--sampled", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    of_probabilities(options.images, np.float32, options.repeats)
    of_probabilities(options.images, np.float64, options.repeats)
    of_samples(options.sampled, options.repeats)


if __name__ == "__main__":
    main()
