"""Whoever approves a plan approves that one, and a run is asked for as it was begun. Through the command line."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.run.harness import platform_of, record, stages

POOL = 1437
RUN = (
    "dataset=digits", "strategy=random", "model=none", "metrics=[]", "report.thumbnails=0", "budget=5", "rounds=3",
    "platform.path=project.sqlite", "hydra.run.dir=run",
)  # fmt: skip


def alrun(folder: Path, cache: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "alrun", *arguments]
    environment = {**os.environ, "ALRUN_CACHE": str(cache)}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, env=environment
    )


def complete(folder: Path) -> int:
    return stages(platform_of(folder / "project.sqlite")).get("Complete", 0)


@pytest.fixture
def waiting(tmp_path: Path, cache: Path) -> Path:
    """Begin a run that asks before it does anything; it waits with its first plan."""
    done = alrun(tmp_path, cache, *RUN, "approve=prompt")
    assert done.returncode == 3, done.stderr
    return tmp_path


def test_without_a_word_a_plan_is_never_applied(waiting: Path, cache: Path) -> None:
    for _ in range(2):
        done = alrun(waiting, cache, "action=resume", "run=run")
        assert done.returncode == 3
        assert "the plan waits for approval" in done.stderr
    assert complete(waiting) == 0


def test_a_word_is_for_one_plan(waiting: Path, cache: Path) -> None:
    for labelled, code in ((5, 3), (10, 3), (15, 0)):
        done = alrun(waiting, cache, "action=resume", "run=run", "approve=auto")
        assert (done.returncode, complete(waiting)) == (code, labelled), done.stderr


def test_a_run_that_asks_for_none_is_resumed_so(tmp_path: Path, cache: Path) -> None:
    assert alrun(tmp_path, cache, *RUN, "action=plan").returncode == 0
    assert complete(tmp_path) == 0
    assert alrun(tmp_path, cache, "action=resume", "run=run").returncode == 0
    assert complete(tmp_path) == 15


def test_the_plan_of_a_run_that_asks_names_the_command_that_applies_it(tmp_path: Path, cache: Path) -> None:
    done = alrun(tmp_path, cache, *RUN, "action=plan", "approve=prompt")
    assert f"action=resume run={tmp_path / 'run'} approve=auto" in done.stdout


def test_a_run_that_lost_its_record_is_the_same_run(waiting: Path, cache: Path) -> None:
    before = record(waiting / "run")["id"]
    (waiting / "run" / "run.json").unlink()
    assert before in alrun(waiting, cache, "action=status", "run=run").stdout
    done = alrun(waiting, cache, "action=resume", "run=run", "approve=auto")
    assert (done.returncode, complete(waiting), record(waiting / "run")["id"]) == (3, 5, before)


def test_a_config_of_another_alrun_is_said_to_be_that(waiting: Path, cache: Path) -> None:
    config = waiting / "run" / ".hydra" / "config.yaml"
    config.write_text(config.read_text() + "newkey: 1\n")
    done = alrun(waiting, cache, "action=resume", "run=run")
    assert done.returncode == 4
    assert "newkey: unknown key" in done.stderr
    assert f"action=restore run_id={record(waiting / 'run')['id']}" in done.stderr


@pytest.mark.parametrize("record", ["whole", "torn", "lost"])
def test_another_config_does_not_get_into_the_folder_of_a_run(record: str, waiting: Path, cache: Path) -> None:
    begun, frozen = waiting / "run" / "run.json", waiting / "run" / ".hydra"
    if record == "torn":
        begun.write_text(begun.read_text()[:20])
    if record == "lost":
        begun.unlink()
    before = {path.name: path.read_bytes() for path in frozen.iterdir()}
    done = alrun(waiting, cache, *RUN, "approve=prompt", "budget=9")
    assert done.returncode == 4
    if record == "torn":
        assert "run.json is damaged" in done.stderr
    else:
        assert "holds a run of another config" in done.stderr
        assert f"action=resume run={waiting / 'run'};" in done.stderr
        assert f"action=restore run={waiting / 'run'}\n" in done.stderr
    assert {path.name: path.read_bytes() for path in frozen.iterdir()} == before


def test_the_same_config_goes_on_in_the_folder_of_its_run(waiting: Path, cache: Path) -> None:
    again = alrun(waiting, cache, *RUN, "approve=prompt", "report.thumbnails=1")  # computes the same
    assert "the plan waits for approval" in again.stderr
    assert alrun(waiting, cache, "action=resume", "run=run", "approve=auto").returncode == 3
    assert complete(waiting) == 5


@pytest.mark.parametrize("name", ["a run", "wörk, (1) [x]", "it's", "back\\slash\\"])
def test_what_is_said_can_be_typed(name: str, tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / name
    folder.mkdir()
    done = alrun(folder, cache, *RUN, "approve=prompt")
    command = done.stderr.rpartition("To apply it: python ")[2].strip()
    environment = {**os.environ, "ALRUN_CACHE": str(cache)}
    line = f"{sys.executable} {command}"
    typed = subprocess.run(line, shell=True, cwd=folder, capture_output=True, text=True, timeout=120, env=environment)
    assert (typed.returncode, complete(folder)) == (3, 5), typed.stderr
    assert list(tmp_path.iterdir()) == [folder]  # nothing went to a folder whose name was read otherwise


def on_a_terminal(folder: Path, cache: Path, answer: bytes, *arguments: str) -> tuple[int, str]:
    """Run the command on a terminal at which somebody types `answer`; return the exit code and what it showed."""
    person, terminal = pty.openpty()
    command = [sys.executable, "-m", "alrun", *arguments]
    environment = {**os.environ, "ALRUN_CACHE": str(cache)}
    os.write(person, answer)
    process = subprocess.Popen(
        command, cwd=folder, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment
    )
    os.close(terminal)
    said, _ = process.communicate(timeout=120)
    os.close(person)
    return process.returncode, said.decode()


CTRL_D = b"\x04"


@pytest.mark.parametrize(
    ("answer", "code", "labelled"),
    [(b"yes\nyes\nyes\n", 0, 15), (b"yes\nno\n", 3, 5), (b"y\n", 3, 0), (b"\n", 3, 0), (CTRL_D, 3, 0)],
)
def test_a_plan_is_applied_if_somebody_types_yes(
    answer: bytes, code: int, labelled: int, tmp_path: Path, cache: Path
) -> None:
    found, said = on_a_terminal(tmp_path, cache, answer, *RUN, "approve=prompt")
    assert (found, complete(tmp_path)) == (code, labelled), said
    assert "Type 'yes' to apply this plan:" in said
    assert ("not approved: nothing was done. To apply it later: python -m alrun action=resume" in said) == (code == 3)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_bug(closed: str, tmp_path: Path, cache: Path) -> None:
    line = " ".join([sys.executable, "-m alrun", *(f"'{argument}'" for argument in RUN), "approve=prompt", closed])
    environment = {**os.environ, "ALRUN_CACHE": str(cache)}
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 3
    assert "Traceback" not in done.stderr + done.stdout + (tmp_path / "run" / "alrun.log").read_text()
