"""UCI's WDBC by the protocol of Lu, Li and Lin (TMLR 2025, arXiv 2306.08954), with alrun's strategies.

40 % of the rows are the test set and 20 rows are labelled at first; then one row is labelled at a time until all are,
and an SVM with an RBF kernel is fitted after each. AUBC: the area under the accuracies after the queries, by
trapezoids, divided by the number of queries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.strategies.base import Strategy, StrategyInputs
from alrun.strategies.kcenter import KCenter
from alrun.strategies.margin import Margin
from alrun.strategies.qbc import QueryByCommittee
from alrun.strategies.random import Random

Array = npt.NDArray[Any]

PUBLISHED = {"random": 0.9539, "margin": 0.9652, "kcenter": 0.9586, "qbc": 0.9626}
"""The mean of 100 seeds, for what the paper calls Uniform, US-C, Core-Set and QBC."""

SPREAD = {"random": 0.0130, "margin": 0.0103, "kcenter": 0.0105, "qbc": 0.0107}
"""Their standard deviation over the seeds, as published."""

INITIAL = 20


@dataclass(frozen=True)
class Split:
    """Standardised features and labels; the first 20 training rows are labelled first."""

    train: Array
    labels: Array
    test: Array
    truth: Array


@cache
def split(seed: int) -> Split:
    from sklearn.datasets import load_breast_cancer
    from sklearn.preprocessing import StandardScaler

    features, labels = load_breast_cancer(return_X_y=True)
    rng, rows = np.random.default_rng(seed), np.arange(len(labels))
    rng.shuffle(rows)
    cut = int(len(rows) * 0.6)
    train, test = rows[:cut], rows[cut:]
    rng.shuffle(train)
    scaler = StandardScaler().fit(features[train])
    return Split(scaler.transform(features[train]), labels[train], scaler.transform(features[test]), labels[test])


def svm(kernel: str = "rbf") -> Any:
    from sklearn.svm import SVC

    return SVC(kernel=kernel, gamma="auto", C=1.0)


def aubc(accuracies: list[float]) -> float:
    return float(np.trapezoid(accuracies) / len(accuracies))


@cache
def play(name: str, seed: int) -> tuple[list[int], float]:
    """Return the rows in the order in which a strategy of alrun labelled them, and the AUBC."""
    given, rng = split(seed), np.random.default_rng([seed, 1])
    strategy, gather = PLAYERS[name]
    labelled = list(range(INITIAL))
    others = list(range(INITIAL, len(given.labels)))
    model = svm().fit(given.train[labelled], given.labels[labelled])
    accuracies = []
    while others:
        names = [f"{row:04d}" for row in others]
        pool = pl.DataFrame({"title": names, "data_hash": names})
        inputs = StrategyInputs(pool, **gather(given, labelled, others, model, rng))
        row = others.pop(int(strategy.select(inputs, 1, rng).rows[0]))
        labelled.append(row)
        model = svm().fit(given.train[labelled], given.labels[labelled])
        accuracies.append(float(model.score(given.test, given.truth)))
    return labelled[INITIAL:], aubc(accuracies)


def _nothing(*_: Any) -> dict[str, Any]:
    return {}


def _chances(given: Split, _: list[int], others: list[int], model: Any, __: np.random.Generator) -> dict[str, Any]:
    """Return the logistic function of the decision values: the nearest to the boundary has the lowest margin."""
    second = 1 / (1 + np.exp(-model.decision_function(given.train[others])))
    return {"probabilities": np.stack([1 - second, second], axis=1)}


def _points(given: Split, labelled: list[int], others: list[int], *_: Any) -> dict[str, Any]:
    points = given.train.astype(np.float32)
    return {"embeddings": points[others], "labelled_embeddings": points[labelled]}


def _votes(given: Split, labelled: list[int], others: list[int], _: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Let the paper's committee vote, each member fitted on a sample with replacement that has both classes."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression

    members = (LogisticRegression(), svm("linear"), svm(), LinearDiscriminantAnalysis())
    votes = []
    for member in members:
        rows = rng.choice(labelled, len(labelled))
        while len(set(given.labels[rows].tolist())) < 2:
            rows = rng.choice(labelled, len(labelled))
        votes.append(np.eye(2)[member.fit(given.train[rows], given.labels[rows]).predict(given.train[others])])
    return {"samples": np.stack(votes)}


PLAYERS: dict[str, tuple[Strategy, Callable[..., dict[str, Any]]]] = {
    "random": (Random(), _nothing),
    "margin": (Margin(), _chances),
    "kcenter": (KCenter(), _points),
    "qbc": (QueryByCommittee(), _votes),
}
