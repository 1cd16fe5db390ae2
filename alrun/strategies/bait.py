"""BAIT: the batch that would tell most about the last layer's weights, as far as they matter for the pool."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt

from alrun.errors import DataError
from alrun.numeric.blocks import EQUAL, blocks, workers
from alrun.progress import track
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.cost import DOUBLE, Size, Work, picks, points
from alrun.strategies.geometry import checked_points
from alrun.types import Need

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Predict = Callable[[Floats], Doubles]

_ROWS = 256
_MOST_BYTES = 8 * 2**30


@dataclass(frozen=True)
class Bait:
    """Picks what lets tr((lambda I + sum over labelled and picked x of I(x))^-1 F) FALL most.

    I(x) = V V' with V = S(x) kron z(x) is the Fisher information of an image about the weights of a softmax layer on
    the embedding z: the columns of S are sqrt(p_y) (e_y - p) for each class y. F is the mean of I(x) over the
    candidates. Greedily, `oversample` times the budget is picked forward; then, one by one, the pick is given back
    whose loss lets the trace rise least, until the budget is left. Score: by how much the pick let the trace fall when
    it was made; the order is that of the picks. Values equal to within 1e-9 go by data hash. Draws nothing at random.

    The model must take embeddings (`inputs: embeddings`): it is asked about labelled images too. A bias or a
    regulariser of its own plays no part.

    Time: O((D C)³) once, and for each pick, forward or back, O(N (D C² + C³) + (D C)² C) for C classes and D
    dimensions, by Woodbury's identity: an image's V' M^-1 V and V' M^-1 F M^-1 V, C x C each, are kept and only
    changed. Memory: 16 (D C)² + 24 N C² bytes, 16 (D C)² more to begin with, and blocks; more than 8 GiB is an error.
    For a large pool let another strategy keep some first: `strategy=pipeline strategy@strategy.then=bait`.

    Source: Ash, Goel, Krishnamurthy and Kakade, Gone Fishing: Neural Active Learning with Fisher Embeddings, NeurIPS
    2021, algorithm 1; lambda = 1 (0.01 for CIFAR-10 there), twice the budget forward. There z are the activations
    before the network's last layer; here it is the configured embedding.

    Attributes
    ----------
    regularisation
        lambda, above 0.
    oversample
        1 or above; 1 gives nothing back.
    """

    regularisation: Annotated[float, Gt(0)] = 1.0
    oversample: Annotated[int, Ge(1)] = 2

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS, Need.PREDICT})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return 8 times (D C)³ + N (D C)² and, for each pick, forward or back, N (D C² + 8 C³) + (D C)² C."""
        number, classes, weights = size.candidates, size.classes, size.classes * size.dimensions
        turns = (2 * self.oversample - 1) * size.budget
        each = number * (weights * classes + 8 * classes**3 + 64) + weights**2 * classes
        operations = 4 * DOUBLE * (weights**3 + number * weights**2 + turns * each)
        blocks = size.rows(4 * (size.dimensions + weights + 4 * classes**2) + 4 * weights, _ROWS)
        held = 40 * weights**2 + 64 * weights * classes + 40 * number * (classes**2 + size.dimensions) + blocks
        return Work(operations, points(size) + held + picks(size))

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return `budget` informative candidates.

        Raises
        ------
        DataError
            If embeddings are not usable, or there are too many images, classes or dimensions for the memory.
        """
        found = checked_points(inputs)
        if inputs.predict is None:
            raise ValueError("the strategy was called without the predictions it declares")
        count = min(budget, len(found.points))
        if not count:
            return found.ranking(np.zeros(0, np.int64), np.zeros(0), lambda *_: "")
        with workers() as pool:
            state = _Information(found.points, found.labelled, inputs.predict, self.regularisation, pool)
            picks: dict[int, float] = {}
            for _ in track(range(min(self.oversample * budget, len(found.points))), "picking forward"):
                left = np.setdiff1d(np.arange(len(found.points)), [*picks])
                falls = state.changes(left, 1.0)
                row = int(left[np.argmax(falls >= falls.max() - EQUAL * abs(falls.max()))])
                picks[row] = float(falls.max())
                state.change(row, 1.0)
            for _ in track(range(len(picks) - count), "giving back"):
                rows = np.array([*picks])
                rises = -state.changes(rows, -1.0)
                last = np.flatnonzero(rises <= rises.min() + EQUAL * abs(rises.min()))[-1]
                del picks[int(rows[last])]
                state.change(int(rows[last]), -1.0)
        return found.ranking(
            np.array([*picks], np.int64),
            np.array([*picks.values()]),
            lambda _, score: f"lets the uncertainty about the last layer fall by {score:.4g}",
        )


class _Information:
    """M, the information so far; `inverse` is M^-1 and `spread` M^-1 F M^-1; `near` and `far` are each row's V'..V."""

    def __init__(
        self, points: Floats, labelled: Floats, predict: Predict, regularisation: float, pool: Executor
    ) -> None:
        self.points, self.pool = points, pool
        self.roots = _roots(predict(points))
        size, classes = self.roots.shape[:2]
        weights = classes * points.shape[1]
        _check_memory(size, classes, weights)
        known = _roots(predict(labelled)) if len(labelled) else np.zeros((0, classes, classes))
        self.inverse = np.asarray(np.linalg.inv(regularisation * np.eye(weights) + _fisher(labelled, known)))
        self.spread = _fisher(points, self.roots)

        def sandwich(rows: slice) -> Doubles:
            return np.asarray(self.inverse[rows] @ self.spread @ self.inverse / size)

        self.spread = np.concatenate(list(pool.map(sandwich, blocks(weights, _ROWS))))
        self.near, self.far = self._within(self.inverse), self._within(self.spread)

    def changes(self, rows: npt.NDArray[np.int64], sign: float) -> Doubles:
        """Return how much the trace falls if each of `rows` is added (sign 1) or taken away (-1)."""
        parts = [rows[block] for block in blocks(len(rows), _ROWS)]
        identity = sign * np.eye(self.near.shape[1])

        def fall(some: npt.NDArray[np.int64]) -> Doubles:
            solved = np.linalg.solve(identity + self.near[some], self.far[some])
            return np.asarray(np.trace(solved, axis1=1, axis2=2))

        return np.concatenate(list(self.pool.map(fall, parts)))

    def change(self, row: int, sign: float) -> None:
        """Add a row to M, or take it away."""
        vectors = np.einsum("cy,d->cdy", self.roots[row], self.points[row].astype(np.float64))
        vectors = vectors.reshape(len(self.inverse), -1)
        left, right = self.inverse @ vectors, self.spread @ vectors
        inner = np.linalg.inv(sign * np.eye(vectors.shape[1]) + self.near[row])
        inner = (inner + inner.T) / 2
        both = inner @ self.far[row] @ inner
        fall = left @ inner
        change, by = np.hstack([left @ both - right @ inner, -fall]), np.hstack([left, right])

        def downdate(rows: slice) -> None:
            self.inverse[rows] -= fall[rows] @ left.T
            self.spread[rows] += change[rows] @ by.T

        list(self.pool.map(downdate, blocks(len(self.inverse), _ROWS)))

        def update(rows: slice) -> None:
            a, b = self._times(rows, left), self._times(rows, right)
            crossed = b @ inner @ a.swapaxes(1, 2)
            self.near[rows] -= a @ inner @ a.swapaxes(1, 2)
            self.far[rows] += a @ both @ a.swapaxes(1, 2) - crossed - crossed.swapaxes(1, 2)

        list(self.pool.map(update, blocks(len(self.points), _ROWS)))

    def _times(self, rows: slice, matrix: Doubles) -> Doubles:
        """Return V' matrix of each row, without forming V."""
        classes, width = self.roots.shape[1], self.points.shape[1]
        flat = matrix.reshape(classes, width, -1).swapaxes(0, 1).reshape(width, -1)
        product = (self.points[rows].astype(np.float64) @ flat).reshape(-1, classes, matrix.shape[1])
        return self.roots[rows].swapaxes(1, 2) @ product

    def _within(self, matrix: Doubles) -> Doubles:
        """Return V' matrix V of each row."""
        classes, width = self.roots.shape[1], self.points.shape[1]
        blocks_of = matrix.reshape(classes, width, classes, width)
        found = np.empty_like(self.roots)

        def fill(rows: slice) -> None:
            points, inside = self.points[rows].astype(np.float64), np.empty((rows.stop - rows.start, classes, classes))
            for c in range(classes):
                for other in range(classes):
                    inside[:, c, other] = ((points @ blocks_of[c, :, other]) * points).sum(axis=1)
            found[rows] = self.roots[rows].swapaxes(1, 2) @ inside @ self.roots[rows]

        list(self.pool.map(fill, blocks(len(self.points), _ROWS)))
        return found


def _roots(probabilities: Doubles) -> Doubles:
    """Return S of each row, (N, C, C), for which S S' = diag(p) - p p'."""
    wrong = ~np.isfinite(probabilities).all(axis=1)
    if wrong.any():
        raise DataError(f"the model's predictions of {int(wrong.sum())} embeddings have a number that is not finite")
    square = np.sqrt(probabilities)
    return np.asarray(square[:, None] * (np.eye(probabilities.shape[1]) - probabilities[:, :, None]))


def _fisher(points: Floats, roots: Doubles) -> Doubles:
    """Return the sum of I(x)."""
    classes, width = roots.shape[1], points.shape[1]
    total = np.zeros((classes, width, classes, width))
    exact = points.astype(np.float64)
    inside = roots @ roots.swapaxes(1, 2)
    for c in range(classes):
        for other in range(classes):
            total[c, :, other] = exact.T @ (exact * inside[:, c, other, None])
    return total.reshape(classes * width, -1)


def _check_memory(size: int, classes: int, weights: int) -> None:
    needed = 32 * weights**2 + 24 * size * classes**2
    if needed > _MOST_BYTES:
        raise DataError(
            f"bait would take {needed / 2**30:.0f} GiB for {size} candidates, {classes} classes and "
            f"{weights // classes} dimensions, at most {_MOST_BYTES / 2**30:.0f} is allowed: let another strategy keep "
            "fewer candidates first (strategy=pipeline strategy@strategy.then=bait), or choose a smaller embedding"
        )
