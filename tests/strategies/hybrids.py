"""What is independent of the hybrid strategies: plain loops, peers and brute force. Rows of `conformance.py`."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.numeric.linkage import average_linkage
from alrun.strategies.audit import AUDIT, Audit
from alrun.strategies.bait import Bait
from alrun.strategies.base import Strategy
from alrun.strategies.clue import Clue
from alrun.strategies.cluster_margin import ClusterMargin
from alrun.strategies.distinct import Distinct
from alrun.strategies.dropquery import DropQuery
from alrun.strategies.falcun import Falcun
from alrun.strategies.kcenter import KCenter
from alrun.strategies.margin import Margin
from alrun.strategies.pipeline import Pipeline
from alrun.strategies.product import Product
from alrun.strategies.quotas import apportion
from alrun.strategies.random import Random
from alrun.strategies.rank import Rank
from alrun.strategies.ranked_batch import RankedBatch
from alrun.strategies.switch import Switch
from alrun.strategies.typiclust import TypiClust
from alrun.strategies.weighted_kmeans import WeightedKMeans
from tests.strategies import references
from tests.strategies.pools import Floats, blobs, gaussian, inputs, probabilities, select

Doubles = npt.NDArray[np.float64]


@contextmanager
def quiet() -> Iterator[None]:
    """Run a peer, whose own warnings are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def fixed(given: Doubles) -> Any:
    """Return a scikit-activeml classifier that predicts `given`, whatever it is asked."""
    from skactiveml.base import SkactivemlClassifier  # type: ignore[import-untyped]

    class Fixed(SkactivemlClassifier):  # type: ignore[misc]
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:  # noqa: ARG002, N803
            self.classes_ = np.arange(given.shape[1])
            return self

        def predict_proba(self, X: Any) -> Any:  # noqa: ARG002, N803
            return given

    return Fixed(classes=list(range(given.shape[1]))).fit([[0.0]], [0])


def margins(given: Doubles) -> Doubles:
    """Return the gap between the two largest of each row."""
    ordered = np.sort(given, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2])


def apart(seed: int, size: int, clusters: int) -> tuple[Floats, Doubles]:
    """Return clusters so far apart that any start finds them, and probabilities."""
    return blobs(seed, size, 8, clusters, spread=0.01), probabilities(seed, size, 4)


def nearest_to_means(points: Floats, rows: list[int], weights: Doubles) -> set[int]:
    """Return, of each group of close points, the row that is closest to their weighted mean."""
    found = set()
    left = list(rows)
    while left:
        near = [r for r in left if np.linalg.norm(points[r].astype(float) - points[left[0]]) < 0.5]
        mean = np.average(points[near].astype(float), axis=0, weights=weights[near])
        found.add(min(near, key=lambda r: float(np.linalg.norm(points[r] - mean))))
        left = [r for r in left if r not in near]
    return found


def clue_peer() -> str:
    points, given = apart(0, 600, 12)
    ours = select(Clue(), inputs(points, given=given), 12)
    with quiet():
        from skactiveml import pool  # type: ignore[import-untyped]

        query = pool.Clue(random_state=0, cluster_algo_dict={"random_state": 0, "n_init": 5})
        theirs = query.query(points, np.full(600, np.nan), fixed(given), fit_estimator=False, batch_size=12)
    assert set(ours.rows.tolist()) == set(theirs.tolist())
    return "same 12 picks of 12 clusters that are far apart"


def clue_apart() -> str:
    points, given = apart(1, 600, 15)
    sharp = given**2.5 / (given**2.5).sum(axis=1, keepdims=True)
    expected = nearest_to_means(points, list(range(600)), -(sharp * np.log(sharp)).sum(axis=1))
    ours = select(Clue(temperature=0.4), inputs(points, given=given), 15)
    assert set(ours.rows.tolist()) == expected
    return "same 15 picks of 15 clusters that are far apart, at a temperature of 0.4"


def weighted_k_means_apart() -> str:
    points, given = apart(2, 600, 10)
    rows = np.argsort(margins(given), kind="stable")[:200].tolist()
    ours = select(WeightedKMeans(factor=20), inputs(points, given=given), 10)
    assert set(ours.rows.tolist()) == nearest_to_means(points, rows, 1 - margins(given))
    return "same 10 picks of the 200 smallest margins, in 10 clusters that are far apart"


def falcun_peer() -> str:
    given = probabilities(0, 300, 5)
    bits = np.random.MT19937()
    bits.state = dict(np.random.RandomState(7).get_state(legacy=False))  # type: ignore[assignment]
    ours = Falcun().select(inputs(gaussian(0, 300, 1), given=given), 60, np.random.Generator(bits))
    with quiet():
        from skactiveml import pool

        query = pool.Falcun()
        same = np.random.RandomState(7)
        with mock.patch("skactiveml.base.check_random_state", return_value=same):
            theirs = query.query(np.zeros((300, 1)), np.full(300, np.nan), fixed(given), fit_clf=False, batch_size=60)
    assert ours.rows.tolist() == list(theirs)
    return "same 60 picks from the same random numbers"


def drop_query_loop() -> str:
    points = blobs(0, 500, 6, 40, spread=0.01)
    weights = np.random.default_rng(3).normal(size=(6, 4))

    def predict(some: Floats) -> Doubles:
        scores = np.exp(some.astype(float) @ weights)
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))

    given = replace(inputs(points), predict=predict)
    rng = np.random.default_rng(5)
    straight = predict(points).argmax(axis=1)
    changes = np.zeros(500, int)
    for _ in range(3):  # 500 rows are one block, so that the numbers drawn are these
        kept = rng.random(points.shape, np.float32) >= 0.75
        changes += predict(np.where(kept, points * 4, 0).astype(np.float32)).argmax(axis=1) != straight
    rows = np.flatnonzero(changes >= 2).tolist()
    groups = nearest_to_means(points, rows, np.ones(500))
    ours = select(DropQuery(), given, len(groups), 5)
    assert set(ours.rows.tolist()) == groups
    return f"same {len(groups)} picks of the images that most dropouts change, from the same random numbers"


def ranked_batch_loop() -> str:
    for seed, labelled in ((0, 30), (1, 400)):
        points, marked, given = gaussian(seed, 500, 6), gaussian(9, labelled, 6), probabilities(seed, 500, 4)
        known, left, rows, scores = [*marked.astype(float)], list(range(500)), [], []
        for _ in range(80):
            share = len(left) / (len(left) + len(known))
            value = {}
            for row in left:
                near = 1 / (1 + min(float(np.linalg.norm(points[row] - other)) for other in known))
                value[row] = share * (1 - near) + (1 - share) * (1 - given[row].max())
            best = max(left, key=lambda row: value[row])
            rows.append(best)
            scores.append(value[best])
            left.remove(best)
            known.append(points[best].astype(float))
        ours = select(RankedBatch(), inputs(points, marked, given), 80)
        assert ours.rows.tolist() == rows
        np.testing.assert_allclose(ours.scores, scores, atol=1e-9)
    return "same 160 picks of 2 pools, scores equal to 1e-9"


def linkage_peer() -> str:
    from scipy.cluster.hierarchy import fcluster, linkage
    from sklearn.metrics import adjusted_rand_score

    for points in (blobs(0, 2_000, 32, 60), gaussian(1, 1_500, 16)):
        ours, theirs = average_linkage(points), linkage(points.astype(float), "average", metric="cosine")
        np.testing.assert_allclose(np.sort(ours.heights), theirs[:, 2], atol=1e-6)
        for count in (2, 40, 300):
            same = adjusted_rand_score(ours.clusters(count), fcluster(theirs, count, "maxclust"))
            assert same == 1
        cut = average_linkage(points, 0.4).clusters(1)
        assert adjusted_rand_score(cut, fcluster(theirs, 0.4, "distance")) == 1
    return "same partition (adjusted Rand index 1) at 4 cuts of 2 pools of 2,000 and 1,500, heights equal to 1e-6"


def cluster_margin_turns() -> str:
    from scipy.cluster.hierarchy import fcluster, linkage

    points, given = blobs(3, 400, 8, 25), probabilities(3, 400, 3)
    rows = select(ClusterMargin(), inputs(points, given=given), 30).rows.tolist()
    kept = np.argsort(margins(given), kind="stable")[:300].tolist()
    labels = fcluster(linkage(points.astype(float), "average", metric="cosine"), 40, "maxclust")
    members: dict[int, list[int]] = {}
    for row in kept:
        members.setdefault(int(labels[row]), []).append(row)
    order = sorted(members, key=lambda k: len(members[k]))
    turns = [len(members[k]) for _ in range(len(kept)) for k in order]
    assert len(order) >= 30
    assert set(rows) <= set(kept)
    assert [len(members[int(labels[row])]) for row in rows] == turns[:30]
    assert len({int(labels[row]) for row in rows}) == 30
    return "30 picks of 30 different clusters, the smallest first, among the 300 smallest margins"


def pipeline_by_hand() -> str:
    points, given = gaussian(0, 400, 6), probabilities(0, 400, 5)
    kept = np.sort(np.argsort(margins(given), kind="stable")[:100])
    ours = select(Pipeline(Margin(), KCenter(), factor=5), inputs(points, gaussian(1, 9, 6), given), 20)
    nearest = np.linalg.norm(points[kept, None].astype(float) - gaussian(1, 9, 6), axis=2).min(axis=1)
    rows = []
    for _ in range(20):
        rows.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(points[kept].astype(float) - points[kept[rows[-1]]], axis=1))
    assert ours.rows.tolist() == kept[rows].tolist()
    return "same 20 picks"


def product_by_hand() -> str:
    given = probabilities(0, 200, 3)
    sharp = np.random.default_rng(1).permutation(200).astype(float)
    whole = inputs(gaussian(0, 200, 1), given=given)
    whole = replace(whole, candidates=whole.candidates.with_columns(pl.Series("sharp", sharp)))
    objectives: dict[str, Strategy] = {"margin": Margin(), "sharp": Rank("sharp", "high")}
    uncertain = 1 - margins(given)
    scaled = (uncertain - uncertain.min()) / (uncertain.max() - uncertain.min())
    ours = select(Product(objectives, {"sharp": 2.0}, "min_max"), whole, 200)
    expected = scaled * (sharp / 199) ** 2
    np.testing.assert_allclose(ours.scores, np.sort(expected)[::-1], atol=1e-12)
    places = np.empty(200)
    places[np.argsort(margins(given))] = np.arange(200)
    ranks = select(Product(objectives), whole, 200)
    np.testing.assert_allclose(ranks.scores, np.sort((1 - places / 200) * ((sharp + 1) / 200))[::-1], atol=1e-12)
    return "400 scores equal to 1e-12"


def quotas_seats() -> str:
    sizes = np.array([53, 29, 11, 7, 1])
    none, all_ = np.zeros(5, np.int64), np.full(5, 1_000)
    for seats in range(102):
        assert apportion(sizes, none, all_, seats).tolist() == references.sainte_lague(sizes.tolist(), seats)
    return "same seats for every budget 0..101"


def audit_is_uniform() -> str:
    given = inputs(gaussian(0, 10, 1))
    counts = np.zeros(10)
    for seed in range(3_000):
        ranking = select(Audit(Random(), share=0.3), given, 10, seed)
        audit = [row for row, why in zip(ranking.rows, ranking.reasons, strict=True) if why.startswith(AUDIT)]
        assert len(audit) == 3
        counts[audit] += 1
    assert np.square(counts - 900).sum() / 900 < 33.72  # 99.99 % of chi-square with 9 degrees of freedom, or less
    return "3,000 samples of 3 of 10 images: chi-square below its 99.99 % point"


def distinct_loop() -> str:
    points, given = blobs(0, 700, 6, 30, spread=0.15), probabilities(0, 700, 4)
    unit = points / np.linalg.norm(points.astype(float), axis=1, keepdims=True)
    rows: list[int] = []
    for row in np.argsort(margins(given), kind="stable").tolist():
        if all(1 - float(unit[row] @ unit[other]) >= 0.02 for other in rows):
            rows.append(row)
    ours = select(Distinct(Margin(), within=0.02), inputs(points, given=given), 200).rows.tolist()
    assert 100 < len(rows) < 200
    assert ours[: len(rows)] == rows
    return f"same {len(rows)} picks until every other image is a near-duplicate of one"


def switch_parts() -> str:
    whole = inputs(blobs(0, 200, 6, 12), given=probabilities(0, 200, 4))
    for labelled, part in ((99, TypiClust()), (100, Margin())):
        ours = select(Switch(TypiClust(), Margin()), replace(whole, labelled=labelled), 30)
        theirs = select(part, whole, 30)
        assert ours.rows.tolist() == theirs.rows.tolist()
        assert ours.scores.tolist() == theirs.scores.tolist()
    return "same 30 picks at 99 labelled images as the first, at 100 as the second"


def bait_in_full() -> str:
    for seed, labelled, budget in ((0, 12, 8), (1, 0, 6)):
        points, marked = gaussian(seed, 60, 4), gaussian(seed + 5, labelled, 4)
        weights = np.random.default_rng(seed).normal(size=(4, 3))

        def predict(some: Floats, weights: Doubles = weights) -> Doubles:
            scores = np.exp(some.astype(float) @ weights)
            return np.asarray(scores / scores.sum(axis=1, keepdims=True))

        def fisher(some: Floats, predict: Any = predict) -> Doubles:
            return np.array(
                [
                    np.kron(np.diag(p) - np.outer(p, p), np.outer(z, z))
                    for z, p in zip(some.astype(float), predict(some), strict=True)
                ]
            ).reshape(-1, 12, 12)

        each = fisher(points)
        mean = each.mean(axis=0)
        known = 0.3 * np.eye(12) + fisher(marked).sum(axis=0)
        rows: list[int] = []
        falls = {}
        for _ in range(2 * budget):
            have = known + each[rows].sum(axis=0)
            traces = [np.trace(np.linalg.inv(have + one) @ mean) for one in each]
            best = min((row for row in range(60) if row not in rows), key=lambda row: float(traces[row]))
            falls[best] = np.trace(np.linalg.inv(have) @ mean) - traces[best]
            rows.append(best)
        while len(rows) > budget:
            have = known + each[rows].sum(axis=0)
            rows.remove(min(rows, key=lambda row: float(np.trace(np.linalg.inv(have - each[row]) @ mean))))
        ours = select(Bait(regularisation=0.3), replace(inputs(points, marked), predict=predict), budget)
        assert ours.rows.tolist() == rows
        np.testing.assert_allclose(ours.scores, [falls[row] for row in rows], rtol=1e-8)
    return "same 14 picks of 2 pools, falls equal to 1e-8"
