"""What the strategies share that cover the pool by similarity."""

from __future__ import annotations

from math import log

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

    The first gains take N (N / 2 + L) similarities in float64, each D operations and 640 for what is done with it. Up
    to 50,000 candidates, where all similarities are kept, what is lost to picks then takes 40 N² (2 + ln B), as a rule,
    and a pick 8,192 N; above, a pick takes 256 N similarities. The bytes: two copies of the embeddings and blocks, and
    2 N² up to 50,000 candidates.
    """
    number, width, table = size.candidates, size.dimensions, size.candidates <= TABLE
    each = DOUBLE * (width + similarity)
    work = number * (number / 2 + size.labelled) * (each + DOUBLE * 640)
    if table:
        work += number * (40 * number * (2 + log(max(size.budget, 1))) + 8192 * size.budget)
    else:
        work += 256 * size.budget * number * (each + 32)
    table_bytes = 2 * number**2 if table else 0
    parts = size.rows(4 * 256) + size.rows(4 * width) + 16 * 2048 * width + 3 * 256 * number
    return Work(work, table_bytes + parts + checked(size, unit=True) + 64 * number + picks(size))
