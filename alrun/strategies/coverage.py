"""What the strategies share that cover the pool by similarity."""

from __future__ import annotations

import numpy as np

from alrun.numeric.coverage import TABLE, Similarity, greedy_coverage
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.cost import DOUBLE, Size, Work, picks
from alrun.strategies.cost import points as checked
from alrun.strategies.geometry import checked_points


def cover(inputs: StrategyInputs, similarity: Similarity, budget: int) -> Ranking:
    """Pick what adds most to the mean over the candidates of the similarity to the nearest labelled or picked one.

    The embeddings are scaled to length 1. Score: what the pick added.

    Raises
    ------
    DataError
        If embeddings are not usable; the message names the rows.
    """
    found = checked_points(inputs, unit=True)
    count = min(budget, len(found.points))
    if not count:
        return found.ranking(np.zeros(0, np.int64), np.zeros(0), lambda *_: "")
    rows, gains = greedy_coverage(found.points, found.labelled, similarity, count)
    return found.ranking(rows, gains, lambda _, score: f"raises the mean similarity to what is chosen by {score:.4g}")


def cover_work(size: Size, similarity: int = 0) -> Work:
    """Return the work of :func:`cover`, where a similarity takes so many operations besides its product.

    2 N (N + L) D operations for the first gains and 2 * 256 N D a pick, as a rule; up to 10,000 candidates, where all
    similarities are kept, D counts once and a gain takes as long as 16 products. The bytes: two copies of the
    embeddings and blocks, and 8 N² up to 10,000 candidates.
    """
    number, width, table = size.candidates, size.dimensions, size.candidates <= TABLE
    each = 16 if table else width + 16 + similarity
    first = number * (number + size.labelled) * (width + 16 + similarity)
    held = 8 * number**2 + size.rows(6 * 2048) if table else size.rows(4 * 256)
    held += checked(size, unit=True) + 64 * number + size.rows(4 * width) + 16 * 2048 * width
    return Work(DOUBLE * (first + 256 * size.budget * number * each), held + picks(size))
