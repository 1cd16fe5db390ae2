"""Every rule stops exactly when it says it does, and says why; what it cannot judge never ends a run."""

from __future__ import annotations

import pytest

from alrun.errors import ConfigError
from alrun.stopping.base import RoundFacts, StoppingRule
from alrun.stopping.f_change import FChange
from alrun.stopping.kappa import Kappa
from alrun.stopping.patience import Patience
from alrun.stopping.target import Target
from alrun.stopping.total_budget import TotalBudget
from alrun.stopping.uncertainty import Uncertainty

RULES: tuple[StoppingRule, ...] = (
    Target(), TotalBudget(), Patience(), Kappa(), FChange(), Uncertainty(),
)  # fmt: skip


def accuracies(*values: float) -> list[RoundFacts]:
    return [RoundFacts(n, 100 * n, 100.0 * n, {"accuracy": v, "log_loss": 1 - v}) for n, v in enumerate(values, 1)]


def predictions(*kappas: float | None) -> list[RoundFacts]:
    return [
        RoundFacts(
            n, 100 * n, 0.0, kappa=k, f_change=None if k is None else 1 - k, uncertainty=None if k is None else k
        )
        for n, k in enumerate(kappas, 1)
    ]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: type(rule).__name__)
def test_nothing_known_never_ends_a_run(rule: StoppingRule) -> None:
    assert rule.verdict([RoundFacts(0, 10, 0.0)]) is None
    assert rule.verdict([RoundFacts(n, 10, 0.0) for n in range(9)]) is None


def test_target_is_reached_by_the_last_round_alone() -> None:
    assert Target(value=0.9).verdict(accuracies(0.95, 0.89)) is None
    reason = Target(value=0.9).verdict(accuracies(0.5, 0.9))
    assert reason == "accuracy is 0.9000, at least the target of 0.9"


def test_a_loss_is_to_be_low() -> None:
    low = Target(figure="log_loss", value=0.2)
    assert low.verdict(accuracies(0.75)) is None
    assert low.verdict(accuracies(0.85)) == "log_loss is 0.1500, at most the target of 0.2"
    assert Target(figure="log_loss", value=3).verdict(accuracies(0.75)) is not None


def test_a_target_that_the_figure_cannot_have_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"95, but accuracy is in 0\.\.1"):
        Target(value=95)


def test_a_figure_that_the_evaluation_lacks_is_named() -> None:
    with pytest.raises(ConfigError, match="is not a figure of the evaluation; allowed: accuracy, log_loss"):
        Target(figure="map").verdict(accuracies(0.5))


def test_patience_counts_rounds_since_the_best() -> None:
    rule = Patience(rounds=2)
    assert rule.verdict(accuracies(0.5, 0.6, 0.55)) is None
    assert rule.verdict(accuracies(0.5, 0.6, 0.55, 0.61, 0.6)) is None
    assert rule.verdict(accuracies(0.5, 0.6, 0.55, 0.6)) is not None  # as good is not better


def test_patience_asks_for_a_gain_and_knows_which_end_is_better() -> None:
    assert Patience(rounds=2, by=0.05).verdict(accuracies(0.5, 0.53, 0.54)) is not None
    assert Patience(rounds=2, by=0.01).verdict(accuracies(0.5, 0.53, 0.54)) is None
    falling = accuracies(0.5, 0.6, 0.7)  # the log loss gets smaller
    assert Patience(figure="log_loss", rounds=1).verdict(falling) is None
    rising = accuracies(0.7, 0.6, 0.5)
    assert Patience(figure="log_loss", rounds=2).verdict(rising) is not None


def test_kappa_is_the_mean_of_the_last_rounds() -> None:
    rule = Kappa(at_least=0.9, rounds=2)
    assert rule.verdict(predictions(None, 1.0)) is None  # one comparison so far
    assert rule.verdict(predictions(None, 0.2, 0.85, 0.94)) is None
    assert rule.verdict(predictions(None, 0.2, 0.87, 0.94)) is not None


def test_f_change_has_to_stay_small() -> None:
    rule = FChange(at_most=0.1, rounds=2)
    assert rule.verdict(predictions(None, 0.95, 0.85)) is None
    assert rule.verdict(predictions(None, 0.85, 0.95, 0.92)) is not None


def test_uncertainty_goes_by_the_last_round() -> None:
    assert Uncertainty(at_most=0.1).verdict(predictions(0.05, 0.11)) is None
    assert Uncertainty(at_most=0.1).verdict(predictions(0.5, 0.1)) is not None


def test_total_budget_counts_what_was_spent() -> None:
    rounds = accuracies(0.5, 0.6)
    assert TotalBudget(at_most=201).verdict(rounds) is None
    assert TotalBudget(at_most=200).verdict(rounds) == "200 was spent of the 200 allowed"
