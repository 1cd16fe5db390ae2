"""MLflow's database is made whole or not at all: a kill during its first start leaves nothing in the way."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep

import pytest

from alrun.errors import NotTracked
from alrun.faults import ENVIRONMENT
from alrun.tracking.base import TrackedRun
from alrun.tracking.mlflow import Mlflow
from tests.tracking.kept import kept

SENDS = "import sys; from tests.tracking.test_first_start import send; send(*sys.argv[1:])"

LONGEST = 120


def send(uri: str, run_id: str) -> None:
    now = datetime.now(UTC)
    Mlflow(uri).send(TrackedRun(run_id, run_id, "done", now, now, parameters={}, tags={}))


def sending(uri: str, run_id: str, **faults: str) -> subprocess.Popen[bytes]:
    """Send a run in a process of its own."""
    command = [sys.executable, "-c", SENDS, uri, run_id]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], env={**os.environ, **faults})


def tracked(uri: str) -> set[str]:
    return {run.tags["alrun.run_id"] for run in kept(Mlflow(uri)).values()}


def test_killed_while_the_tables_are_made_the_next_one_makes_them(tmp_path: Path) -> None:
    file, new = tmp_path / "mlflow.db", tmp_path / ".mlflow.db.new"
    uri = f"sqlite:///{file}"
    killed = sending(uri, "killed")
    end = monotonic() + LONGEST
    while not (new.exists() and new.stat().st_size) and monotonic() < end:
        sleep(0.001)
    killed.kill()
    killed.wait()
    assert new.exists()
    assert not file.exists()
    send(uri, "next")
    assert tracked(uri) == {"next"}
    assert not new.exists()


@pytest.mark.slow
def test_killed_before_they_are_in_place_it_is_no_different(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert sending(uri, "killed", **{ENVIRONMENT: "mlflow.before_replace:1=kill"}).wait(LONGEST) < 0
    send(uri, "next")
    assert tracked(uri) == {"next"}


@pytest.mark.slow
def test_two_that_start_at_once_both_arrive(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    both = [sending(uri, name) for name in ("one", "two")]
    assert [process.wait(LONGEST) for process in both] == [0, 0]
    assert tracked(uri) == {"one", "two"}


def test_a_database_that_another_program_left_half_made_is_named_and_kept(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE experiments (experiment_id INTEGER)")
    with pytest.raises(NotTracked, match=rf"No run is in {file}: if it was never whole, delete it and do this again"):
        send(f"sqlite:///{file}", "run")
    assert file.exists()
