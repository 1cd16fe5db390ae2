"""A tracked run: its figures, each once, and nothing lost when the tracker is away."""

from __future__ import annotations

import csv
import json
import logging
import os
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from alrun.errors import ConfigError, NotTracked
from alrun.run.actions import ACTIONS
from alrun.run.tracking import TRACKED_JSON, track
from alrun.tracking.base import TrackedRun
from alrun.tracking.mlflow import Mlflow
from tests.run.harness import make_job, record
from tests.run.sweeping import alrun
from tests.tracking.kept import AWAY, Kept, kept

RUN = ("strategy=margin", "metrics=[random]", "rounds=2", "budget=10", "initial.size=10")


def only(tracker: Mlflow) -> Kept:
    (run,) = kept(tracker).values()
    return run


def test_a_run_is_kept_with_exactly_the_figures_of_its_curve_and_nothing_twice(
    tmp_path: Path, cache: Path, store: str
) -> None:
    tracker = Mlflow(store, "one run")
    job = make_job(tmp_path, cache, *RUN, "tracking=mlflow", f"tracking.uri={store}", "tracking.experiment='one run'")
    assert job.tracking == tracker
    assert ACTIONS["run"](job) == 0
    run = only(tracker)
    with (tmp_path / "curve.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    for name in rows[0]:
        assert run.history[name] == [(int(row["labelled"]), float(row[name])) for row in rows]
    assert [value for _, value in run.history["spent"]] == [10, 20, 30]
    assert (run.status, run.tags["alrun.status"]) == ("FINISHED", "done")
    assert run.tags["alrun.run_id"] == record(tmp_path)["id"]
    assert run.tags["alrun.config_digest"] == job.config_digest
    assert {"strategy": "margin", "budget": "10", "embedding.size": "8", "seed": "0"}.items() <= run.parameters.items()
    assert not {key for key in run.parameters if key.startswith(("tracking", "cache", "action"))}
    assert run.files == {"curve.csv", "report.html", "selection.csv"}

    assert ACTIONS["run"](make_job(tmp_path, cache, *RUN, "tracking=mlflow", f"tracking.uri={store}",
                                   "tracking.experiment='one run'")) == 0  # fmt: skip
    (tmp_path / TRACKED_JSON).unlink()
    assert track(job) == 0
    again = only(tracker)
    assert (again.history, again.parameters, again.mlflow_id) == (run.history, run.parameters, run.mlflow_id)


@dataclass
class Moody:
    """A tracker that is away while it is told so; remembers what was sent, and how often it was asked."""

    away: bool = False
    asked: int = 0
    sent: list[TrackedRun] = field(default_factory=list)
    place: str = "a moody place"

    def send(self, run: TrackedRun) -> None:
        self.asked += 1
        if self.away:
            raise NotTracked("nobody is there")
        self.sent.append(run)


def test_every_round_is_sent_when_it_is_over(tmp_path: Path, cache: Path) -> None:
    tracker = Moody()
    assert ACTIONS["run"](replace(make_job(tmp_path, cache, *RUN), tracking=tracker)) == 0
    assert [(len(run.rounds), run.status) for run in tracker.sent] == [
        (1, "running"), (2, "running"), (3, "running"), (3, "done")
    ]  # fmt: skip
    assert [bool(run.files) for run in tracker.sent] == [False, False, False, True]
    assert ACTIONS["track"](replace(make_job(tmp_path, cache, *RUN), tracking=tracker)) == 0
    assert tracker.asked == 4


def test_a_run_goes_on_without_its_tracker_says_so_once_and_sends_everything_later(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tracker = Moody(away=True)
    job = replace(make_job(tmp_path, cache, *RUN), tracking=tracker)
    with caplog.at_level(logging.WARNING):
        assert ACTIONS["run"](job) == 0
    assert record(tmp_path)["status"] == "done"
    assert tracker.asked == 2  # after the first round, and at the end: no round waits again
    (warning,) = caplog.messages
    assert f"action=track run={tmp_path}" in warning
    (note,) = [note for note in record(tmp_path)["notes"] if "tracker" in note]
    assert note in warning.replace("\n", " ")
    with pytest.raises(NotTracked):
        ACTIONS["track"](job)
    tracker.away = False
    assert ACTIONS["run"](job) == 0
    assert len(tracker.sent[-1].rounds) == 3
    assert note not in record(tmp_path)["notes"]


def test_a_run_that_fails_is_kept_as_failed(tmp_path: Path, cache: Path, store: str) -> None:
    tracker = Mlflow(store, "fails")
    job = replace(make_job(tmp_path, cache, "strategy=random", "metrics=[random]"), tracking=tracker, approve="prompt")
    with pytest.raises(Exception, match="waits for approval"):
        ACTIONS["run"](job)
    assert (only(tracker).status, only(tracker).tags["alrun.status"]) == ("RUNNING", "waiting")
    (tmp_path / "run.json").write_text(json.dumps(record(tmp_path) | {"status": "failed"}))
    assert track(job) == 0
    assert (only(tracker).status, only(tracker).tags["alrun.status"]) == ("FAILED", "failed")
    with pytest.raises(ConfigError, match="tracking=mlflow"):
        track(replace(job, tracking=None))


@pytest.mark.slow
def test_the_command_ends_well_without_a_server_and_sends_later_elsewhere(
    tmp_path: Path, cache: Path, store: str
) -> None:
    where = f"hydra.run.dir='{tmp_path}/run'"
    small = ("dataset=digits", "embedding.size=8", "model=logistic_regression", "report.thumbnails=0", f"cache={cache}")
    ran = alrun(
        tmp_path, *small, "strategy=random", "metrics=[random]", "budget=10", "tracking=mlflow",
        f"tracking.uri={AWAY}", where,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.count("action=track") == 1
    assert "Traceback" not in ran.stderr
    away = alrun(tmp_path, "action=track", "run=run")
    assert (away.returncode, "MlflowException" in away.stderr) == (4, True)
    tracker = Mlflow(store, "late")
    sent = alrun(tmp_path, "action=track", "run=run", "tracking=mlflow", f"tracking.uri={store}",
                 "tracking.experiment=late")  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    assert tracker.place in sent.stdout
    run = only(tracker)
    assert (run.status, run.history["labelled"]) == ("FINISHED", [(10, 10.0)])
    assert run.files == {"curve.csv", "report.html", "selection.csv", "config.yaml"}


SILENT = """
import socket, sys
from datetime import UTC, datetime
called = []
socket.socket.connect = lambda self, address: called.append(address)
from alrun.tracking.base import TrackedRun
from alrun.tracking.mlflow import Mlflow
now = datetime.now(UTC)
assert "mlflow" not in sys.modules
Mlflow(sys.argv[1], "silent").send(TrackedRun("x", "x", "done", now, now, {}, {}))
from mlflow.telemetry.client import get_telemetry_client
assert get_telemetry_client() is None
assert called == [], called
"""


def test_mlflow_calls_nobody_and_says_nothing(store: str) -> None:
    telling = {"CI", "PYTEST_CURRENT_TEST", "GITHUB_ACTIONS"}  # MLflow calls nobody where it finds one of these
    environment = {key: value for key, value in os.environ.items() if key not in telling}
    command = [sys.executable, "-c", SILENT, store]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
