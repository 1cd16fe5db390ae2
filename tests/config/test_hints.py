"""What takes two parts of a command line to understand is said with what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.command import COMMAND_LINE, faults


@pytest.mark.parametrize(
    ("given", "key", "message"),
    [
        (["stop.kappa.threshold=0.5"], "stop.kappa", "'kappa' is not chosen. To choose it: stop=[kappa]"),
        (["stop=[target]", "stop.kappa.threshold=0.5"], "stop.kappa", "To choose it: stop=[target,kappa]"),
        (["stop.kapa.threshold=0.5"], "stop.kapa", "no stopping rule 'kapa'; did you mean 'kappa'? allowed: f_change"),
        (["metrics.blur.size=3"], "metrics.blur", "To choose it: metrics=[image_diversity,random,blur]"),
        (
            ["model=ensemble", "model@model.member=none"],
            "model@model.member",
            "a model is needed here; allowed: calibr",
        ),
        (["initial.strategy=kcenter"], "initial.strategy", "by its group: strategy@initial.strategy=kcenter"),
        (["strategy=pipeline", "strategy.first=margin"], "strategy.first", "strategy@strategy.first=margin"),
        (["budget=5,6", "budget=7"], "budget", "is given more than once, and only the last would count"),
    ],
)
def test_parameters_and_nothing_in_place_of_a_choice(given: list[str], key: str, message: str) -> None:
    (fault,) = faults(*given)
    assert (fault.key, fault.origin) == (key, COMMAND_LINE)
    assert message in fault.message


def test_parameters_that_an_experiment_sets_for_its_own_choice() -> None:
    (unknown,) = faults("experiment=noisy_oracle", "annotator=human")
    assert unknown.key == "annotator.error_rate"
    assert "human has no such parameter" in unknown.message
    assert unknown.message.endswith("annotator=human was chosen instead: take it away, '~annotator.error_rate'")
    assert faults("experiment=noisy_oracle", "annotator=human", "~annotator.error_rate") == []

    (unfit,) = faults("experiment=cold_start", "embedding=efficientnet_lite0")
    assert "must be greater than or equal to 32. experiment=cold_start sets it" in unfit.message
    assert "give another value, embedding.size=VALUE, or take it away" in unfit.message
    assert faults("experiment=cold_start", "embedding=efficientnet_lite0", "embedding.size=96") == []


@pytest.mark.parametrize("model", ["random_forest", "none"])
def test_a_choice_that_an_experiment_overrules(model: str, tmp_path: Path) -> None:
    """The experiment's class would stay, with another's parameters or without a word."""
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment" / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /model: none\n"
        "model:\n  _target_: alrun.models.logistic_regression.LogisticRegression\n"
    )
    (fault,) = faults("experiment=mine", f"model={model}", config_dir=tmp_path)
    assert (fault.key, fault.given, fault.origin) == ("model", model, COMMAND_LINE)
    assert "experiment=mine names a class of its own, model._target_: alrun.models" in fault.message
    assert f"leave model={model} out, or the experiment" in fault.message
    assert faults("experiment=mine", "strategy=margin", config_dir=tmp_path) == []
