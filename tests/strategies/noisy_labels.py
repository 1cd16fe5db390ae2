"""Labels some of which are wrong, and which of them confident learning has to find."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import polars as pl

from alrun.strategies.base import StrategyInputs
from alrun.strategies.relabel_suspects import RelabelSuspects


def suspects(given: list[int], probabilities: Any, classes: tuple[str, ...] = ()) -> StrategyInputs:
    names = [f"image-{i}" for i in range(len(given))]
    frame = pl.DataFrame({"title": names, "data_hash": names})
    return StrategyInputs(
        frame, probabilities=np.array(probabilities, float), given=np.array(given, np.int64), classes=classes
    )


def ranked(strategy: RelabelSuspects, given: StrategyInputs) -> list[tuple[int, float]]:
    ranking = strategy.select(given, 10_000, np.random.default_rng(0))
    return list(zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True))


def noisy(seed: int, classes: int = 4, size: int = 400) -> StrategyInputs:
    """Return probabilities that lean to a true class, of which one in six was labelled as another."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(classes - 1, size=size)  # the last class never occurs
    probabilities = rng.dirichlet(np.ones(classes), size) + 1.2 * np.eye(classes)[truth]
    given = np.where(rng.random(size) < 1 / 6, rng.integers(classes - 1, size=size), truth)
    return suspects(given.tolist(), probabilities / probabilities.sum(axis=1, keepdims=True))


def off_diagonal(given: StrategyInputs) -> set[int]:
    """Return by the definition, row by row, which labels confident learning holds for wrong."""
    assert given.probabilities is not None
    assert given.given is not None
    p, y = given.probabilities.tolist(), given.given.tolist()
    of_class = {k: [row[k] for row, label in zip(p, y, strict=True) if label == k] for k in set(y)}
    thresholds = {k: sum(values) / len(values) for k, values in of_class.items()}
    found = set()
    for number, (row, label) in enumerate(zip(p, y, strict=True)):
        reached = [k for k, threshold in thresholds.items() if row[k] >= threshold]
        if reached and max(reached, key=lambda k: row[k]) != label:
            found.add(number)
    return found


def label_quality_peer() -> str:
    from cleanlab.rank import get_label_quality_scores

    methods: tuple[Literal["self_confidence", "normalized_margin"], ...] = ("self_confidence", "normalized_margin")
    for method in methods:
        given = noisy(1, classes=12, size=1_000)
        theirs = get_label_quality_scores(given.given, given.probabilities, method=method)
        found = ranked(RelabelSuspects(method), given)
        np.testing.assert_allclose([score for _, score in found], theirs[[row for row, _ in found]], atol=1e-15)
        assert len(found) == 1_000
    return "2,000 scores by two methods equal to 1e-15"


def confident_joint_loop() -> str:
    picked = 0
    for seed in range(4):
        given = noisy(seed)
        found = ranked(RelabelSuspects("confident_learning"), given)
        confidence = dict(ranked(RelabelSuspects(), given))
        assert {row for row, _ in found} == off_diagonal(given)
        assert found == sorted(((row, confidence[row]) for row, _ in found), key=lambda pick: (pick[1], pick[0]))
        picked += len(found)
    return f"same {picked} labels of 1,600 suspected, in the same order"
