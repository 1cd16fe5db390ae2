"""A config without faults becomes a job with every component made."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from alrun.config.build import build, component
from alrun.config.schema import LISTS, digest, protocols
from alrun.errors import ConfigError, name_of
from alrun.filters import Filter
from alrun.metrics.image_diversity import ImageDiversity
from alrun.platform.local import LocalProject, StageSpec
from alrun.strategies.diversity import Diversity
from alrun.strategies.random import Random
from tests.config.command import chosen, content
from tests.config.test_files import component_choices


@pytest.mark.parametrize("choice", component_choices())
def test_every_choice_is_made_is_of_its_kind_and_is_called_so_in_messages(choice: str) -> None:
    group, name = choice.split("/")
    node = content(*chosen(choice))[group]
    made = component(group, node[name] if group in LISTS else node)
    assert isinstance(made, protocols(group))
    assert name_of(type(made)) == name


def test_a_component_of_a_users_own_is_called_by_its_target() -> None:
    assert name_of(type("Neighbours", (), {"__module__": "mine"})) == "mine.Neighbours"


def test_the_default_job(tmp_path: Path) -> None:
    config = content("restore_when.deadline=36h", f"cache={tmp_path}", "initial.size=7", "report.thumbnails=3")
    job = build(config, tmp_path, ["alrun", "budget=500"])
    assert (job.budget, job.rounds, job.seed, job.threads, job.action) == (500, 1, 0, 1, "run")
    assert job.restore_when.deadline == timedelta(hours=36)
    assert (job.initial_size, job.initial_strategy, job.thumbnails) == (7, Random(), 3)
    assert job.metrics["image_diversity"] == ImageDiversity()
    assert list(job.metrics) == ["image_diversity", "random"]
    assert job.strategy == Diversity()
    assert job.platform == LocalProject()
    assert isinstance(job.filters, Filter)
    assert (job.cache, job.folder) == (tmp_path, tmp_path)
    assert (job.config, job.config_digest) == (config, digest(config))
    assert job.command == ("alrun", "budget=500")


def test_lists_become_tuples_and_nested_values_their_types() -> None:
    node = content("platform.stages=[{title: A, type: annotation},{title: D, type: done}]")["platform"]
    made = component("platform", node)
    assert made.stages == (StageSpec("A", "annotation"), StageSpec("D", "done"))


def test_no_model_is_no_model(tmp_path: Path) -> None:
    assert build(content("model=none"), tmp_path, []).model is None


def test_the_run_folder_of_an_earlier_run_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert build(content("action=status", "run=old"), tmp_path, []).run == tmp_path / "old"


@pytest.mark.parametrize("target", ["os.system", "subprocess.Popen", "pathlib.Path", "alrun.metrics.random.Random"])
def test_a_config_cannot_call_what_is_no_component(target: str) -> None:
    with pytest.raises(ConfigError):
        component("strategy", {"_target_": target})


def test_a_config_with_a_fault_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.budget: must be a whole number"):
        build({**content(), "budget": "5"}, tmp_path, [])
    with pytest.raises(ConfigError, match=r"model\.trees"):
        build({**content(), "model": {**content()["model"], "trees": 0}}, tmp_path, [])
