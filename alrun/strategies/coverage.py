"""What the strategies share that cover the pool by similarity."""

from __future__ import annotations

import numpy as np

from alrun.numeric.coverage import Similarity, greedy_coverage
from alrun.strategies.base import Ranking, StrategyInputs
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
