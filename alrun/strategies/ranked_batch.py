"""Ranked batch-mode sampling: uncertain, and unlike everything labelled or picked."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.numeric.blocks import EQUAL, blocks, squared_norms, workers
from alrun.numeric.information import largest
from alrun.progress import track
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.cost import DOUBLE, Size, Work, picks, points
from alrun.strategies.geometry import Points, checked_points
from alrun.strategies.ranking import probability_scores
from alrun.types import Need

Doubles = npt.NDArray[np.float64]

_FIRST = 8  # rows that are brought up to date together; most often they decide
_MOST = 512
_CENTRES = 1024  # that a block is compared with at once
_ZERO = 1e-12  # a squared distance that is this small beside the norm is rounding


@dataclass(frozen=True)
class RankedBatch:
    """Picks the HIGHEST a (1 - 1 / (1 + d(x))) + (1 - a) u(x) first.

    d(x) is the Euclidean distance to the nearest labelled or already picked image, u(x) = 1 - p1 the uncertainty, and
    a = U / (U + L) the share of the U candidates that are left among these and the L images that are labelled or
    picked: with few labels what is new counts more, with many what is uncertain. Score: that number, in 0..1. With
    nothing labelled a is 1 and nothing is near: the first pick is the most uncertain image, with the score 1. Scores
    equal to within 1e-9 go by data hash. Embeddings are taken as they are. Draws nothing at random.

    Time: O(N L D) to begin with and O(N + M D) a pick, where M, a few hundred, are the distances brought up to date: a
    distance never grows, so that an outdated score is an upper bound; O(N B D) at worst. Memory: 40 bytes a
    candidate, the labelled and picked embeddings in float64, and blocks.

    Source: Cardoso, Silva, Canuto, Moro and Gonçalves, Ranked batch-mode active learning, Information Sciences 2017,
    with Euclidean similarity; modAL's `uncertainty_batch_sampling`. With nothing labelled, modAL begins with the image
    that is closest to all others on average.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS, Need.PROBABILITIES})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return 2 N (L + B) D operations at worst, and the bytes of the centres and some numbers a candidate."""
        number, width, centres = size.candidates, size.dimensions, size.labelled + size.budget
        blocks = size.rows(3 * min(centres, 1024) + 2 * width, 512) + 16 * min(centres, 1024) * width
        held = points(size) + 120 * number + 8 * number * 2 + 12 * centres * width + blocks + picks(size)
        return Work(DOUBLE * number * (centres + 1) * (width + 32), held)

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return `budget` candidates that are uncertain and new.

        Raises
        ------
        DataError
            If embeddings or probabilities are not usable; the message names the rows.
        """
        found = checked_points(inputs)
        uncertain = 1 - probability_scores(inputs, largest)[found.order]
        rows: list[int] = []
        scores: list[float] = []
        parts: list[str] = []
        with workers() as pool:
            nearest = _Nearest(found, min(budget, len(uncertain)), pool)
            for _ in track(range(len(nearest.centres) - nearest.count), "picking"):
                chosen = len(found.labelled) + len(rows)
                novelty = (len(uncertain) - len(rows)) / (len(uncertain) - len(rows) + chosen)
                row, score = nearest.best(novelty, uncertain)
                away = f"{nearest.distances[row]:.4g} from what is chosen" if chosen else "nothing is labelled yet"
                parts.append(f"{away}, {uncertain[row]:.1%} uncertain")
                rows.append(row)
                scores.append(score)
                nearest.choose(row)
        return found.ranking(
            np.array(rows, np.int64),
            np.array(scores),
            lambda rank, score: f"{score:.4f}: {parts[rank - 1]}",
        )


class _Nearest:
    """Distances to the nearest centre; those of most points are outdated, too large, until they matter."""

    def __init__(self, found: Points, budget: int, pool: Executor) -> None:
        self.points, self.pool = found.points, pool
        self.norms = squared_norms(found.points)
        self.centres = np.zeros((len(found.labelled) + budget, found.points.shape[1]))
        self.centres[: len(found.labelled)] = found.labelled
        self.count = len(found.labelled)
        self.distances = np.full(len(found.points), np.inf)
        self.seen = np.zeros(len(found.points), np.int64)
        self.open = np.ones(len(found.points), np.bool_)
        self._refresh(np.arange(len(found.points)))

    def best(self, novelty: float, uncertain: Doubles) -> tuple[int, float]:
        """Return the open row with the highest score, and the score; the lower row of equal ones."""
        scores = self._scores(novelty, uncertain, np.arange(len(uncertain)))
        if not self.count:  # nothing is near: all are equally new
            row = int(np.argmax(uncertain >= uncertain.max() - EQUAL))
            return row, float(scores[row])
        batch = _FIRST
        while True:
            stale = np.where(self.seen < self.count, scores, -np.inf)
            fresh = np.where(self.seen < self.count, -np.inf, scores)
            if stale.max() < fresh.max() - EQUAL or stale.max() == -np.inf:
                row = int(np.argmax(fresh >= fresh.max() - EQUAL))
                return row, float(scores[row])
            top = np.argpartition(-stale, min(batch, len(stale) - 1))[:batch]
            top = np.sort(top[stale[top] > -np.inf])
            self._refresh(top)
            scores[top] = self._scores(novelty, uncertain, top)
            batch = min(2 * batch, _MOST)

    def choose(self, row: int) -> None:
        self.centres[self.count] = self.points[row]
        self.count += 1
        self.open[row] = False
        self.seen[row] = len(self.centres)

    def _scores(self, novelty: float, uncertain: Doubles, rows: npt.NDArray[np.int64]) -> Doubles:
        scores = novelty * (1 - 1 / (1 + self.distances[rows])) + (1 - novelty) * uncertain[rows]
        return np.where(self.open[rows], scores, -np.inf)

    def _refresh(self, rows: npt.NDArray[np.int64]) -> None:
        parts = [rows[block] for block in blocks(len(rows), _MOST)]
        for some, nearer in zip(parts, self.pool.map(self._least, parts), strict=True):
            self.distances[some] = np.minimum(self.distances[some], nearer)
            self.seen[some] = self.count

    def _least(self, rows: npt.NDArray[np.int64]) -> Doubles:
        """Return the distances to the nearest of the centres that any of `rows` has not met."""
        points, least = self.points[rows].astype(np.float64), np.full(len(rows), np.inf)
        for block in blocks(self.count - (start := int(self.seen[rows].min(initial=0))), _CENTRES):
            centres = self.centres[start + block.start : start + block.stop]
            squares = self.norms[rows][:, None] + np.square(centres).sum(axis=1) - 2 * (points @ centres.T)
            squares[squares <= _ZERO * self.norms[rows][:, None]] = 0
            least = np.minimum(least, squares.min(axis=1))
        return np.asarray(np.sqrt(np.maximum(least, 0)))
