"""What a strategy says that it costs: worked by hand, put together, and held against a contract that notices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from alrun.strategies.audit import Audit
from alrun.strategies.base import Ranking, Strategy, StrategyInputs
from alrun.strategies.cluster_margin import ClusterMargin
from alrun.strategies.cost import Size, Work, size_of, work_of
from alrun.strategies.distinct import Distinct
from alrun.strategies.falcun import Falcun
from alrun.strategies.kcenter import KCenter
from alrun.strategies.margin import Margin
from alrun.strategies.max_herding import MaxHerding
from alrun.strategies.pipeline import Pipeline
from alrun.strategies.random import Random
from alrun.strategies.switch import Switch
from alrun.strategies.testing import StrategyContract, pool

SIZE = Size(candidates=100_000, budget=1_000, labelled=500, dimensions=512, classes=10)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 2)


def test_k_center_by_hand() -> None:
    # 1,500 centres and one for the norms; a product of 512 numbers and 8 steps for its result.
    assert KCenter().work(SIZE).operations == 100_000 * 1_501 * 520
    rows = 100_000 * (16 + 64) + 500 * 8
    centres = 1_500 * 512 * 12
    copied = 2 * 32_768 * 512 * 4
    blocks = 2 * 2_048 * 512 * 8 + 2 * 2_048 * (256 + 256) * 8
    assert KCenter().work(SIZE).bytes == rows + centres + copied + blocks + 1_000 * 512


def test_falcun_by_hand() -> None:
    assert Falcun().work(SIZE).operations == 100_000 * 1_001 * 660
    # A copy of 10 probabilities, 24 numbers and a reason for each candidate; blocks of 2,048 rows on two cores.
    assert Falcun().work(SIZE).bytes == 100_000 * (80 + 192 + 512) + 2 * 2_048 * 40 * 8 + 1_000 * 512


def test_all_pairs_cost_as_their_number_squared() -> None:
    for strategy in (ClusterMargin(), MaxHerding()):
        small, large = (work_of(strategy, replace(SIZE, candidates=n, budget=1)) for n in (100_000, 200_000))
        assert large.operations / small.operations == pytest.approx(4, rel=0.03)
        assert large.bytes < 3 * small.bytes


def test_similarities_are_kept_up_to_fifty_thousand() -> None:
    kept, not_kept = (MaxHerding().work(replace(SIZE, candidates=n)) for n in (50_000, 50_001))
    assert kept.bytes > 2 * 50_000**2
    assert not_kept.bytes < kept.bytes / 2
    assert not_kept.operations > 2 * kept.operations


def test_one_after_the_other_takes_both_times_and_the_larger_memory() -> None:
    assert Work(2, 30).then(Work(5, 10)).holding(7) == Work(7, 37)


def test_a_strategy_that_says_nothing_is_a_pass_over_the_candidates() -> None:
    assert work_of(Random(), SIZE).operations == 0


def test_a_pipeline_asks_its_second_strategy_about_few() -> None:
    few = SIZE.among(10_000)
    found = Pipeline(Margin(), KCenter(), factor=10).work(SIZE)
    assert found.operations == KCenter().work(few).operations
    assert found.bytes < KCenter().work(SIZE).bytes


def test_what_is_made_of_strategies_costs_what_they_do() -> None:
    alone, twice = (KCenter().work(SIZE.among(100_000, picks)) for picks in (1_000, 2_000))
    assert Audit(KCenter()).work(SIZE).operations == alone.operations
    assert Switch(Margin(), KCenter()).work(SIZE).operations == alone.operations
    assert Distinct(KCenter()).work(SIZE).operations == twice.operations + 2_000**2 * 512


def test_the_size_is_that_of_what_is_given() -> None:
    given = pool(ClusterMargin(), 40)
    assert size_of(given, 50) == Size(40, 40, labelled=5, dimensions=8, classes=4)


@dataclass(frozen=True)
class AllPairs(Random):
    """Holds all pairs and says that it does not."""

    def work(self, size: Size) -> Work:
        return Work(0, 4096 * size.candidates)

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        pairs = np.ones((inputs.candidates.height, inputs.candidates.height))
        return super().select(inputs, int(min(budget, pairs.sum())), rng)


@dataclass(frozen=True)
class Shrinks(Random):
    """Says less of more candidates."""

    def work(self, size: Size) -> Work:
        return Work(1e9 / size.candidates, 2**30)


@pytest.mark.parametrize("wrong", [AllPairs(), Shrinks()])
def test_the_contract_notices(wrong: Strategy) -> None:
    class Contract(StrategyContract):
        def strategy(self) -> Strategy:
            return wrong

    with pytest.raises(AssertionError):
        Contract().test_memory_stays_below_what_was_said()
