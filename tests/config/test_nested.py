"""Strategies inside strategies: chosen, checked and made like any other component."""

from __future__ import annotations

import pytest

from alrun.config.build import component
from alrun.errors import ConfigError
from alrun.strategies.entropy import Entropy
from alrun.strategies.kcenter import KCenter
from alrun.strategies.margin import Margin
from alrun.strategies.pipeline import Pipeline
from alrun.strategies.product import Product
from alrun.strategies.rank import Rank
from tests.config.command import content, faults

FAULTY = [
    # command line, key, part of the message
    (["strategy=pipeline", "strategy@strategy.first=margn"], "strategy@strategy.first", "did you mean 'margin'?"),
    (["strategy=pipeline", "strategy.then.k=3"], "strategy.then.k", "kcenter has no such parameter"),
    (["strategy=pipeline", "strategy@strategy.then=typiclust", "strategy.then.neighbours=0"],
     "strategy.then.neighbours", "greater than or equal to 1"),
    (["strategy=audit", "strategy@strategy.inner=pipeline", "strategy@strategy.inner.then=typiclust",
      "strategy.inner.then.neighbours=x"], "strategy.inner.then.neighbours", "whole number"),
    (["strategy=pipeline", "strategy.first._target_=os.system"], "strategy.first._target_", "must be a class"),
    (["strategy=pipeline", "strategy.first._target_=alrun.metrics.random.Random"],
     "strategy.first._target_", "is no Strategy"),
    (["strategy=pipeline", "strategy.first=5"], "strategy.first", "must be a component"),
    (["strategy=pipeline", "~strategy.first"], "strategy.first", "must be given"),
    (["strategy=product", "+strategy@strategy.objectives.new=rank", "strategy.objectives.new.first=up"],
     "strategy.objectives.new.first", "allowed: low, high"),
    (["strategy=product", "strategy.strengths={uncertanty: 2}"], "strategy", "the objectives are uncertainty"),
    (["strategy=product", "strategy.strengths={uncertainty: 0}"], "strategy.strengths.uncertainty", "greater than 0"),
    (["strategy=quotas", "strategy.at_least={a: 0.7, b: 0.7}"], "strategy", "add up to 1.4"),
    (["strategy=pipeline", "strategy@strategy.then=rank", "strategy.then.metric=sharpness"], "metrics", "'sharpness'"),
    (["strategy=distinct", "strategy.metric=duplicate_group"], "metrics", "'duplicate_group'"),
    (["strategy=pipeline", "model=none"], "model", "strategy=pipeline(entropy, kcenter) needs a model"),
    (["strategy=switch", "model=none"], "model", "strategy=switch"),
    (["strategy@initial.strategy=pipeline"], "initial.strategy", "needs a model"),
    (["strategy@initial.strategy=switch", "initial.strategy.until=0"], "initial.strategy", "needs a model"),
    (["strategy=audit", "strategy@strategy.inner=dropquery", "model=cnn"], "model", "takes images"),
]  # fmt: skip


@pytest.mark.parametrize(("overrides", "key", "message"), FAULTY, ids=[" ".join(case[0]) for case in FAULTY])
def test_a_fault_is_found_where_it_is(overrides: list[str], key: str, message: str) -> None:
    (fault,) = faults(*overrides)
    assert fault.key == key
    assert message in fault.message


def test_what_needs_no_model_at_first_may_begin() -> None:
    assert faults("strategy@initial.strategy=switch") == []
    assert faults("strategy=pipeline", "strategy@strategy.first=random", "model=none") == []
    assert faults("strategy=quotas", "strategy@strategy.inner=random", "strategy.by=stage", "model=none") == []


def test_the_parts_are_made_with_their_parameters() -> None:
    node = content("strategy=pipeline", "strategy@strategy.first=margin", "strategy.factor=3")["strategy"]
    assert component("strategy", node) == Pipeline(Margin(), KCenter(), factor=3)
    overrides = ("+strategy@strategy.objectives.sharp=rank", "strategy.objectives.sharp.metric=sharpness")
    node = content("strategy=product", "~strategy.objectives.diversity", *overrides)["strategy"]
    assert component("strategy", node) == Product({"uncertainty": Entropy(), "sharp": Rank("sharpness")})


def test_a_part_with_a_fault_is_not_made() -> None:
    node = content("strategy=pipeline")["strategy"]
    with pytest.raises(ConfigError, match=r"strategy\.nosuch: entropy has no such parameter"):
        component("strategy", {**node, "first": {**node["first"], "nosuch": 1}})
