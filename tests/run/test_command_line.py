"""The commands of the README, as a shell runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.run.harness import QUICK, label, platform_of, queue, stages

POOL = 1437


def alrun(cwd: Path, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "alrun", *arguments]
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, text=True, timeout=300, env=os.environ)


def test_waiting_and_resuming_from_a_shell(tmp_path: Path, cache: Path) -> None:
    project = tmp_path / "project.sqlite"
    live = (*QUICK, "strategy=random", "metrics=random", "recipe=park", "annotator=human", "budget=5")
    waiting = alrun(tmp_path, *live, f"cache={cache}", f"platform.path={project}")
    assert waiting.returncode == 3
    folder = next(tmp_path.glob("outputs/*/*"))
    assert f"python -m alrun action=resume run={folder}" in waiting.stderr

    again = alrun(tmp_path, "action=resume", f"run={folder}")
    assert again.returncode == 3
    assert "0 of 5 labelled" in again.stderr

    back = alrun(tmp_path, "action=restore", f"run={folder}")
    assert back.returncode == 0, back.stderr
    assert stages(platform_of(project)) == {"Annotate 1": POOL}
    assert len(list(tmp_path.glob("outputs/*/*"))) == 1  # resume and restore work in the run's own folder


def test_doctor_finds_the_project_and_what_would_stop_a_run(tmp_path: Path, cache: Path) -> None:
    project = tmp_path / "project.sqlite"
    common = (*QUICK, f"cache={cache}", f"platform.path={project}", "action=doctor")
    good = alrun(tmp_path, *common)
    assert good.returncode == 0, good.stderr
    assert "1437 tasks could be moved by a recipe" in good.stdout

    bad = alrun(tmp_path, *common, "filters.all=[{stage: [Annotate 2]}]")
    assert bad.returncode == 2
    assert "there is no stage 'Annotate 2'; did you mean 'Annotate 1'?" in bad.stderr

    state = alrun(tmp_path, f"platform.path={project}", "action=status")
    assert state.returncode == 0, state.stderr
    assert not (tmp_path / "outputs").exists()  # who only looks leaves nothing behind


def test_score_and_train_leave_their_tables(tmp_path: Path, cache: Path) -> None:
    project = tmp_path / "project.sqlite"
    common = (*QUICK, f"cache={cache}", f"platform.path={project}")
    assert alrun(tmp_path, *common, "action=score", "hydra.run.dir=scored").returncode == 0
    assert (tmp_path / "scored" / "pool.parquet").exists()

    nothing = alrun(tmp_path, *common, "action=train")
    assert nothing.returncode == 3
    assert "nothing is labelled in this project yet" in nothing.stderr

    assert alrun(tmp_path, *common, "strategy=random", "budget=100").returncode == 0
    trained = alrun(tmp_path, *common, "action=train", "hydra.run.dir=trained")
    assert trained.returncode == 0, trained.stderr
    assert "trained on 100 images, accuracy 0." in trained.stdout
    assert (tmp_path / "trained" / "model" / "model.json").exists()


def test_a_run_that_stays_goes_on_when_people_have_labelled(tmp_path: Path, cache: Path) -> None:
    project = tmp_path / "project.sqlite"
    live = (*QUICK, "strategy=random", "metrics=random", "annotator=human", "annotator.poll_seconds=1", "budget=5")
    command = [sys.executable, "-m", "alrun", *live, f"cache={cache}", f"platform.path={project}", "wait=true"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as run:
        assert run.stderr is not None
        assert any("0 of 5 labelled" in line for line in run.stderr)  # reads until the run waits
        platform = platform_of(project)
        label(platform, sorted(queue(platform)))
        assert "5 of 5 labelled" in run.stderr.read()
    assert run.returncode == 0
    assert stages(platform_of(project)) == {"Annotate 1": POOL - 5, "Complete": 5}
