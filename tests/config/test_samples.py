"""Strategies that need a committee are refused with a model that is none, before anything runs."""

from __future__ import annotations

import pytest

from tests.config.command import faults

COMMITTEES = ("random_forest", "cnn", "linear_head", "ensemble")


@pytest.mark.parametrize("model", COMMITTEES)
def test_a_committee_goes_with_a_strategy_that_needs_one(model: str) -> None:
    assert faults("strategy=bald", f"model={model}") == []


@pytest.mark.parametrize("strategy", ["bald", "qbc"])
@pytest.mark.parametrize("model", ["logistic_regression", "gradient_boosting", "calibrated"])
def test_any_other_model_is_refused_and_committees_are_named(strategy: str, model: str) -> None:
    (fault,) = faults(f"strategy={strategy}", f"model={model}")
    assert fault.key == "model"
    assert "has none" in fault.message
    for name in COMMITTEES:
        assert name in fault.message


def test_no_model_at_all_is_refused() -> None:
    (fault,) = faults("strategy=bald", "model=none")
    assert "needs a model" in fault.message


def test_a_fault_within_a_member_is_found_at_its_place() -> None:
    (fault,) = faults("strategy=bald", "model=ensemble", "model.member.epochs=0")
    assert fault.key == "model.member.epochs"
