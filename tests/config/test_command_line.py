"""The command line works as Hydra's users expect, answers fast and never with a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from alrun.run.actions import ACTIONS
from tests.config.command import CONF, alrun, choices, experiments, faults

HEAVY = ("torch", "sklearn", "encord", "matplotlib", "mlflow", "pandas", "PIL", "scipy", "skops")

LISTS_IMPORTS = f"""
import atexit, sys
atexit.register(lambda: sys.stderr.write("HEAVY " + " ".join(m for m in {HEAVY} if m in sys.modules) + chr(10)))
from alrun.cli import main
main()
"""


def test_help_names_actions_groups_with_choices_and_examples(tmp_path: Path) -> None:
    done = alrun("--help", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for action in ACTIONS:
        assert f"\n  {action} " in done.stdout
    groups = done.stdout.partition("Config (KEY=VALUE)")[0].splitlines()
    listed = {line.partition(": ")[0]: line.partition(": ")[2].split(", ") for line in groups}
    for choice in choices():
        group, name = choice.split("/")
        assert name in listed[group]
    assert listed["experiment"] == experiments()
    assert "python -m alrun strategy=diversity budget=500" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["budget=x", "strategy=divers"], ["--cfg", "job"]])
def test_help_and_faults_load_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-c", LISTS_IMPORTS, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.stderr.splitlines()[-1].split() == ["HEAVY"]


def test_cfg_shows_the_config_or_a_package_of_it(tmp_path: Path) -> None:
    shown = yaml.safe_load(alrun("--cfg", "job", "budget=7", "experiment=mnist_tutorial", folder=tmp_path).stdout)
    assert (shown["budget"], shown["initial"]["size"]) == (7, 500)
    package = alrun("--cfg", "job", "-p", "model", "--resolve", "model.trees=3", folder=tmp_path)
    assert yaml.safe_load(package.stdout)["trees"] == 3


def test_cfg_shows_a_config_that_is_not_complete_or_wrong(tmp_path: Path) -> None:
    done = alrun("--cfg", "job", "dataset=folder", "budget=-5", folder=tmp_path)
    assert done.returncode == 0
    assert yaml.safe_load(done.stdout)["dataset"]["path"] == "???"


@pytest.mark.parametrize("what", ["searchpath", "defaults", "defaults-tree", "plugins", "config"])
def test_info(what: str, tmp_path: Path) -> None:
    done = alrun("--info", what, folder=tmp_path)
    assert done.returncode == 0
    assert "alrun" in done.stdout + done.stderr or "Experiments" in done.stdout


def test_hydra_help(tmp_path: Path) -> None:
    done = alrun("--hydra-help", folder=tmp_path)
    assert done.returncode == 0
    assert "--multirun" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "--cfg", "job"], "do not go together"),
        (["--resolve"], "--resolve goes with --cfg"),
        (["--cfg", "job", "budgt=1"], "unknown key"),
        (["--help", "strategy=divers"], "did you mean 'diversity'?"),
        (["--info", "defaults", "strategy=divers"], "did you mean 'diversity'?"),
        (["--config-dir", "nowhere"], "there is no such folder"),
        (["-cn", "nosuch"], "there is no config 'nosuch'"),
        (["-sc", "instal=bash"], "-sc takes install=SHELL"),
        (["--experimental-rerun", "x"], "action=resume"),
        (["--nosuch"], "unrecognized arguments: --nosuch"),
    ],
)
def test_a_wrong_flag_gets_a_message(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = alrun(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["--cfg", "all"], ["--hydra-help"], ["-sc", "install=bash"]])
def test_a_reader_that_goes_away_is_no_error(arguments: list[str], tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        command = [sys.executable, "-m", "alrun", *arguments]
        done = subprocess.run(command, cwd=tmp_path, stdout=closed, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.stderr == ""
    assert done.returncode in {0, -signal.SIGPIPE}


@pytest.mark.parametrize("arguments", [["--help"], ["action=doctor", "dataset=digits"]])
def test_an_answer_that_cannot_be_written_is_an_error(arguments: list[str], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "alrun", *arguments]
        done = subprocess.run(command, cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    assert done.returncode == 4
    assert "cannot be written" in done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_exit_code_is_the_same_if_nobody_reads_the_message(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        command = [sys.executable, "-m", "alrun", "budget=-1"]
        assert subprocess.run(command, cwd=tmp_path, stderr=closed, timeout=120).returncode == 2


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("alrun strategy=div", {"strategy=diversity"}),
        ("alrun experiment=", {f"experiment={name}" for name in experiments()}),
        ("alrun model.t", {"model.trees="}),
        ("alrun budg", {"budget="}),
    ],
)
def test_completion(line: str, offered: set[str], tmp_path: Path) -> None:
    environment = {**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line))}
    done = alrun("-sc", "query=bash", folder=tmp_path, env=environment)
    assert set(done.stdout.split()) == offered


def test_completion_installs_for_the_console_script(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("alrun")
    done = subprocess.run([script, "-sc", "install=bash"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert "complete -o nospace -o default -F hydra_bash_completion alrun" in done.stdout


def test_a_folder_of_the_users_adds_choices(tmp_path: Path) -> None:
    (tmp_path / "mine" / "strategy").mkdir(parents=True)
    file = tmp_path / "mine" / "strategy" / "forest.yaml"
    file.write_text("_target_: alrun.strategies.random.Random\n")
    assert faults("strategy=forest", config_dir=tmp_path / "mine") == []
    assert faults("strategy=diversity", config_dir=tmp_path / "mine") == []
    assert faults(f"hydra.searchpath=[file://{tmp_path / 'mine'}]", "strategy=forest") == []
    shown = alrun("-cd", "mine", "--cfg", "job", "-p", "strategy", "strategy=forest", folder=tmp_path)
    assert yaml.safe_load(shown.stdout)["_target_"] == "alrun.strategies.random.Random"
    file.write_text("_target_: alrun.strategies.random.Random\nk: 3\n")
    done = alrun("-cd", "mine", "strategy=forest", folder=tmp_path)
    assert done.returncode == 2
    assert "strategy.k = 3  [mine/strategy/forest.yaml]" in done.stderr


def test_experiments_beside_the_user_come_before_those_of_the_package(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mnist_tutorial.yaml").write_text("budget: 7\n")
    (tmp_path / "experiments" / "own.yaml").write_text("# @package _global_\nbudget: 8\n")
    for name, budget in (("mnist_tutorial", 7), ("own", 8)):
        shown = alrun("--cfg", "job", "-p", "budget", f"experiment={name}", folder=tmp_path)
        assert int(shown.stdout) == budget
    done = alrun("experiment=nosuch", folder=tmp_path)
    assert f"allowed: {', '.join(sorted({*experiments(), 'own'}))}" in done.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("hydra.run.dir=taken", "taken cannot be made or written (File exists)"),
        ("hydra.run.dir=taken/run", "taken/run cannot be made or written (Not a directory)"),
        pytest.param(
            "hydra.run.dir=locked/run", "locked/run cannot be made or written (Permission denied)",
            marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere"),
        ),
        ("hydra.run.dir=${nosuch}", "Interpolation key 'nosuch' not found"),
    ],
)  # fmt: skip
def test_a_run_folder_that_cannot_be_is_said_as_any_fault(given: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file of the user's")
    (tmp_path / "locked").mkdir(mode=0o500)
    done = alrun(given, folder=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "nothing was started" in done.stderr
    assert "Traceback" not in done.stderr
    assert "HYDRA_FULL_ERROR" not in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"taken", "locked"}


def test_another_hydra_application_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "own.yaml").write_text("x: 1\n")
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text("y: 1\n")
    (tmp_path / "app.py").write_text(
        "import hydra\n\n\n"
        "@hydra.main(version_base='1.3', config_path='conf', config_name='config')\n"
        "def main(cfg):\n    pass\n\n\nmain()\n"
    )
    command = [sys.executable, "app.py", "--info", "searchpath"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "main" in done.stdout
    assert "alrun" not in done.stdout


def test_an_import_from_another_folder_finds_the_same_config(tmp_path: Path) -> None:
    done = alrun("--info", "searchpath", folder=tmp_path)
    assert str(CONF) in done.stdout
