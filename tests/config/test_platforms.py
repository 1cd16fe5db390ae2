"""What a platform changes of the defaults, and who wins over it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alrun.config.compose import Composer, Composition
from alrun.config.overrides import setting
from tests.config.command import alrun, chosen, content, faults

REAL = ["encord", "rehearsal"]


def parts(config: dict[str, Any]) -> tuple[str, str, str]:
    """Return the recipe, the annotator and who approves."""
    recipe, annotator = (config[group]["_target_"].rpartition(".")[2] for group in ("recipe", "annotator"))
    return recipe, annotator, config["approve"]


def experiment(folder: Path, text: str) -> Composition:
    """Compose an experiment of the user's."""
    (folder / "experiment").mkdir()
    (folder / "experiment" / "mine.yaml").write_text(f"# @package _global_\n{text}")
    return Composition(Composer(config_dir=str(folder)), [setting("experiment=mine")])


def test_a_local_project_is_parked_and_labelled_by_the_oracle() -> None:
    assert parts(content()) == parts(content("platform=local")) == ("ParkRest", "Oracle", "auto")


@pytest.mark.parametrize("platform", REAL)
def test_a_real_project_is_for_people_and_keeps_its_tasks_where_they_are(platform: str) -> None:
    assert parts(content(*chosen(f"platform/{platform}"))) == ("SetPriorities", "Human", "prompt")


@pytest.mark.parametrize("platform", REAL)
@pytest.mark.parametrize("first", [True, False])
def test_the_command_line_wins_over_a_platform_in_any_order(platform: str, first: bool) -> None:
    given = ["recipe=park", "approve=auto", "annotator=oracle"]
    choice = chosen(f"platform/{platform}")
    overrides = [*given, *choice] if first else [*choice, *given]
    assert faults(*overrides) == []
    assert parts(content(*overrides)) == ("ParkRest", "Oracle", "auto")


def test_an_experiment_wins_over_the_platform_that_it_chooses(tmp_path: Path) -> None:
    chooses = """
defaults:
  - override /platform: encord
  - override /recipe: move
approve: auto
platform:
  project: 4c5ec9a5-5a4f-4b8e-8bfa-2f1f1f0e6d57
  user: me@example.org
"""
    composition = experiment(tmp_path, chooses)
    config, unresolved = composition.plain()
    assert unresolved == []
    assert parts(config) == ("MoveRest", "Human", "auto")
    assert config["platform"]["user"] == "me@example.org"
    assert composition.origin("platform.user").endswith("mine.yaml")


def test_a_value_that_a_platform_sets_is_traced_to_its_file() -> None:
    composition = Composition(Composer(), [setting(text) for text in chosen("platform/encord")])
    assert composition.origin("approve").endswith("platform/encord.yaml")
    assert composition.origin("platform.threads").endswith("platform/encord.yaml")
    assert composition.origin("budget").endswith("conf/config.yaml")


def test_hydra_shows_the_config_that_runs(tmp_path: Path) -> None:
    shown = alrun(*chosen("platform/encord"), "--cfg", "job", folder=tmp_path)
    assert "alrun.recipe.priority.SetPriorities" in shown.stdout
    assert "approve: prompt" in shown.stdout


def test_a_sweep_over_platforms_takes_each_platform_s_own() -> None:
    given = ["platform=local,rehearsal", *chosen("platform/rehearsal")[1:]]
    found = faults(*given, multirun=True)
    assert {fault.key for fault in found} == {"platform.project"}  # a local project has none


@pytest.mark.parametrize("platform", REAL)
def test_a_wrong_parameter_is_named_with_its_file(platform: str) -> None:
    (fault,) = faults(f"platform={platform}", "platform.project=small", "platform.user=me@example.org")
    assert "is not a project hash" in fault.message
    (missing,) = faults(f"platform={platform}", "platform.user=me@example.org")
    assert (missing.key, missing.message) == ("platform.project", "must be given")
    assert missing.origin.endswith(f"platform/{platform}.yaml")
