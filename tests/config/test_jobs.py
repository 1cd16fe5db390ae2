"""How jobs start and end: run folders, sweeps, logs and exit codes, on real runs of a few images."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.config.command import alrun

SMALL = ("strategy=random", "metrics=[random]", "model=none", "budget=2", "report.thumbnails=0")

COMPONENTS = """
import time
from dataclasses import dataclass
from alrun.strategies.random import Random

@dataclass(frozen=True)
class Broken(Random):
    def select(self, inputs, budget, rng):
        raise RuntimeError("the strategy has a bug")

@dataclass(frozen=True)
class Slow(Random):
    def select(self, inputs, budget, rng):
        print("selecting", flush=True)
        time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with six images of two classes, and components of the user's."""
    from PIL import Image

    for number in range(6):
        file = tmp_path / "images" / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(file)
    (tmp_path / "mine.py").write_text(COMPONENTS)
    strategies = tmp_path / "conf" / "strategy"
    strategies.mkdir(parents=True)
    for name in ("Broken", "Slow"):
        (strategies / f"{name.lower()}.yaml").write_text(f"_target_: mine.{name}\n")
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "ALRUN_CACHE": str(folder / "cache"), "PYTHONPATH": str(folder)}


def start(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    flags = [argument for argument in arguments if argument.startswith("-")]  # before the overrides, as in Hydra
    overrides = ["dataset=folder", "dataset.path=images", *SMALL, *(a for a in arguments if a not in flags)]
    return alrun("-cd", "conf", *flags, *overrides, folder=folder, env=environment(folder))


def run_folders(folder: Path) -> list[Path]:
    return sorted(file.parent.parent for file in folder.glob("**/.hydra/config.yaml"))


def read(file: Path) -> Any:
    return yaml.safe_load(file.read_text())


def test_a_run_has_its_own_folder_below_where_it_was_started(folder: Path) -> None:
    done = start(folder=folder)
    assert done.returncode == 0, done.stderr
    (run,) = run_folders(folder)
    assert run.relative_to(folder).parts[0] == "outputs"
    assert read(run / ".hydra" / "config.yaml")["budget"] == 2
    assert "budget=2" in read(run / ".hydra" / "overrides.yaml")


def test_the_terminal_shows_messages_the_log_the_whole_lines(folder: Path) -> None:
    done = start(folder=folder)
    (run,) = run_folders(folder)
    log = (run / "alrun.log").read_text()
    shown = [line for line in done.stderr.splitlines() if "selected 2 of" in line]
    assert len(shown) == 1
    assert shown[0].startswith("round 1")
    assert f" INFO alrun: {shown[0]}\n" in log


def test_an_action_on_an_earlier_run_works_in_its_folder_with_its_config(folder: Path) -> None:
    start(folder=folder)
    (run,) = run_folders(folder)
    before = {file.name: file.read_text() for file in (run / ".hydra").iterdir()}
    for action in ("status", "resume"):
        done = alrun(f"action={action}", f"run={run.relative_to(folder)}", folder=folder, env=environment(folder))
        assert done.returncode == 0, done.stderr
    assert run_folders(folder) == [run]
    assert {file.name: file.read_text() for file in (run / ".hydra").iterdir()} == before


def test_an_experiment_that_is_a_sweep_sweeps_without_m(folder: Path) -> None:
    (folder / "experiments").mkdir()
    (folder / "experiments" / "seeds.yaml").write_text('hydra: {sweeper: {params: {seed: "3,4"}}}\n')
    done = start("experiment=seeds", folder=folder)
    assert done.returncode == 0, done.stderr
    runs = run_folders(folder)
    assert sorted(read(run / ".hydra" / "config.yaml")["seed"] for run in runs) == [3, 4]
    assert {run.relative_to(folder).parts[:1] for run in runs} == {("multirun",)}
    assert {run.parent.parent.name.rpartition("-")[0] for run in runs} == {"seeds"}


def test_a_bug_is_told_in_a_line_and_traced_in_the_log(folder: Path) -> None:
    done = start("strategy=broken", folder=folder)
    assert done.returncode == 1
    where = f"({folder / 'mine.py'}, line 9)"
    assert f"a bug in alrun or in a component: RuntimeError('the strategy has a bug') {where}" in done.stderr
    assert "Traceback" not in done.stderr
    (broken,) = run_folders(folder)
    assert str(broken / "alrun.log") in done.stderr
    assert "Once it is mended: python -m alrun action=resume run=" in done.stderr
    assert "Traceback" in (broken / "alrun.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupt_is_quiet_and_says_how_to_go_on(number: signal.Signals, folder: Path) -> None:
    command = [sys.executable, "-m", "alrun", "-cd", "conf", "dataset=folder", "dataset.path=images", *SMALL]
    with subprocess.Popen(
        [*command, "strategy=slow"], cwd=folder, env=environment(folder), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "selecting\n"
        time.sleep(0.2)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    (run,) = run_folders(folder)
    assert f"interrupted; to finish it: python -m alrun action=resume run={run}\n" in errors
    assert f"run folder: {run}\n" in errors
    assert "Traceback" not in errors


def test_a_reader_that_goes_away_does_not_stop_a_run(folder: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        command = [sys.executable, "-m", "alrun", "-cd", "conf", "dataset=folder", "dataset.path=images", *SMALL]
        done = subprocess.run(
            command, cwd=folder, env=environment(folder), text=True, stdout=closed, stderr=subprocess.PIPE, timeout=120
        )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    (run,) = run_folders(folder)
    assert (run / "report.html").exists()
