"""Strategies that need a committee are refused with a model that is none, before anything runs."""

from __future__ import annotations

import pytest

from alrun.config.build import component
from alrun.models.random_forest import RandomForest
from alrun.models.svm import SVM
from tests.config.command import content, faults

COMMITTEES = ("random_forest", "cnn", "linear_head", "ensemble", "committee")


@pytest.mark.parametrize("model", COMMITTEES)
def test_a_committee_goes_with_a_strategy_that_needs_one(model: str) -> None:
    assert faults("strategy=bald", f"model={model}") == []


@pytest.mark.parametrize("strategy", ["bald", "qbc"])
@pytest.mark.parametrize("model", ["logistic_regression", "gradient_boosting", "svm", "calibrated"])
def test_any_other_model_is_refused_and_committees_are_named(strategy: str, model: str) -> None:
    (fault,) = faults(f"strategy={strategy}", f"model={model}")
    assert fault.key == "model"
    assert "has none" in fault.message
    for name in COMMITTEES:
        assert name in fault.message


@pytest.mark.parametrize("member", ["logistic_regression", "gradient_boosting", "linear_discriminant", "svm"])
def test_members_that_would_all_be_the_same_are_refused_where_they_are_compared(member: str) -> None:
    alike = ("model=ensemble", f"model@model.member={member}")
    (fault,) = faults("strategy=qbc", *alike)
    assert fault.key == "model"
    assert f"member={member} draws nothing at random" in fault.message
    assert "set model.bootstrap=true" in fault.message
    assert faults("strategy=qbc", *alike, "model.bootstrap=true") == faults("strategy=margin", *alike) == []


def test_one_member_disagrees_with_nobody() -> None:
    (fault,) = faults("strategy=bald", "model=ensemble", "model.members=1")
    assert (fault.key, "2 or more are needed" in fault.message) == ("model.members", True)


def test_no_model_at_all_is_refused() -> None:
    (fault,) = faults("strategy=bald", "model=none")
    assert "needs a model" in fault.message


def test_a_fault_within_a_member_is_found_at_its_place() -> None:
    (fault,) = faults("strategy=bald", "model=ensemble", "model.member.epochs=0")
    assert fault.key == "model.member.epochs"


def test_members_of_a_committee_are_added_and_removed_by_name() -> None:
    forest = "+model@model.members.forest=random_forest"
    given = content("strategy=qbc", "model=committee", "~model.members.svm", forest, "model@model.leader=svm")
    committee = component("model", given["model"])
    assert list(committee.members) == ["logistic_regression", "linear_discriminant", "forest"]
    assert (committee.leader, committee.members["forest"]) == (SVM(), RandomForest())


def test_members_that_take_something_else_than_the_leader_are_refused() -> None:
    (fault,) = faults("strategy=qbc", "model=committee", "+model@model.members.net=cnn")
    assert fault.key == "model"
    assert "members.net takes images of 28 pixels a side" in fault.message
