"""A run ends early when a rule says so, says what it spent, and a resumed run ends at the same round."""

from __future__ import annotations

from pathlib import Path

import pytest

from alrun.errors import ConfigError
from tests.run.harness import platform_of, play, record, result, stages

ROUNDS = ("strategy=margin", "budget=40", "rounds=6", "metrics=random")


def rounds(folder: Path) -> int:
    return len(list((folder / "rounds").iterdir()))


def test_a_target_ends_the_run_and_resume_leaves_it_ended(tmp_path: Path, cache: Path) -> None:
    stop = ("stop=[target]", "stop.target.value=0.8")
    assert play(tmp_path, cache, *ROUNDS, *stop) == 0
    ended = rounds(tmp_path)
    assert 1 < ended < 7
    last = result(tmp_path, ended - 1)
    assert last["evaluation"]["accuracy"] >= 0.8 > result(tmp_path, ended - 2)["evaluation"]["accuracy"]
    assert any(f"after round {ended - 1} of 6: stop.target: accuracy" in note for note in record(tmp_path)["notes"])
    assert stages(platform_of(tmp_path / "project.sqlite"))["Complete"] == 40 * ended

    assert play(tmp_path, cache, *ROUNDS, *stop) == 0
    assert rounds(tmp_path) == ended


def test_the_total_budget_is_kept_in_the_unit_of_the_cost(tmp_path: Path, cache: Path) -> None:
    assert play(tmp_path, cache, *ROUNDS, "stop=[total_budget]", "stop.total_budget.at_most=100") == 0
    assert [result(tmp_path, n)["spent"] for n in range(rounds(tmp_path))] == [40, 80, 120]


def test_predictions_are_compared_with_those_of_the_round_before(tmp_path: Path, cache: Path) -> None:
    stop = ("stop=[kappa,f_change,uncertainty]", "stop.kappa.at_least=0.5", "stop.kappa.rounds=2")
    assert play(tmp_path, cache, *ROUNDS, *stop) == 0
    found = [result(tmp_path, n)["stability"] for n in range(rounds(tmp_path))]
    assert len(found) == 3
    assert "kappa" not in found[0]
    assert all(0.5 <= facts["kappa"] < 1 and 0 < facts["f_change"] < 0.5 for facts in found[1:])
    assert found[0]["uncertainty"] > found[-1]["uncertainty"] > 0


def test_a_cost_that_is_not_known_is_found_before_anything_moves(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ConfigError, match=r"no column 'meta\.minutes'"):
        play(tmp_path, cache, "strategy=random", "budget=5", "cost=column", "cost.column=meta.minutes")
    assert stages(platform_of(tmp_path / "project.sqlite")) == {"Annotate 1": 1437}


def test_objects_are_not_counted_where_there_are_none(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ConfigError, match="no object class: choose cost=labels"):
        play(tmp_path, cache, "strategy=random", "budget=5", "cost=objects")


def test_a_run_says_what_it_spent_and_expects(tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="alrun")
    assert play(tmp_path, cache, *ROUNDS, "rounds=5") == 0
    said = [message for message in caplog.messages if "spent" in message]
    assert said[0] == "round 0: 40 labels spent, 40 in all"
    assert "more labels are expected to bring +" in said[3]
    assert said[5] == "round 5: 40 labels spent, 240 in all"
