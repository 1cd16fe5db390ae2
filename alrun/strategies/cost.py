"""What a selection will cost, before it begins: operations and bytes, from the sizes of what is given alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from alrun.cores import cores
from alrun.numeric.blocks import ROWS
from alrun.numeric.d2 import TRIALS
from alrun.strategies.base import Strategy, StrategyInputs

DOUBLE = 2
"""A product in float64 takes the time of two in float32."""
PASSES = 100
"""Of k-means: hardly ever does it take more."""
REASON = 512
"""Bytes a pick: its rank, score and reason."""


@dataclass(frozen=True)
class Size:
    """How much there is to choose from; all numbers are 0 or above.

    Attributes
    ----------
    candidates, labelled
        N and L.
    dimensions
        D, of the embeddings; 0 without.
    classes
        C, of the model; 0 without.
    samples
        K, members of a committee; 0 without.
    budget
        B, at most N.
    """

    candidates: int
    budget: int
    labelled: int = 0
    dimensions: int = 0
    classes: int = 0
    samples: int = 0

    def among(self, candidates: int, budget: int | None = None) -> Size:
        """Return the size for so many candidates, if there are as many, and another budget."""
        candidates = min(candidates, self.candidates)
        return replace(self, candidates=candidates, budget=min(self.budget if budget is None else budget, candidates))

    def rows(self, columns: float, most: int = ROWS) -> float:
        """Return the bytes of a block of `most` candidates, each with so many numbers of 8 bytes, on every core."""
        return 8 * min(self.candidates, most) * columns * cores()


@dataclass(frozen=True)
class Work:
    """What a selection takes at most, or, where a strategy says so, as a rule.

    Attributes
    ----------
    operations
        The time it takes, as a number of multiply-adds of a large product of float32 matrices.
    bytes
        The most memory it holds at a time besides its inputs.
    """

    operations: float = 0
    bytes: float = 0

    def then(self, later: Work) -> Work:
        """Return the work of one after the other."""
        return Work(self.operations + later.operations, max(self.bytes, later.bytes))

    def holding(self, held: float) -> Work:
        """Return the same with so many bytes more in memory all the while."""
        return Work(self.operations, self.bytes + held)


@runtime_checkable
class Estimated(Strategy, Protocol):
    """A strategy that says what it will cost. One that does not takes next to nothing: a pass over the candidates."""

    def work(self, size: Size) -> Work:
        """Return what a selection of this size takes; more candidates, or wider ones, take no less.

        Except where there are so many that the strategy goes another way.
        """
        ...


def work_of(strategy: Strategy, size: Size) -> Work:
    """Return what a selection takes; of a strategy that does not say, what every ranking holds."""
    return strategy.work(size) if isinstance(strategy, Estimated) else Work(0, 64 * size.candidates + picks(size))


def size_of(inputs: StrategyInputs, budget: int) -> Size:
    """Return the size of a selection of `budget` picks."""
    embeddings, labelled = inputs.embeddings, inputs.labelled_embeddings
    probabilities, samples = inputs.probabilities, inputs.samples
    classes = len(inputs.classes)
    for given in (probabilities, samples):
        classes = classes if given is None else given.shape[-1]
    return Size(
        candidates=inputs.candidates.height,
        budget=min(budget, inputs.candidates.height),
        labelled=0 if labelled is None else len(labelled),
        dimensions=0 if embeddings is None else embeddings.shape[-1],
        classes=classes,
        samples=0 if samples is None else len(samples),
    )


def copies(size: Size) -> float:
    """Return the bytes of what :meth:`alrun.strategies.base.StrategyInputs.take` copies, with each row's metadata."""
    return size.candidates * (512 + 4 * size.dimensions + 8 * size.classes * (1 + size.samples))


def picks(size: Size) -> float:
    """Return the bytes of the picks and their reasons."""
    return REASON * size.budget


def points(size: Size, *, unit: bool = False) -> float:
    """Return the bytes of checked embeddings: rows in order, blocks, and a copy of all if they are scaled."""
    width = size.dimensions
    copy = 4 * (size.candidates + size.labelled) * width if unit else 0
    return 16 * size.candidates + 8 * size.labelled + copy + 8 * 2 * ROWS * width


def draws(size: Size, count: int, width: int) -> Work:
    """Return the work of :func:`alrun.numeric.d2.d2_sample`: `count` of N rows that are `width` numbers wide.

    The time is that of comparing all rows with all that were drawn, and as much for trials in vain: as a rule it is a
    small part of that.
    """
    held = 32 * size.candidates + 8 * count * width + 8 * TRIALS * (2 * width + 4 * count)
    blocks = size.rows(2 * width + 4 * min(count, 256), 512)
    return Work(2 * DOUBLE * size.candidates * (count + 1) * width, held + blocks)


def clustering(size: Size, clusters: int) -> Work:
    """Return the work of :func:`alrun.numeric.kmeans.kmeans` of all candidates, with 100 passes."""
    size = size.among(size.candidates, 0)
    number, width = size.candidates, size.dimensions
    clusters = min(clusters, number)
    # Products take half of a pass; the rest finds the largest in each row, and sums what moved.
    passes = Work(
        2 * PASSES * number * clusters * (width + 16),
        56 * number + 8 * 6 * clusters * width + size.rows(3 * clusters + 3 * width) + 4 * clusters * width * 8,
    )
    if clusters > 64:
        return draws(size, clusters, width).then(passes)
    sample = min(number, max(number // 10, 10_000))
    start = Work(2 * PASSES * sample * clusters * (width + 16), 3 * 8 * sample * (width + 2) + 2**20)
    return start.then(passes)
