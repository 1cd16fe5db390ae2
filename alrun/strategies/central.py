"""What the strategies share that cluster candidates and pick the most central ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alrun.numeric.kmeans import kmeans
from alrun.numeric.turns import round_robin_ranks
from alrun.strategies.base import Ranking
from alrun.strategies.geometry import Points


def central(
    found: Points,
    rows: npt.NDArray[np.int64],
    budget: int,
    rng: np.random.Generator,
    weights: npt.NDArray[np.float64] | None = None,
    what: str = "",
) -> Ranking:
    """Cluster `rows` of the points into as many clusters as the budget and pick the closest to each centre.

    The largest cluster comes first. Where fewer points are distinct than picks are wanted, the clusters' next closest
    follow in turn. Score: the Euclidean distance to the centre.

    Parameters
    ----------
    rows
        Ascending.
    weights
        Of `rows`, 0 or above: they weigh the clustering; if all are 0, none does.
    what
        Ends the reasons, with the weight of the row for `{}`.
    """
    count = min(budget, len(rows))
    if not count:
        return found.ranking(np.zeros(0, np.int64), np.zeros(0), lambda *_: "")
    points = found.points if len(rows) == len(found.points) else found.points[rows]
    clustering = kmeans(points, count, rng, weights if weights is not None and weights.any() else None)
    picks = np.argsort(round_robin_ranks(clustering.labels, clustering.distances))[:count]
    sizes = np.bincount(clustering.labels)[clustering.labels[picks]]
    more = [what if weights is None else what.format(weights[pick]) for pick in picks.tolist()]
    return found.ranking(
        rows[picks],
        np.sqrt(clustering.distances[picks]),
        lambda rank, score: f"{score:.4g} from the centre of a cluster of {sizes[rank - 1]}{more[rank - 1]}",
    )
