"""What the metrics of neighbours share: embeddings in a fixed order, and distances to the nearest."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.numeric.cosine import nearest_distances

Doubles = npt.NDArray[np.float64]


def embeddings_of(inputs: MetricInputs) -> npt.NDArray[np.float32]:
    """Return the embeddings that the metric declares."""
    if inputs.embeddings is None:
        raise ValueError("the metric was called without the embeddings it declares")
    return inputs.embeddings


def by_data_hash(inputs: MetricInputs) -> npt.NDArray[np.int64]:
    """Return the rows in the order of their data hashes, then task ids."""
    tasks = inputs.tasks
    return np.array(sorted(range(len(tasks)), key=lambda r: (tasks[r].data_hash, tasks[r].task_id)), np.int64)


def mean_of_nearest(distances: Doubles) -> Doubles:
    """Return the mean of each row's finite distances; NaN where there is none."""
    there = np.isfinite(distances)
    counts = there.sum(axis=1)
    sums = np.where(there, distances, 0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def all_neighbours(inputs: MetricInputs, k: int) -> Doubles:
    """Return the cosine distances of each image to the k nearest others of the pool, as `nearest_distances` does."""
    rows = np.arange(len(inputs.tasks))
    return nearest_distances(embeddings_of(inputs), rows, rows, k)
