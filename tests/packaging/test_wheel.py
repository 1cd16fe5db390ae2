"""alrun works when it is installed as a wheel, from any folder, and so do packages that add to it."""

from __future__ import annotations

import csv
from pathlib import Path

import yaml

from tests.config.command import EXPERIMENTS, choices, experiments
from tests.packaging.conftest import CHECKOUT, Installed


def test_the_wheel_brings_its_config_and_experiments(installed: Installed, tmp_path: Path) -> None:
    code = "from alrun.config.schema import folder_of as f; print(f('conf'), f('experiments'))"
    printed = installed.run("-c", code)
    for folder in printed.stdout.split():
        assert installed.site in Path(folder).parents
    found = {
        str(file.relative_to(installed.site / "alrun" / "conf")) for file in installed.site.glob("alrun/conf/**/*.yaml")
    }
    assert found == {str(file.relative_to(CHECKOUT / "conf")) for file in CHECKOUT.glob("conf/**/*.yaml")}
    done = installed.run("-m", "alrun", "--cfg", "job", "experiment=mnist_tutorial", folder=tmp_path)
    assert yaml.safe_load(done.stdout)["initial"]["size"] == 500
    assert (EXPERIMENTS / "mnist_tutorial.yaml").read_text() == (
        installed.site / "alrun" / "experiments" / "mnist_tutorial.yaml"
    ).read_text()


def test_help_lists_what_is_installed(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("-m", "alrun", "--help", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.partition("Config (KEY=VALUE)")[0].splitlines()
    listed = {line.partition(": ")[0]: line.partition(": ")[2].split(", ") for line in lines}
    assert listed["experiment"] == experiments()
    for choice in choices():
        group, name = choice.split("/")
        assert name in listed[group]
    assert "theirs" in listed["strategy"]
    assert "theirs" in listed["metrics"]


def test_the_console_script_is_there(installed: Installed, tmp_path: Path) -> None:
    script = installed.python.with_name("alrun")
    done = installed.run(str(script), "--cfg", "job", "-p", "budget", folder=tmp_path)
    assert done.stdout == "500\n"


def test_other_packages_plug_in_beside_alrun(installed: Installed) -> None:
    """`hydra_plugins` is a namespace: neither package may own it."""
    assert not (installed.site / "hydra_plugins" / "__init__.py").exists()
    assert {path.name for path in (installed.site / "hydra_plugins").iterdir()} == {"hydra_alrun", "hydra_theirs"}


def test_a_third_party_is_composed_and_checked_by_name(installed: Installed, tmp_path: Path) -> None:
    chosen = ("strategy=theirs", "metrics=[image_diversity,theirs]")
    done = installed.run("-m", "alrun", "--cfg", "job", *chosen, folder=tmp_path)
    config = yaml.safe_load(done.stdout)
    assert config["strategy"]["_target_"] == "theirs.longest.LongestTitle"
    assert set(config["metrics"]) == {"image_diversity", "title_length"}
    refused = installed.run(
        "-m", "alrun", *chosen, "metrics.title_length.limit=0", "strategy.metrc=x", "seed=-1", folder=tmp_path
    )
    assert refused.returncode == 2
    assert [line.split("  [")[0] for line in refused.stderr.splitlines() if line.endswith("]")] == [
        "seed = -1", "metrics.title_length.limit = 0", "strategy.metrc = x",
    ]  # fmt: skip
    assert "LongestTitle has no such parameter; did you mean 'metric'?" in refused.stderr


def test_a_fault_in_a_third_partys_choice_names_its_package(installed: Installed, tmp_path: Path) -> None:
    done = installed.run("-m", "alrun", "strategy=theirs", folder=tmp_path)
    assert done.returncode == 2
    assert "reads the metric 'title_length'" in done.stderr


def test_a_third_partys_strategy_and_metric_run_by_name(installed: Installed, tmp_path: Path) -> None:
    chosen = ("strategy=theirs", "metrics=[image_diversity,theirs]", "dataset=digits", "embedding.size=8", "budget=7")
    quick = ("model=logistic_regression", f"cache={tmp_path / 'cache'}", "hydra.run.dir=run")
    done = installed.run("-m", "alrun", *chosen, *quick, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "run" / "selection.csv").open(newline="") as file:
        picks = list(csv.DictReader(file))
    assert len(picks) == 7
    assert {float(pick["score"]) for pick in picks} == {float(max(len(pick["title"]) for pick in picks))}


def test_a_third_party_is_made_into_a_job(installed: Installed, tmp_path: Path) -> None:
    script = """
from alrun.config.build import component
from alrun.config.compose import Composer, Composition
from alrun.config.overrides import setting
overrides = [setting("strategy=theirs"), setting("metrics=[image_diversity,theirs]")]
config, faults = Composition(Composer(), overrides).plain()
print(component("strategy", config["strategy"]), component("metrics", config["metrics"]["title_length"]))
"""
    done = installed.run("-c", script, folder=tmp_path)
    assert done.stdout == "LongestTitle(metric='title_length') TitleLength(limit=1000)\n", done.stderr
