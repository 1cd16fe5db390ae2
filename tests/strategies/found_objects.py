"""Pools of found objects, the original's scores of them restated, and the checks of `detection` for the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args, get_type_hints

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.models.detections import Detections
from alrun.strategies.base import StrategyInputs
from alrun.strategies.detection import Detection
from tests.strategies.pools import select

NAMES = ("cat", "dog", "cow")
SCORES = get_args(get_type_hints(Detection)["score"])
Doubles = npt.NDArray[np.float64]


def objects(images: list[list[tuple[int, float]]], probabilities: list[list[float]] | None = None) -> StrategyInputs:
    """Return candidates with these objects: class and score."""
    rows = [(i, name, score) for i, found in enumerate(images) for name, score in found]
    names = [f"{i:06d}" for i in range(len(images))]
    found = Detections(
        names=NAMES,
        sizes=np.full((len(images), 2), 100.0),
        images=np.array([i for i, _, _ in rows], np.int64),
        classes=np.array([name for _, name, _ in rows], np.int64),
        scores=np.array([score for _, _, score in rows], np.float64),
        boxes=np.ones((len(rows), 4)),
        probabilities=None if probabilities is None else np.array(probabilities),
    )
    return StrategyInputs(pl.DataFrame({"title": names, "data_hash": names}), detections=found)


def drawn(seed: int, size: int, fewest: int) -> tuple[StrategyInputs, list[Doubles]]:
    """Return images of `fewest` to 5 objects of three classes, and the class probabilities image by image."""
    rng = np.random.default_rng(seed)
    images = [rng.dirichlet(np.ones(3), rng.integers(fewest, 6)).reshape(-1, 3) for _ in range(size)]
    given = objects(
        [[(int(p.argmax()), float(p.max())) for p in rows] for rows in images],
        [p.tolist() for rows in images for p in rows],
    )
    return given, images


def original(p: Doubles) -> dict[str, tuple[float, bool]]:
    """Return the original's scores of one image with objects, and whether the highest came first."""
    logarithms = np.where(p > 0, np.log2(np.where(p > 0, p, 1)), 0)
    ordered = np.sort(p, axis=1)
    return {
        "entropy": (float(np.mean(-np.sum(p * logarithms, axis=1))), True),
        "least_confidence": (float(np.mean(1 - np.max(p, axis=1))), True),
        "margin": (float(np.mean(ordered[:, -1] - ordered[:, -2])), False),
        "variance": (float(np.mean(np.var(p, axis=1))), False),
        "confidence": (float(np.mean(np.max(p, axis=1))), False),
    }


def means_in_the_originals_order() -> str:
    given, images = drawn(0, 500, fewest=1)
    for score in SCORES:
        theirs = [original(p)[score] for p in images]
        keys = np.array([-value if highest else value for value, highest in theirs])
        assert select(Detection(score=score), given, 500).rows.tolist() == np.argsort(keys, kind="stable").tolist()
    return "same order of 500 images for each of the five scores"


def aggregates_loop() -> str:
    given, images = drawn(1, 500, fewest=0)
    values = [[1 - float(p.max()) for p in rows] for rows in images]
    aggregates: dict[str, Callable[[list[float]], float]] = {
        "mean": lambda v: sum(v) / len(v),
        "max": max,
        "sum": sum,
        "count_aware": lambda v: sum(v) / len(v) ** 0.5,
    }
    for name, aggregate in aggregates.items():
        ranking = select(Detection(score="least_confidence", aggregate=name), given, 500)  # type: ignore[arg-type]
        theirs = np.array([aggregate(v) if v else 0.0 for v in values])
        np.testing.assert_allclose(ranking.scores, theirs[ranking.rows], rtol=0, atol=1e-12)
        assert (np.diff(theirs[ranking.rows]) <= 1e-12).all()
    return "2,000 scores equal to 1e-12, highest first"


def turns_loop() -> str:
    given, images = drawn(2, 300, fewest=0)
    ours = select(Detection(score="least_confidence", balance=True), given, 300).rows.tolist()
    theirs: list[int] = []
    while True:
        before = len(theirs)
        for name in range(3):
            best, row = -1.0, -1
            for image, p in enumerate(images):
                mine = [1 - float(q.max()) for q in p if q.argmax() == name]
                if image not in theirs and mine and sum(mine) / len(mine) > best:
                    best, row = sum(mine) / len(mine), image
            theirs += [row] if row >= 0 else []
        if len(theirs) == before:
            break
    assert ours == theirs + [image for image, p in enumerate(images) if not len(p)]
    return "same 300 picks"
