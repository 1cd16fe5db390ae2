"""Every strategy against something independent, as a table: ``python -m tests.strategies.conformance``.

Prints ``docs/conformance.md``. Each check is a test too (`test_conformance.py`) and returns the words of its result.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from statistics import fmean, pvariance
from typing import Any

import numpy as np
import polars as pl

from alrun.numeric.kmeans import kmeans
from alrun.seeds import uniform_by_key
from alrun.strategies.badge import Badge
from alrun.strategies.base import Strategy, StrategyInputs
from alrun.strategies.diversity import Diversity
from alrun.strategies.entropy import Entropy
from alrun.strategies.facility_location import FacilityLocation
from alrun.strategies.kcenter import KCenter
from alrun.strategies.kmeans import KMeans
from alrun.strategies.least_confidence import LeastConfidence
from alrun.strategies.margin import Margin
from alrun.strategies.max_herding import MaxHerding
from alrun.strategies.probcover import ProbCover
from alrun.strategies.random import Random
from alrun.strategies.rank import Rank
from alrun.strategies.stratified import Stratified
from alrun.strategies.typiclust import TypiClust
from alrun.strategies.variance import Variance
from tests.strategies import committee, found_objects, hybrids, noisy_labels, references
from tests.strategies.pools import blobs, gaussian, grid, inputs, probabilities, select

LOOP = "plain float64 loop in the tests"


@dataclass(frozen=True)
class Case:
    """One row of the table; `check` fails, or returns what it found."""

    strategy: str
    reference: str
    how: str
    check: Callable[[], str]

    def row(self, result: str) -> str:
        return f"| `{self.strategy}` | {self.reference} | {self.how} | {result} |"


@contextmanager
def peer() -> Iterator[Any]:
    """Import scikit-activeml, whose own warnings are not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skactiveml import pool  # type: ignore[import-untyped]

        yield pool


def first_row(given: StrategyInputs, seed: int = 0) -> int:
    """Return the row that k-center begins with if nothing is labelled."""
    return int(uniform_by_key(given.candidates["data_hash"], np.random.default_rng(seed)).argmin())


def peer_scores(strategy: Strategy, method: str, theirs_of_ours: Callable[[Any], Any]) -> str:
    worst = 0.0
    for seed, classes in enumerate((2, 3, 10, 100)):
        given = probabilities(seed, 500, classes)
        ranking = select(strategy, inputs(gaussian(0, 500, 1), given=given), 500)
        with peer() as pool:
            theirs = np.asarray(pool.uncertainty_scores(given, method=method), float)
        worst = max(worst, float(np.abs(theirs_of_ours(ranking.scores) - theirs[ranking.rows]).max()))
        assert ranking.rows.tolist() == np.argsort(-theirs, kind="stable").tolist()
    assert worst < 1e-12
    return "2,000 scores equal to 1e-12, same order"


def variance_loop() -> str:
    given = probabilities(0, 500, 7)
    ranking = select(Variance(), inputs(gaussian(0, 500, 1), given=given), 500)
    theirs = [pvariance(row) for row in given.tolist()]
    np.testing.assert_allclose(ranking.scores, np.sort(theirs), atol=1e-15)
    assert ranking.rows.tolist() == np.argsort(theirs, kind="stable").tolist()
    return "500 scores equal to 1e-15, same order"


def random_is_uniform() -> str:
    given = inputs(gaussian(0, 10, 1))
    counts = np.zeros((10, 10))
    for seed in range(5_000):
        counts[np.arange(10), select(Random(), given, 10, seed).rows] += 1
    # 99.99 % of chi-square with 9 degrees of freedom, at each of the ten places.
    assert (np.square(counts - 500).sum(axis=1) / 500).max() < 33.72
    return "5,000 orders of 10 images: chi-square below its 99.99 % point at each place"


def stratified_seats() -> str:
    sizes = [53, 29, 11, 7, 1]
    names = np.repeat([f"stage {i}" for i in range(5)], sizes)
    frame = inputs(gaussian(0, len(names), 1)).candidates.with_columns(pl.Series("stage", names))
    rows = select(Stratified(), StrategyInputs(frame), len(names)).rows
    for seats in range(len(names) + 1):
        ours = [int((names[rows[:seats]] == f"stage {i}").sum()) for i in range(5)]
        theirs = references.sainte_lague(sizes, seats)
        assert ours == theirs or _quotients_tie(sizes, ours, theirs)
    return "same seats for every budget 0..101, but for quotients that tie"


def _quotients_tie(sizes: list[int], ours: list[int], theirs: list[int]) -> bool:
    quotients = {size / (2 * min(a, b) + 1) for size, a, b in zip(sizes, ours, theirs, strict=True) if a != b}
    return len({round(quotient, 9) for quotient in quotients}) == 1


def sorted_column(make: Callable[[], tuple[Strategy, str, int]]) -> str:
    strategy, column, sign = make()
    values = np.random.default_rng(0).integers(50, size=300).astype(float)
    frame = inputs(gaussian(0, 300, 1)).candidates.with_columns(pl.Series(column, values))
    ours = select(strategy, StrategyInputs(frame), 300).rows.tolist()
    assert ours == sorted(range(300), key=lambda row: (sign * values[row], row))
    return "same 300 picks, ties included"


def k_center_loop() -> str:
    pools = [
        (gaussian(0, 3_000, 8), gaussian(1, 10, 8), 150),
        (gaussian(2, 6_000, 16), gaussian(3, 700, 16), 100),
        (blobs(4, 9_000, 32, 40), blobs(5, 3, 32, 3), 150),
        (grid(6, 2_000, 4), grid(7, 5, 4), 2_000),
        (gaussian(8, 2_000, 64, offset=300), gaussian(9, 0, 64), 200),
    ]
    for points, labelled, budget in pools:
        given = inputs(points, labelled)
        ours = select(KCenter(), given, budget)
        rows, distances = references.k_center(points, labelled, first_row(given), budget)
        assert ours.rows.tolist() == rows
        assert ours.scores[len(labelled) == 0 :].tolist() == distances[len(labelled) == 0 :]
    points = pools[-1][0]
    assert references.k_center_in_float32(points, rows[0], 200) != rows
    return "same 2,600 picks of 5 pools, the same bits in each distance; a float32 loop goes wrong on one of them"


def k_center_peer() -> str:
    points, labelled = blobs(0, 800, 16, 12), blobs(1, 20, 16, 12)
    everything = np.concatenate([points, labelled])
    known = np.array([np.nan] * len(points) + [0.0] * len(labelled))
    with peer() as pool:
        theirs = pool.CoreSet(random_state=0).query(everything, known, batch_size=100)
    assert select(KCenter(), inputs(points, labelled), 100).rows.tolist() == theirs.tolist()
    return "same 100 picks"


def k_means_peer() -> str:
    from sklearn.cluster import KMeans as Theirs

    points = blobs(0, 4_000, 16, 40, spread=0.8)
    shares = []
    for budget in (20, 100):
        ours = [kmeans(points, budget, np.random.default_rng(seed)).distances.sum() for seed in range(4)]
        theirs = [Theirs(budget, n_init=1, random_state=seed).fit(points).inertia_ for seed in range(4)]
        shares.append(fmean(ours) / fmean(theirs))
    assert max(shares) < 1.01
    return "mean inertia of 4 seeds at most 1 % above theirs, for 20 and for 100 clusters"


def k_means_apart() -> str:
    points = blobs(0, 600, 8, 12, spread=0.01)
    ranking = select(KMeans(), inputs(points), 12)
    near = np.square(points[:, None].astype(float) - points[None]).sum(axis=2) < 0.1
    means = {tuple(np.flatnonzero(row)): points[row].mean(axis=0, dtype=float) for row in near}
    expected = {min(rows, key=lambda r: np.linalg.norm(points[r] - mean)) for rows, mean in means.items()}
    assert len(means) == 12
    assert set(ranking.rows.tolist()) == expected
    return "same 12 picks of 12 clusters that are far apart"


def coverage_loop(strategy: Strategy, similarity: Callable[[Any, Any], Any]) -> str:
    for points, labelled in ((blobs(0, 500, 8, 10), blobs(1, 6, 8, 10)), (gaussian(2, 300, 5), gaussian(3, 0, 5))):
        x = references.unit(points).astype(float)
        given = similarity(x, references.unit(labelled).astype(float)) if len(labelled) else np.zeros((len(x), 0))
        rows, gains = references.coverage(similarity(x, x), given, 60)
        ours = select(strategy, inputs(points, labelled), 60)
        assert ours.rows.tolist() == rows
        np.testing.assert_allclose(ours.scores, gains, atol=1e-12)
    return "same 120 picks of 2 pools, gains equal to 1e-12"


def max_herding_peer() -> str:
    points, labelled = blobs(0, 400, 8, 10), blobs(1, 12, 8, 10)
    known = np.array([np.nan] * len(points) + [0.0] * len(labelled))
    everything = np.concatenate([points, labelled])
    with peer() as pool:
        query = pool.MaxHerding(metric_dict={"gamma": 0.5}, random_state=0)
        theirs, gains = query.query(everything, known, batch_size=50, return_utilities=True)
    ours = select(MaxHerding(), inputs(points, labelled), 50).rows
    # Of two points that only gain from each other both gain the same; which is picked changes nothing later.
    places = np.flatnonzero(ours != theirs)
    assert len(places) <= 2
    np.testing.assert_allclose(gains[places, ours[places]], gains[places, theirs[places]], rtol=1e-12)
    return "same 50 picks, but for 2 between which their gains tie"


def prob_cover_loop() -> str:
    for points, labelled, radius in (
        (blobs(0, 900, 8, 12), blobs(1, 5, 8, 12), 0.35),
        (grid(2, 700, 3) + 1, grid(3, 2, 3) + 1, 0.3),
    ):
        rows, counts = references.prob_cover(references.unit(points), references.unit(labelled), radius, 80)
        ours = select(ProbCover(delta=radius), inputs(points, labelled), 80)
        assert ours.rows[: len(rows)].tolist() == rows
        assert ours.scores.tolist() == [*counts, *[0] * (80 - len(rows))]
    return "same picks of 2 pools until all is covered, same counts"


def prob_cover_peer() -> str:
    points = references.unit(blobs(0, 600, 8, 12))
    known = np.full(len(points), np.nan)
    with peer() as pool:
        query = pool.ProbCover(n_classes=3, deltas=[0.35], random_state=0)
        _, theirs = query.query(points, known, batch_size=1, return_utilities=True)
    ours = select(ProbCover(delta=0.35), inputs(points), 1)
    assert ours.scores[0] == theirs[0].max()
    assert theirs[0][ours.rows[0]] == theirs[0].max()
    return "same largest count of the first pick"


def prob_cover_purity() -> str:
    for seed, purity in ((0, 0.95), (1, 0.8), (2, 1.0)):
        points = references.unit(blobs(seed, 500, 8, 6, spread=0.6))
        radius = ProbCover(purity=purity, clusters=6).pure_radius(points, np.random.default_rng(seed))
        labels = kmeans(points, 6, np.random.default_rng(seed)).labels
        x = points.astype(float)
        away = np.sqrt(np.square(x[:, None] - x).sum(axis=2))
        foreign = np.where(labels[:, None] == labels, np.inf, away).min(axis=1)
        assert (foreign >= radius).mean() >= purity
        larger = foreign[foreign > radius * (1 + 1e-6)].min()
        assert (foreign >= larger).mean() < purity
    return "the share of pure balls is reached, and missed at the next larger distance, for 3 pools"


def typi_clust_loop() -> str:
    for seed, (size, labelled, budget) in enumerate(((900, 12, 40), (300, 0, 300), (400, 3, 200))):
        points, marked = blobs(seed, size, 8, 20), blobs(seed + 50, labelled, 8, 20)
        x = references.unit(points)
        everything = np.concatenate([x, references.unit(marked)])
        strategy = TypiClust(max_clusters=60)
        labels = kmeans(everything, min(labelled + budget, 60), np.random.default_rng(seed)).labels.tolist()
        rows, scores = references.typi_clust(x, labels, budget)
        ours = select(strategy, inputs(points, marked), budget, seed)
        assert ours.rows.tolist() == rows
        np.testing.assert_allclose(ours.scores, scores, atol=1e-9)
    return "same 540 picks of 3 pools from the same clusters, mean distances equal to 1e-9"


def badge_loop() -> str:
    for seed, (size, width, classes, budget) in enumerate(((1_500, 12, 5, 600), (800, 6, 3, 300), (90, 4, 2, 90))):
        given = inputs(blobs(seed, size, width, 10), given=probabilities(seed, size, classes))
        assert given.probabilities is not None
        assert given.embeddings is not None
        vectors = references.gradients(given.probabilities, given.embeddings)
        first = int(np.square(vectors).sum(axis=1).argmax())
        rows, squares = references.d2_sample(vectors, first, budget, np.random.default_rng(seed))
        ours = select(Badge(), given, budget, seed)
        assert ours.rows.tolist() == rows
        np.testing.assert_allclose(ours.scores, np.sqrt(squares), atol=1e-6)
    return "same 990 picks of 3 pools from the same random numbers"


def badge_distribution() -> str:
    given = inputs(gaussian(0, 12, 3), given=probabilities(0, 12, 3))
    assert given.probabilities is not None
    assert given.embeddings is not None
    vectors = references.gradients(given.probabilities, given.embeddings)
    first = int(np.square(vectors).sum(axis=1).argmax())
    pairs = np.square(vectors[:, None] - vectors).sum(axis=2)
    second = pairs[first] / pairs[first].sum()
    third = np.zeros(12)
    for row in np.flatnonzero(second):
        nearest = np.minimum(pairs[first], pairs[row])
        third += second[row] * nearest / nearest.sum()
    draws = np.array([select(Badge(), given, 3, seed).rows for seed in range(600)])
    for place, expected in ((1, second), (2, third)):
        counts = np.bincount(draws[:, place], minlength=12)
        assert counts[first] == 0
        kept = expected > 0
        # 99.99 % of chi-square with 10 degrees of freedom.
        assert (np.square(counts - 600 * expected)[kept] / (600 * expected[kept])).sum() < 35.56
    return "600 batches: second and third pick within the 99.99 % point of chi-square"


def cosine(x: Any, y: Any) -> Any:
    return np.maximum(x @ y.T, 0)


def gauss(x: Any, y: Any) -> Any:
    return np.exp(-np.square(x[:, None] - y).sum(axis=2) / 2)


PEER = f"scikit-activeml {version('scikit-activeml')}"
SAME_SCORES = "same scores to tolerance"
SAME_PICKS = "same picks"
CASES = (
    Case("audit", "uniform distribution", "distribution of the sample", hybrids.audit_is_uniform),
    Case("badge", LOOP + ", gradients in full", "same picks from the same random stream", badge_loop),
    Case("badge", "D² computed in full", "distribution of the picks", badge_distribution),
    Case("bait", "matrices in full, inverted anew for every image", SAME_PICKS, hybrids.bait_in_full),
    Case("bald", PEER + " `batch_bald`, batch of 1", SAME_SCORES, committee.bald_peer),
    Case("batch_bald", PEER + " `batch_bald`", SAME_PICKS, committee.batch_bald_peer),
    Case("batch_bald", "definition, every configuration", SAME_PICKS, committee.batch_bald_loop),
    Case("batch_bald", "every configuration counted", "property of drawn ones", committee.batch_bald_drawn),
    Case("detection", "the original's formulas, restated", SAME_PICKS, found_objects.means_in_the_originals_order),
    Case("detection", LOOP, SAME_SCORES, found_objects.aggregates_loop),
    Case("detection", LOOP + ", classes in turn", SAME_PICKS, found_objects.turns_loop),
    Case("clue", PEER + " `Clue`", SAME_PICKS, hybrids.clue_peer),
    Case("clue", "brute force", SAME_PICKS, hybrids.clue_apart),
    Case("cluster_margin", f"scipy {version('scipy')} `linkage`, average, cosine", "partition", hybrids.linkage_peer),
    Case("cluster_margin", "definition, on scipy's clusters", "property", hybrids.cluster_margin_turns),
    Case("distinct", LOOP, SAME_PICKS, hybrids.distinct_loop),
    Case(
        "diversity",
        "sort of the metric",
        SAME_PICKS,
        lambda: sorted_column(lambda: (Diversity(), "image_diversity", 1)),
    ),
    Case("dropquery", "brute force", "same picks from the same random stream", hybrids.drop_query_loop),
    Case("entropy", PEER, SAME_SCORES, lambda: peer_scores(Entropy(), "entropy", lambda s: s * np.log(2))),
    Case("epig", "definition, pair by pair", SAME_SCORES, committee.epig_loop),
    Case("facility_location", LOOP, SAME_PICKS, lambda: coverage_loop(FacilityLocation(), cosine)),
    Case("falcun", PEER + " `Falcun`", "same picks from the same random stream", hybrids.falcun_peer),
    Case("kcenter", LOOP, SAME_PICKS, k_center_loop),
    Case("kcenter", PEER + " `CoreSet`", SAME_PICKS, k_center_peer),
    Case("kmeans", f"scikit-learn {version('scikit-learn')} `KMeans`", "inertia", k_means_peer),
    Case("kmeans", "brute force", SAME_PICKS, k_means_apart),
    Case("least_confidence", PEER, SAME_SCORES, lambda: peer_scores(LeastConfidence(), "least_confident", lambda s: s)),
    Case("margin", PEER, SAME_SCORES, lambda: peer_scores(Margin(), "margin_sampling", lambda s: 1 - s)),
    Case("max_herding", LOOP, SAME_PICKS, lambda: coverage_loop(MaxHerding(), gauss)),
    Case("max_herding", PEER + " `MaxHerding`", SAME_PICKS, max_herding_peer),
    Case("pipeline", LOOP, SAME_PICKS, hybrids.pipeline_by_hand),
    Case("power_bald", "shares of score^beta", "distribution of the picks", committee.power_bald_distribution),
    Case("probcover", LOOP + ", N x N", SAME_PICKS, prob_cover_loop),
    Case("probcover", PEER + " `ProbCover`", "same count, ties differ", prob_cover_peer),
    Case("probcover", "definition of the purity rule", "property", prob_cover_purity),
    Case("qbc", PEER + " `vote_entropy`", SAME_SCORES, committee.vote_entropy_peer),
    Case("qbc", PEER + " `average_kl_divergence`", SAME_SCORES, committee.consensus_kl_peer),
    Case("product", "definition", SAME_SCORES, hybrids.product_by_hand),
    Case("quotas", "Sainte-Laguë's quotients, seat by seat", "same share of each value", hybrids.quotas_seats),
    Case("random", "uniform distribution", "distribution of the picks", random_is_uniform),
    Case("rank", "sort of the metric", SAME_PICKS, lambda: sorted_column(lambda: (Rank("m", "high"), "m", -1))),
    Case("ranked_batch", LOOP, SAME_PICKS, hybrids.ranked_batch_loop),
    Case("relabel_suspects", f"cleanlab {version('cleanlab')}", SAME_SCORES, noisy_labels.label_quality_peer),
    Case("relabel_suspects", "definition, row by row", SAME_PICKS, noisy_labels.confident_joint_loop),
    Case("stratified", "Sainte-Laguë's quotients, seat by seat", "same share of each stratum", stratified_seats),
    Case("switch", "the strategy at work", SAME_PICKS, hybrids.switch_parts),
    Case("typiclust", LOOP, SAME_PICKS, typi_clust_loop),
    Case("variation_ratio", PEER + " `variation_ratios`", SAME_SCORES, committee.variation_ratio_peer),
    Case("variance", "`statistics.pvariance`", SAME_SCORES, variance_loop),
    Case("weighted_kmeans", "brute force", SAME_PICKS, hybrids.weighted_k_means_apart),
)


def page(results: list[str]) -> str:
    rows = [case.row(result) for case, result in zip(CASES, results, strict=True)]
    head = """# Conformance of the strategies

Written by `python -m tests.strategies.conformance > docs/conformance.md`; a test checks that it is current. The
references are in `tests/strategies/`. Every strategy also passes the shipped contract
(`alrun.strategies.testing.StrategyContract`): the order of the rows changes no pick.

| strategy | reference | how compared | result |
|---|---|---|---|
"""
    return head + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(page([case.check() for case in CASES]), end="")
