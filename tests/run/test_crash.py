"""A run that is killed anywhere and resumed ends as one left alone: same selections, same curves, same platform."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from alrun import faults
from tests.run.harness import QUICK, platform_of, play, record, stages

ROUNDS = ("strategy=margin", "budget=15", "initial.size=20", "recipe=park", "metrics=random", "dataset.test_size=100")


@dataclass(frozen=True)
class Undisturbed:
    """A run that was left alone: its folder, and how often it reached each fault point."""

    folder: Path
    rounds: int
    points: dict[str, int]


def _left_alone(folder: Path, cache: Path, rounds: int) -> Undisturbed:
    assert play(folder / "first", cache, *ROUNDS, f"rounds={rounds}") == 0  # killed runs find a full cache as well
    faults.record()
    try:
        assert play(folder / "run", cache, *ROUNDS, f"rounds={rounds}") == 0
        return Undisturbed(folder / "run", rounds, faults.reached())
    finally:
        faults.reset()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Undisturbed:
    return _left_alone(tmp_path_factory.mktemp("undisturbed"), cache, 10)


def check(where: tuple[str, int], undisturbed: Undisturbed, folder: Path, cache: Path) -> None:
    name, nth = where
    config = [*QUICK, *ROUNDS, f"rounds={undisturbed.rounds}", f"cache={cache}", f"hydra.run.dir={folder}"]
    command = [sys.executable, "-m", "alrun", *config]
    killed = _run(command, folder.parent, f"{name}:{nth}=kill")
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    resumed = _run([sys.executable, "-m", "alrun", "action=resume", f"run={folder}"], folder.parent, "")
    assert resumed.returncode == 0, resumed.stderr

    for file in ("selection.csv", "curve.csv"):
        assert (folder / file).read_bytes() == (undisturbed.folder / file).read_bytes()
    before, after = (platform_of(run / "project.sqlite") for run in (undisturbed.folder, folder))
    assert stages(after) == stages(before)
    assert after.tags() == before.tags()
    assert [(t.task_id, t.stage, t.priority) for t in after.tasks()] == [
        (t.task_id, t.stage, t.priority) for t in before.tasks()
    ]
    assert record(folder)["status"] == "done"


@pytest.mark.parametrize(
    "where",
    [
        ("local.before_commit", 1),
        ("journal.after_intend", 7),
        ("local.after_commit", 23),
        ("journal.before_finished", 30),
        ("files.before_replace", 40),
    ],
    ids=str,
)
def test_killed_here_and_resumed(where: tuple[str, int], undisturbed: Undisturbed, tmp_path: Path, cache: Path) -> None:
    assert where[1] <= undisturbed.points[where[0]]
    check(where, undisturbed, tmp_path / "run", cache)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["first", "middle", "last"])
def test_killed_at_every_point_of_the_run(which: str, tmp_path: Path, cache: Path) -> None:
    undisturbed = _left_alone(tmp_path / "undisturbed", cache, 2)
    cases = sorted(
        (name, {"first": 1, "middle": count // 2 + 1, "last": count}[which])
        for name, count in undisturbed.points.items()
    )
    assert len(cases) > 10
    for number, where in enumerate(cases):
        check(where, undisturbed, tmp_path / str(number) / "run", cache)


def _run(command: list[str], cwd: Path, armed: str) -> subprocess.CompletedProcess[str]:
    cwd.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, faults.ENVIRONMENT: armed}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300)
