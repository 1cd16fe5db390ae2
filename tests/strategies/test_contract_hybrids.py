"""The hybrid strategies, and those that are made of strategies, pass the shipped contract."""

from __future__ import annotations

from alrun.strategies.audit import Audit
from alrun.strategies.bait import Bait
from alrun.strategies.base import Strategy
from alrun.strategies.clue import Clue
from alrun.strategies.cluster_margin import ClusterMargin
from alrun.strategies.distinct import Distinct
from alrun.strategies.diversity import Diversity
from alrun.strategies.dropquery import DropQuery
from alrun.strategies.entropy import Entropy
from alrun.strategies.falcun import Falcun
from alrun.strategies.kcenter import KCenter
from alrun.strategies.margin import Margin
from alrun.strategies.pipeline import Pipeline
from alrun.strategies.product import Product
from alrun.strategies.quotas import Quotas
from alrun.strategies.random import Random
from alrun.strategies.rank import Rank
from alrun.strategies.ranked_batch import RankedBatch
from alrun.strategies.switch import Switch
from alrun.strategies.testing import StrategyContract
from alrun.strategies.typiclust import TypiClust
from alrun.strategies.weighted_kmeans import WeightedKMeans


class TestBait(StrategyContract):
    def strategy(self) -> Strategy:
        return Bait()


class TestClue(StrategyContract):
    def strategy(self) -> Strategy:
        return Clue()


class TestClusterMargin(StrategyContract):
    def strategy(self) -> Strategy:
        return ClusterMargin(cluster_size=3)


class TestClusterMarginWithADistance(StrategyContract):
    def strategy(self) -> Strategy:
        return ClusterMargin(factor=2, distance=0.4)


class TestDropQuery(StrategyContract):
    def strategy(self) -> Strategy:
        return DropQuery()


class TestFalcun(StrategyContract):
    def strategy(self) -> Strategy:
        return Falcun()


class TestRankedBatch(StrategyContract):
    def strategy(self) -> Strategy:
        return RankedBatch()


class TestWeightedKMeans(StrategyContract):
    def strategy(self) -> Strategy:
        return WeightedKMeans(factor=2)


class TestAudit(StrategyContract):
    def strategy(self) -> Strategy:
        return Audit(Entropy(), share=0.3)


class TestDistinct(StrategyContract):
    def strategy(self) -> Strategy:
        return Distinct(Margin(), within=0.3)


class TestDistinctByAMetric(StrategyContract):
    def strategy(self) -> Strategy:
        return Distinct(Diversity(), metric="image_diversity")


class TestPipeline(StrategyContract):
    def strategy(self) -> Strategy:
        return Pipeline(Margin(), KCenter(), factor=2)


class TestPipelineOfMetrics(StrategyContract):
    def strategy(self) -> Strategy:
        return Pipeline(Rank("sharpness", "high"), Diversity())


class TestProduct(StrategyContract):
    def strategy(self) -> Strategy:
        return Product({"uncertain": Margin(), "sharp": Rank("sharpness", "high")}, {"sharp": 0.5}, "min_max")


class TestProductOfRanks(StrategyContract):
    def strategy(self) -> Strategy:
        return Product({"uncertain": Entropy(), "far": KCenter(), "any": Random()})


class TestQuotas(StrategyContract):
    def strategy(self) -> Strategy:
        return Quotas(Margin(), at_least={"ant": 0.5}, at_most={"*": 0.6})


class TestQuotasByAColumn(StrategyContract):
    def strategy(self) -> Strategy:
        return Quotas(KCenter(), by="stage", split="free")


class TestSwitch(StrategyContract):
    def strategy(self) -> Strategy:
        return Switch(TypiClust(), Margin(), until=5)


class TestNested(StrategyContract):
    def strategy(self) -> Strategy:
        return Audit(Quotas(Distinct(Pipeline(Entropy(), KCenter()), within=0.1), split="proportional"))
