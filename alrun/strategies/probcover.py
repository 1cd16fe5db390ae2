"""ProbCover: cover as much of the pool as possible with balls of one radius."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Le

from alrun.numeric.blocks import EQUAL, ROWS
from alrun.numeric.kmeans import kmeans
from alrun.numeric.neighbours import MOST_PAIRS, Graph, ball_graph, foreign_distances, within
from alrun.seeds import uniform_by_key
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.cost import DOUBLE, Size, Work, clustering, picks, points
from alrun.strategies.geometry import Points, checked_points
from alrun.types import Need

_PROBES = 2048


@dataclass(frozen=True)
class ProbCover:
    """Picks the image whose ball covers the MOST candidates that no labelled or picked image covers yet.

    x covers y if |z(x) - z(y)| < delta, on embeddings scaled to length 1; it covers itself. Score: the number newly
    covered. Ties go to the lower data hash. Once everything is covered the rest comes at random, with the score 0.

    Time: O(N² D) for the graph of close pairs and O(N) a pick. Memory: a scaled copy of the embeddings, a byte for
    each of its numbers, and 40 bytes a close pair; never N x N. More than 250 million close
    pairs are an error: then delta is too large.

    Source: Yehuda, Dekel, Hacohen and Weinshall, Active Learning Through a Covering Lens, NeurIPS 2022, algorithm 1.
    Their delta is the largest of a grid for which the share of candidates whose ball holds one pseudo-label only,
    `purity`, is reached, the pseudo-labels being k-means clusters. Here it is the largest of all, without a grid:
    the quantile of the distances to the nearest image of another cluster, for 2,048 images at random at most. Their
    code drops the last N mod 500 images; this does not.

    Attributes
    ----------
    delta
        The radius, above 0, a length between unit vectors (0..2). None finds it by purity.
    purity
        The share of pure balls, above 0, at most 1; the paper's is 0.95. Not used if delta is given.
    clusters
        How many pseudo-labels, 2 or above: the paper takes the number of classes. Not used if delta is given.
    """

    delta: Annotated[float, Gt(0)] | None = None
    purity: Annotated[float, Gt(0), Le(1)] = 0.95
    clusters: Annotated[int, Ge(2)] = 10

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return N² D / 2 operations, those of k-means with 100 passes and of the probes, and the bytes.

        They are those of the most close pairs that are allowed: 40 bytes for each of 250 million, or all there are.
        """
        number, width = size.candidates, size.dimensions
        probes = min(_PROBES, number)
        reach = Work(DOUBLE * probes * number * (width + 64), 16 * probes * width + 8 * 5 * probes * ROWS)
        purity = clustering(size, self.clusters).then(reach)
        joined = 40 * min(number**2 / 2, MOST_PAIRS) + number * (width + 96) + size.rows(3 * ROWS + 4 * width)
        graph = Work(number**2 * (width + 32) / 2 + number * size.budget + number * size.labelled * width, joined)
        found = graph if self.delta is not None else purity.then(graph)
        return found.holding(points(size, unit=True) + 32 * number + picks(size))

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates that cover the pool.

        Raises
        ------
        DataError
            If embeddings are not usable, or too many images are closer than delta.
        """
        found = checked_points(inputs, unit=True)
        size = len(found.points)
        count = min(budget, size)
        if not count:
            return found.ranking(np.zeros(0, np.int64), np.zeros(0), lambda *_: "")
        radius = self.delta or self.pure_radius(found.points, rng)
        rows, scores = _most_covering(found, radius, count)
        last = uniform_by_key(inputs.candidates["data_hash"].gather(found.order), rng)
        last[rows] = np.inf
        rest = np.argsort(last, kind="stable")[: count - len(rows)]
        return found.ranking(
            np.concatenate([rows, rest]),
            np.concatenate([scores, np.zeros(len(rest))]),
            lambda _, score: (
                f"covers {score:g} of {size} candidates that were not covered, at a radius of {radius:.4g}"
                if score
                else "everything is covered: drawn at random"
            ),
        )

    def pure_radius(self, points: npt.NDArray[np.float32], rng: np.random.Generator) -> float:
        """Return the largest radius at which the share `purity` of the balls hold points of one cluster only.

        `points` has the shape (N, D), N >= 1. If all of them are in one cluster, any radius would do: the diameter
        of the unit sphere.
        """
        labels = kmeans(points, self.clusters, rng).labels
        probes = np.sort(rng.permutation(len(points))[:_PROBES])
        reach = np.sort(foreign_distances(points, labels, probes))
        impure = min(int((1 - self.purity) * len(reach) + EQUAL), len(reach) - 1)
        # A ball is open; the share keeps the pair that sets the radius out of it whatever the rounding.
        return float(min(max(reach[impure] * (1 - EQUAL), np.finfo(np.float32).tiny), 2.0))


def _most_covering(found: Points, radius: float, budget: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return up to `budget` picks, as long as there is something to cover, and how much each newly covers."""
    graph = ball_graph(found.points, radius)
    covered = within(found.points, found.labelled, radius)
    degrees = np.diff(graph.starts)
    _forget(graph, degrees, np.flatnonzero(covered))
    rows: list[int] = []
    scores: list[float] = []
    while len(rows) < budget and degrees.max() > 0:
        row = int(degrees.argmax())
        rows.append(row)
        scores.append(float(degrees[row]))
        ball = graph.neighbours(np.array([row]))
        newly = ball[~covered[ball]].astype(np.int64)
        covered[newly] = True
        _forget(graph, degrees, newly)
    return np.array(rows, np.int64), np.array(scores)


def _forget(graph: Graph, degrees: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> None:
    """Take `rows`, covered now, out of the degrees of all whose balls hold them."""
    if len(rows):
        degrees -= np.bincount(graph.neighbours(rows), minlength=len(degrees))
