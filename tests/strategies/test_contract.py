"""Every built-in strategy passes the shipped contract."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from alrun.strategies.badge import Badge
from alrun.strategies.bald import Bald
from alrun.strategies.base import Ranking, Strategy, StrategyInputs
from alrun.strategies.batch_bald import BatchBald
from alrun.strategies.detection import Detection
from alrun.strategies.diversity import Diversity
from alrun.strategies.entropy import Entropy
from alrun.strategies.epig import Epig
from alrun.strategies.facility_location import FacilityLocation
from alrun.strategies.kcenter import KCenter
from alrun.strategies.kmeans import KMeans
from alrun.strategies.least_confidence import LeastConfidence
from alrun.strategies.margin import Margin
from alrun.strategies.max_herding import MaxHerding
from alrun.strategies.power_bald import PowerBald
from alrun.strategies.probcover import ProbCover
from alrun.strategies.qbc import QueryByCommittee
from alrun.strategies.random import Random
from alrun.strategies.rank import Rank
from alrun.strategies.stratified import Stratified
from alrun.strategies.testing import StrategyContract
from alrun.strategies.typiclust import TypiClust
from alrun.strategies.variance import Variance
from alrun.strategies.variation_ratio import VariationRatio


class TestDiversity(StrategyContract):
    def strategy(self) -> Strategy:
        return Diversity()


class TestRandom(StrategyContract):
    def strategy(self) -> Strategy:
        return Random()


class TestEntropy(StrategyContract):
    def strategy(self) -> Strategy:
        return Entropy()


class TestLeastConfidence(StrategyContract):
    def strategy(self) -> Strategy:
        return LeastConfidence()


class TestMargin(StrategyContract):
    def strategy(self) -> Strategy:
        return Margin()


class TestVariance(StrategyContract):
    def strategy(self) -> Strategy:
        return Variance()


class TestDetection(StrategyContract):
    def strategy(self) -> Strategy:
        return Detection()


class TestDetectionInTurns(StrategyContract):
    def strategy(self) -> Strategy:
        return Detection(score="margin", aggregate="sum", no_detection="first", balance=True)


class TestBadge(StrategyContract):
    def strategy(self) -> Strategy:
        return Badge()


class TestFacilityLocation(StrategyContract):
    def strategy(self) -> Strategy:
        return FacilityLocation()


class TestKCenter(StrategyContract):
    def strategy(self) -> Strategy:
        return KCenter()


class TestKMeans(StrategyContract):
    def strategy(self) -> Strategy:
        return KMeans()


class TestMaxHerding(StrategyContract):
    def strategy(self) -> Strategy:
        return MaxHerding()


class TestProbCover(StrategyContract):
    def strategy(self) -> Strategy:
        return ProbCover()


class TestRank(StrategyContract):
    def strategy(self) -> Strategy:
        return Rank("sharpness", "high")


class TestStratified(StrategyContract):
    def strategy(self) -> Strategy:
        return Stratified()


class TestTypiClust(StrategyContract):
    def strategy(self) -> Strategy:
        return TypiClust()


class TestProbCoverWithARadius(StrategyContract):
    def strategy(self) -> Strategy:
        return ProbCover(delta=0.8)


class TestBald(StrategyContract):
    def strategy(self) -> Strategy:
        return Bald()


class TestBatchBald(StrategyContract):
    def strategy(self) -> Strategy:
        return BatchBald()


class TestEpig(StrategyContract):
    def strategy(self) -> Strategy:
        return Epig()


class TestPowerBald(StrategyContract):
    def strategy(self) -> Strategy:
        return PowerBald()


class TestQueryByCommittee(StrategyContract):
    def strategy(self) -> Strategy:
        return QueryByCommittee()


class TestVariationRatio(StrategyContract):
    def strategy(self) -> Strategy:
        return VariationRatio()


class TestConsensusKl(StrategyContract):
    def strategy(self) -> Strategy:
        return QueryByCommittee("consensus_kl")


class TestBatchBaldWithDrawnConfigurations(StrategyContract):
    def strategy(self) -> Strategy:
        return BatchBald(configurations=30)


class Broken(Diversity):
    """Diversity with one promise broken: the contract has to notice."""

    def __init__(self, fault: str) -> None:
        object.__setattr__(self, "fault", fault)

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        fault = vars(self)["fault"]
        if fault == "draws by row":
            order = rng.permutation(inputs.candidates.height)[:budget]
            return Ranking(order, np.arange(float(len(order))), ("drawn",) * len(order))
        right = super().select(inputs, budget, rng)
        if fault == "one too few":
            return Ranking(right.rows[:-1], right.scores[:-1], right.reasons[:-1])
        if fault == "ties to the higher row":
            return Ranking(right.rows[::-1], right.scores[::-1], right.reasons)
        if fault == "picks what is missing":
            rows = np.arange(inputs.candidates.height)
            return Ranking(rows, rows.astype(np.float64), ("first",) * len(rows))
        return right


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("draws by row", lambda contract: contract.test_order_of_the_rows_does_not_matter(5)),
        ("one too few", lambda contract: contract.test_picks_as_many_as_asked_or_all(40, 5)),
        ("ties to the higher row", lambda contract: contract.test_ties_go_to_the_lower_row()),
        ("picks what is missing", lambda contract: contract.test_missing_metric_is_never_picked()),
    ],
)
def test_the_contract_notices(fault: str, check: Callable[[StrategyContract], None]) -> None:
    class Contract(StrategyContract):
        def strategy(self) -> Strategy:
            return Broken(fault)

    with pytest.raises(AssertionError):
        check(Contract())
