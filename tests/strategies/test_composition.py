"""Strategies made of strategies: what each adds, what it needs, and what it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.errors import ConfigError
from alrun.strategies.audit import AUDIT, Audit
from alrun.strategies.base import Strategy, StrategyInputs, at_stage
from alrun.strategies.distinct import Distinct
from alrun.strategies.diversity import Diversity
from alrun.strategies.entropy import Entropy
from alrun.strategies.kcenter import KCenter
from alrun.strategies.margin import Margin
from alrun.strategies.pipeline import Pipeline
from alrun.strategies.product import Product
from alrun.strategies.quotas import Quotas
from alrun.strategies.random import Random
from alrun.strategies.rank import Rank
from alrun.strategies.switch import Switch
from alrun.strategies.typiclust import TypiClust
from alrun.types import Need
from tests.strategies.pools import blobs, gaussian, inputs, probabilities, select


def column(name: str, values: Sequence[object], kind: type[pl.DataType] = pl.Float64) -> StrategyInputs:
    """Return a pool with one column more."""
    whole = inputs(gaussian(0, len(values), 2))
    return replace(whole, candidates=whole.candidates.with_columns(pl.Series(name, values, kind)))


def sites(counts: dict[str | None, int], by: str = "meta.site") -> StrategyInputs:
    """Return a pool with so many images of each site, and the metric `m`, 0 1 2 ... from the first row."""
    names = [name for name, count in counts.items() for _ in range(count)]
    whole = column(by, names, pl.String)
    return replace(whole, candidates=whole.candidates.with_columns(pl.Series("m", np.arange(float(len(names))))))


def taken(strategy: Strategy, pool: StrategyInputs, budget: int) -> Counter[str | None]:
    return Counter(pool.candidates["meta.site"].gather(select(strategy, pool, budget).rows).to_list())


def test_a_composite_needs_what_its_parts_need() -> None:
    made = Audit(Pipeline(Entropy(), Distinct(Diversity(), metric="duplicate_group")))
    assert made.needs == {Need.PROBABILITIES}
    assert made.metrics == {"image_diversity", "duplicate_group"}
    assert Distinct(Random()).needs == {Need.EMBEDDINGS}
    assert Quotas(Random()).needs == {Need.PROBABILITIES}
    assert Quotas(Random(), by="stage").needs == frozenset()
    assert Product({"a": Entropy(), "b": KCenter()}).needs == {Need.EMBEDDINGS, Need.PROBABILITIES}


@pytest.mark.parametrize("labelled", [0, 49, 50])
def test_a_switch_needs_only_what_is_at_work_wherever_it_is(labelled: int) -> None:
    switch = Switch(TypiClust(), Margin(), until=50)
    active = TypiClust() if labelled < 50 else Margin()
    assert switch.needs == {Need.EMBEDDINGS, Need.PROBABILITIES}
    assert at_stage(switch, labelled) == active
    assert at_stage(Audit(switch), labelled) == Audit(active)
    assert at_stage(Product({"a": switch, "b": Random()}), labelled) == Product({"a": active, "b": Random()})
    assert at_stage(Switch(switch, Random(), until=60), labelled) == active
    assert at_stage(KCenter(), labelled) == KCenter()


def test_a_switch_chooses_as_its_part_does() -> None:
    pool = replace(inputs(blobs(0, 90, 4, 5), given=probabilities(0, 90, 3)), labelled=7)
    for until, part in ((8, TypiClust()), (7, Margin())):
        ours, theirs = select(Switch(TypiClust(), Margin(), until), pool, 9), select(part, pool, 9)
        assert (ours.rows.tolist(), ours.reasons) == (theirs.rows.tolist(), theirs.reasons)


def test_a_pipeline_says_why_twice() -> None:
    ranking = select(Pipeline(Rank("m", "high"), Rank("m"), factor=3), sites({"a": 20}), 2)
    assert ranking.rows.tolist() == [14, 15]
    assert ranking.reasons[0] == ("1 of 6 from the lowest m: 14; 6 of 6 kept: 6 of 20 from the highest m: 14")


def test_near_duplicates_come_last() -> None:
    turn = np.radians([0, 1, 90, 91, 180])
    pool = inputs(np.stack([np.cos(turn), np.sin(turn)], axis=1).astype(np.float32))
    pool = replace(pool, candidates=pool.candidates.with_columns(pl.Series("m", np.arange(5.0))))
    ranking = select(Distinct(Rank("m"), within=0.01), pool, 3)
    assert ranking.rows.tolist() == [0, 2, 4]
    assert ranking.notes == ()
    ranking = select(Distinct(Rank("m"), within=0.01), pool, 4)
    assert ranking.rows.tolist() == [0, 2, 4, 1]
    assert ranking.reasons[3].startswith("near-duplicate of a pick, as no other image is left: ")
    assert ranking.notes == ("only 3 candidates are distinct: 1 near-duplicates were selected as well",)


def test_duplicates_by_a_metric_need_no_embedding() -> None:
    pool = column("group", [1.0, 1.0, None, None, 2.0, 1.0, 2.0])
    pool = replace(pool, candidates=pool.candidates.with_columns(pl.Series("m", np.arange(7.0))), embeddings=None)
    assert select(Distinct(Rank("m"), metric="group"), pool, 5).rows.tolist() == [0, 2, 3, 4, 1]


def test_the_search_for_distinct_images_goes_as_deep_as_it_must() -> None:
    points = np.repeat(gaussian(0, 6, 8), 100, axis=0)
    pool = inputs(points)
    pool = replace(pool, candidates=pool.candidates.with_columns(pl.Series("m", np.arange(600.0))))
    assert select(Distinct(Rank("m")), pool, 6).rows.tolist() == [0, 100, 200, 300, 400, 500]


def test_an_audit_is_a_random_sample_whatever_the_rest_is() -> None:
    pool = sites({"a": 40})
    counts = np.zeros(40)
    for seed in range(800):
        ranking = select(Audit(Rank("m"), share=0.25), pool, 20, seed)
        audit = [row for row, reason in zip(ranking.rows.tolist(), ranking.reasons, strict=True) if AUDIT in reason]
        rest = [row for row in range(40) if row not in audit]
        assert ranking.rows.tolist() == audit + rest[:15]
        assert ranking.reasons[0] == "audit: drawn at random, 5 of 40 candidates"
        counts[audit] += 1
    assert np.square(counts - 100).sum() / 100 < 80.65  # 99.99 % of chi-square with 39 degrees of freedom, or less
    assert select(Audit(Rank("m"), share=0.0), pool, 3).rows.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("quotas", "expected"),
    [
        (Quotas(Rank("m"), by="meta.site"), {"a": 4, "b": 4, "c": 4}),
        (Quotas(Rank("m"), by="meta.site", split="proportional"), {"a": 7, "b": 4, "c": 1}),
        (Quotas(Rank("m"), by="meta.site", split="free"), {"a": 12}),
        (Quotas(Rank("m"), by="meta.site", split="free", at_most={"a": 0.5}), {"a": 6, "b": 6}),
        (Quotas(Rank("m"), by="meta.site", split="free", at_most={"*": 0.4}), {"a": 5, "b": 5, "c": 2}),
        (Quotas(Rank("m"), by="meta.site", split="free", at_least={"c": 0.25}), {"a": 9, "c": 3}),
        (Quotas(Rank("m"), by="meta.site", at_least={"b": 0.5}, at_most={"c": 0.1}), {"a": 4, "b": 6, "c": 2}),
    ],
)
def test_quotas_are_kept(quotas: Quotas, expected: dict[str, int]) -> None:
    pool = sites({"a": 60, "b": 30, "c": 10})
    assert taken(quotas, pool, 12) == expected
    ranking = select(quotas, pool, 12)
    assert (np.diff(ranking.scores) > 0).all()
    assert ranking.notes == ()
    assert ranking.reasons[0].startswith("meta.site 'a': 1 of ")


def test_what_a_quota_leaves_open_goes_by_rank_within_the_other_bounds() -> None:
    pool = sites({"a": 30, "b": 30, "c": 1, None: 3})
    ranking = select(Quotas(Rank("m"), by="meta.site", at_most={"a": 0.25}), pool, 20)
    assert taken(Quotas(Rank("m"), by="meta.site", at_most={"a": 0.25}), pool, 20) == {"a": 5, "b": 11, "c": 1, None: 3}
    assert [", by rank" in reason for reason in ranking.reasons].count(True) == 6
    assert ranking.notes == (
        "the quotas by meta.site left 6 picks open ('(none)' has 3 of 5; 'c' has 1 of 5): they went by rank",
    )
    only = select(Quotas(Rank("m"), by="meta.site", split="free", at_most={"*": 0.1}), sites({"a": 9}), 10)
    assert len(only.rows) == 9


def test_quotas_of_predicted_classes_know_their_names() -> None:
    certain = np.repeat(np.eye(3), [50, 8, 2], axis=0) * 0.7 + 0.1
    pool = replace(inputs(gaussian(0, 60, 2), given=certain), classes=("ant", "bee", "cat"))
    picks = select(Quotas(Margin()), pool, 6)
    assert sorted((picks.rows // 50).tolist()) == [0, 0, 1, 1, 1, 1]
    assert Counter(reason.partition(":")[0] for reason in picks.reasons) == {
        "predicted 'ant'": 2, "predicted 'bee'": 2, "predicted 'cat'": 2,
    }  # fmt: skip
    with pytest.raises(ConfigError, match="no class 'bea': did you mean 'bee'"):
        select(Quotas(Margin(), at_most={"bea": 0.1}), pool, 6)
    with pytest.raises(ConfigError, match=r"no column 'meta.sit' of text"):
        select(Quotas(Random(), by="meta.sit"), sites({"a": 3}), 1)


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=5),
    st.integers(0, 25),
    st.sampled_from(["equal", "proportional", "free"]),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_quotas_always_fill_the_budget_and_hold_where_they_can(
    sizes: list[int], budget: int, split: str, least: float, most: float
) -> None:
    pool = sites({f"s{i}": size for i, size in enumerate(sizes)})
    least = min(least, most)
    quotas = Quotas(Rank("m"), "meta.site", split, {"s0": least}, {"s0": most})  # type: ignore[arg-type]
    ranking = select(quotas, pool, budget)
    wanted = min(budget, sum(sizes))
    assert len(set(ranking.rows.tolist())) == len(ranking.rows) == wanted
    counts = taken(quotas, pool, budget)
    assert counts["s0"] >= min(sizes[0], int(least * wanted + 1e-9))
    others = sum(sizes[1:])
    assert counts["s0"] <= max(int(np.ceil(most * wanted - 1e-9)), wanted - others)


def test_a_product_shows_its_factors_and_needs_scores_that_run_one_way() -> None:
    pool = replace(sites({"a": 4}), probabilities=np.array([[0.5, 0.5], [0.9, 0.1], [0.6, 0.4], [1, 0]]))
    made = Product({"uncertain": Margin(), "late": Rank("m", "high")}, {"late": 0.5}, "min_max")
    ranking = select(made, pool, 4)
    assert ranking.rows.tolist() == [2, 1, 0, 3]
    assert ranking.reasons[0] == "0.6532 = uncertain 0.800 x late 0.667^0.5"
    points = replace(inputs(blobs(0, 80, 4, 5)), labelled=0)
    typical = TypiClust(max_clusters=5)
    with pytest.raises(ConfigError, match=r"'typical' do not run one way .* strategy.scale=rank"):
        select(Product({"typical": typical}, scale="min_max"), points, 3)
    assert len(select(Product({"typical": typical}), points, 3).rows) == 3


def test_equal_scores_share_a_rank() -> None:
    same = Product({"a": Rank("m")})
    ranking = select(same, column("m", [1.0, 2.0, 2.0, 2.0, 3.0]), 5)
    assert ranking.rows.tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(ranking.scores, [1, 0.6, 0.6, 0.6, 0.2])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Product({}),
        lambda: Product({"a": Random()}, {"b": 2.0}),
        lambda: Quotas(Random(), at_least={"a": 0.6, "b": 0.6}),
        lambda: Quotas(Random(), at_least={"a": 0.6}, at_most={"*": 0.5}),
    ],
)
def test_contradictions_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match=r"strengths of|add up to 1.2|above at_most"):
        make()  # type: ignore[operator]
