"""Every file under conf/ and experiments/ is right, and says the same as the class it configures."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from typing import Any

import pytest
import yaml

from alrun.config.schema import LISTS, RunConfig, components, read_component
from alrun.config.strict import read
from tests.config.command import CONF, EXPERIMENTS, choices, chosen, content, experiments, faults

NOT_COMPONENTS = {"filters", "model/none", "tracking/none"}


def component_choices() -> list[str]:
    return [c for c in choices() if c not in NOT_COMPONENTS and c.split("/")[0] not in NOT_COMPONENTS]


@pytest.mark.parametrize("choice", choices())
def test_every_choice_composes_without_a_fault(choice: str) -> None:
    assert faults(*chosen(choice)) == []


@pytest.mark.parametrize("name", experiments())
def test_every_experiment_composes_without_a_fault(name: str) -> None:
    assert faults(f"experiment={name}") == []


@pytest.mark.parametrize("name", experiments())
def test_every_experiment_says_what_it_asks_and_how_to_run_it(name: str) -> None:
    text = (EXPERIMENTS / f"{name}.yaml").read_text()
    comment = "\n".join(line for line in text.split("\ndefaults:")[0].splitlines() if line.startswith("#"))
    assert "Question:" in comment
    assert f"python -m alrun experiment={name}" in comment


def default(field: Field[Any]) -> Any:
    return field.default if field.default_factory is MISSING else field.default_factory()


@pytest.mark.parametrize("choice", component_choices())
def test_a_file_has_every_field_of_its_class_with_the_same_default(choice: str) -> None:
    group, name = choice.split("/")
    given: dict[str, Any] = yaml.safe_load((CONF / f"{choice}.yaml").read_text())
    node = given[name] if group in LISTS else given.get(group, given)
    parameters = {key: value for key, value in node.items() if key != "_target_" and value != "???"}
    parameters = {key: None if value == f"${{{key}}}" else value for key, value in parameters.items()}  # the run's own
    parts = {next(iter(entry)).partition("@")[2].partition(".")[0] for entry in parameters.pop("defaults", [])}
    kind, arguments, problems = read_component(group, {"_target_": node["_target_"], **parameters})
    assert [problem for problem in problems if not problem.missing] == []
    assert set(node) - {"_target_", "defaults"} | parts == {field.name for field in fields(kind)}
    defaults = {field.name: default(field) for field in fields(kind)}
    assert {problem.key for problem in problems} == {key for key, value in defaults.items() if value is MISSING}
    assert arguments == {key: value for key, value in defaults.items() if value is not MISSING}


@pytest.mark.parametrize("choice", component_choices())
def test_a_file_comments_on_itself_and_on_every_parameter(choice: str) -> None:
    lines = (CONF / f"{choice}.yaml").read_text().splitlines()
    assert lines[0].startswith("# ")
    keys = [line for line in lines[1:] if ":" in line and not line.lstrip().startswith(("_target_", "- "))]
    group, name = choice.split("/")
    assert [line for line in keys if "#" not in line and line not in (f"{name}:", f"{group}:")] == []


def test_the_main_file_has_every_key_with_the_default_of_the_type() -> None:
    resolved = content()
    assert set(resolved) == {field.name for field in fields(RunConfig)}
    arguments, problems = read(RunConfig, resolved)
    assert problems == []
    required = {
        key: arguments[key]
        for key in ("platform", "dataset", "filters", "embedding", "strategy", "initial", "recipe", "annotator", "cost")
    }
    defaults = RunConfig(**required, model=arguments["model"], metrics=arguments["metrics"])
    assert RunConfig(**arguments) == defaults


def test_every_group_of_the_issue_has_a_default() -> None:
    keys = {key for key, _, _ in components(content())}
    assert keys == {
        "platform", "dataset", "metrics.image_diversity", "metrics.random", "embedding", "model", "strategy",
        "recipe", "annotator", "cost", "launcher", "compute", "initial.strategy",
    }  # fmt: skip


def test_the_config_depends_on_neither_time_nor_place(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = content()
    monkeypatch.chdir(tmp_path)
    assert content() == here
