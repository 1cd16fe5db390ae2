"""Clusters in turn."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def round_robin_ranks(labels: npt.NDArray[np.int64], distances: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Rank rows 1..N: clusters in turn, the closest of each first.

    Parameters
    ----------
    labels
        int64, shape (N,), 0 or above: the cluster of each row. Unused numbers do no harm.
    distances
        float64, shape (N,), 0 or above: the distance of each row to its cluster's centre. Ties go to the lower row.

    Returns
    -------
    int64, shape (N,): a permutation of 1..N. The largest cluster takes its turn first; of equally large ones
    that with the lowest row.
    """
    rows = np.arange(len(labels))
    sizes = np.bincount(labels)
    first_rows = np.zeros(len(sizes), np.int64)
    first_rows[labels[::-1]] = rows[::-1]
    turn_of = np.empty(len(sizes), np.int64)
    turn_of[np.lexsort((first_rows, -sizes))] = np.arange(len(sizes))
    turns = turn_of[labels].astype(np.min_scalar_type(len(sizes)))
    # Numbers that are 0 or above are ordered as their bits are, and 16 at a time numpy sorts in one go, stably.
    digits = np.abs(distances).astype("<f8").view("<u2").reshape(-1, 4).T
    by_turn = np.lexsort((*digits, turns))
    in_turn = np.sort(sizes)[::-1]
    place = rows - np.repeat(np.cumsum(in_turn) - in_turn, in_turn)
    at_place = len(sizes) - np.cumsum(np.bincount(sizes))[:-1]  # how many clusters are larger
    earlier = np.cumsum(at_place) - at_place
    ranks = np.empty(len(labels), np.int64)
    # The larger clusters come first, so that at each place the turns that are left are 0, 1, 2, ...
    ranks[by_turn] = earlier[place] + np.repeat(np.arange(1, len(sizes) + 1), in_turn)
    return ranks
