"""What the strategies picked: how much they agree, and how balanced the classes are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]


def overlap(rows: pl.DataFrame, picks: pl.DataFrame, arms: Sequence[str]) -> Floats:
    """Return the mean Jaccard index of what two arms picked, float64 of shape (A, A), 0..1; 1 is the same images.

    Compared are the picks of all rounds but the initial one, for each pair of jobs with one setting and one seed; NaN
    where no such pair exists.
    """
    chosen = _chosen(rows, picks)
    matrix = np.full((len(arms), len(arms)), np.nan)
    for i, first in enumerate(arms):
        for j, second in enumerate(arms):
            pairs = [(sets, chosen.get((second, *rest))) for (arm, *rest), sets in chosen.items() if arm == first]
            found = [_jaccard(one, other) for one, other in pairs if other is not None]
            if found:
                matrix[i, j] = float(np.mean(found))
    return matrix


def class_balance(rows: pl.DataFrame, arm: str) -> float:
    """Return how evenly an arm's picks are spread over the classes, 0..1, averaged over its jobs; NaN if unknown.

    It is the entropy of the class counts over the logarithm of the number of classes that any job of the same setting
    picked: 1 is balanced, 0 is a single class.
    """
    counted = _counted(rows)
    classes = dict(counted.group_by("setting").agg(pl.col("class").n_unique()).iter_rows())
    sums = counted.filter(pl.col("arm") == arm).group_by("setting", "job", "class").agg(pl.col("images").sum())
    found = []
    for (setting, _), part in sums.sort("setting", "job", "class").group_by("setting", "job", maintain_order=True):
        if classes[setting] > 1:
            shares = part["images"].to_numpy() / part["images"].sum()
            found.append(float(-(shares * np.log(shares)).sum() / np.log(classes[setting])))
    return float(np.mean(found)) if found else float("nan")


def class_shares(rows: pl.DataFrame, arms: Sequence[str]) -> tuple[tuple[str, ...], Floats]:
    """Return the classes that were picked, most frequent first, and what share of each arm's picks is of each.

    The initial set does not count, as in `class_balance`.

    Returns
    -------
    tuple
        C classes, and float64 of shape (A, C), 0..1; a row is NaN for an arm of which no class is known.
    """
    counted = _counted(rows)
    every = counted.group_by("class").agg(pl.col("images").sum()).sort(["images", "class"], descending=[True, False])
    classes = tuple(every["class"].to_list())
    sums = {
        (arm, name): images
        for arm, name, images in counted.group_by("arm", "class").agg(pl.col("images").sum()).iter_rows()
    }
    counts = np.array([[sums.get((arm, name), 0) for name in classes] for arm in arms], np.float64)
    counts = counts.reshape(len(arms), len(classes))
    totals = counts.sum(axis=1, keepdims=True)
    return classes, np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)


def _counted(rows: pl.DataFrame) -> pl.DataFrame:
    """Return a row for each job, round after the initial one and class picked: `class` and `images`."""
    return (
        rows.filter((pl.col("role") == "job") & (pl.col("round") > 0))
        .select("arm", "setting", "job", "picked_classes")
        .explode("picked_classes")
        .unnest("picked_classes")
        .drop_nulls("class")
    )


def _chosen(rows: pl.DataFrame, picks: pl.DataFrame) -> Mapping[tuple[str, ...], set[str]]:
    jobs = rows.filter(pl.col("role") == "job").select("sweep", "job", "arm", "setting", "seed").unique()
    joined = picks.filter(pl.col("round") > 0).join(jobs, on=["sweep", "job"])
    chosen: dict[tuple[str, ...], set[str]] = {}
    for arm, setting, seed, hashes in joined.select("arm", "setting", "seed", "data_hashes").iter_rows():
        chosen.setdefault((arm, setting, str(seed)), set()).update(hashes)
    return chosen


def _jaccard(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 1.0
