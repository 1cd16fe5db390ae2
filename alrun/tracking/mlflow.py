"""MLflow: a SQLite file, or a tracking server."""

from __future__ import annotations

import glob
import logging
import os
import re
import sqlite3
import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from annotated_types import MinLen

from alrun.errors import ConfigError, NotTracked
from alrun.faults import reach
from alrun.files import waited_for
from alrun.tracking.base import TrackedRound, TrackedRun

SQLITE = "sqlite:///"
RUN_ID, STATUS, PARENT = "alrun.run_id", "alrun.status", "mlflow.parentRunId"
ENDED = {"done": "FINISHED", "failed": "FAILED"}
"""MLflow's word for each status after which nothing follows by itself; it calls all others running."""

ENVIRONMENT = {
    "DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
"""MLflow calls nobody else, and a server that is away holds a run up for seconds. The user's own settings win."""

MOST_PARAMETERS = 100
"""How many MLflow takes in one request."""

LONGEST_NAME = 250
"""How many characters the name of a parameter may have."""

MOST_WORDS = 300
"""How many characters of MLflow's complaints are passed on."""


@dataclass(frozen=True)
class Mlflow:
    """Keeps runs in MLflow: parameters, figures over labelled images, files; the jobs of a sweep below the sweep's.

    Parameters
    ----------
    uri
        ``sqlite:///FILE``, relative to the folder where the run was started (files go into ``mlartifacts`` beside
        it), or the ``http(s)://`` address of a tracking server.
    experiment
        MLflow's name for what holds the runs; it is made if it is not there.

    Raises
    ------
    ConfigError
        If MLflow is not installed, `uri` is neither, or holds a name or password: a config is stored with every run,
        and MLflow reads ``MLFLOW_TRACKING_USERNAME``, ``MLFLOW_TRACKING_PASSWORD`` and ``MLFLOW_TRACKING_TOKEN``.
    """

    uri: str = "sqlite:///mlflow.db"
    experiment: Annotated[str, MinLen(1)] = "alrun"

    def __post_init__(self) -> None:
        _check(self.uri)
        if find_spec("mlflow") is None:
            raise ConfigError("tracking=mlflow needs MLflow: pip install 'alrun[mlflow]'")

    @property
    def place(self) -> str:
        """The address and the experiment."""
        return f"{self._address()} (experiment {self.experiment})"

    def send(self, run: TrackedRun) -> None:
        """Add what MLflow does not have of the run; files are replaced."""
        try:
            with _quietly():
                self._send(run)
        except Exception as error:  # MLflow, SQLAlchemy, Alembic and requests have no error in common
            said = " ".join(str(error).split())[:MOST_WORDS]
            file = self._file()
            if file is not None and _holds_no_run(file):
                said += f". No run is in {file}: if it was never whole, delete it and do this again"
            raise NotTracked(f"{self.place}: {type(error).__name__}: {said}") from error

    def _address(self) -> str:
        """Return the URI, whatever folder is current later on: MLflow remembers databases by it."""
        file = self._file()
        return self.uri if file is None else f"{SQLITE}{file}"

    def _file(self) -> Path | None:
        """Return the SQLite file; None for a server."""
        file = self.uri.removeprefix(SQLITE)
        return None if file == self.uri else Path(file).absolute()

    def _send(self, run: TrackedRun) -> None:
        from mlflow.tracking import MlflowClient

        file = self._file()
        if file is not None:
            _make_database(file)
        client = MlflowClient(tracking_uri=self._address())
        experiment = self._experiment(client)
        found = _find(client, experiment, run.run_id)
        parent = None if run.parent is None else _find(client, experiment, run.parent)
        tags = {**run.tags, RUN_ID: run.run_id, STATUS: run.status}
        if parent is not None:
            tags[PARENT] = parent.info.run_id
        if found is None:
            found = client.create_run(experiment, _milliseconds(run.started_at), tags, run.name)
        _send_texts(client, found, run, tags)
        _send_rounds(client, found.info.run_id, run.rounds)
        for file in run.files:
            client.log_artifact(found.info.run_id, str(file))
        if run.status in ENDED and run.ended_at is not None:
            client.set_terminated(found.info.run_id, ENDED[run.status], _milliseconds(run.ended_at))
        else:
            client.update_run(found.info.run_id, "RUNNING")

    def _experiment(self, client: Any) -> str:
        found = client.get_experiment_by_name(self.experiment)
        if found is not None:
            return str(found.experiment_id)
        file = self._file()
        return str(client.create_experiment(self.experiment, None if file is None else _artifacts(file)))


def _check(uri: str) -> None:
    """Refuse what is no URI to work with, without repeating it: it may hold a password."""
    if uri.startswith(SQLITE):
        if not uri.removeprefix(SQLITE) or "?" in uri:
            raise ConfigError("uri: sqlite:///FILE names a file, without options, such as sqlite:///mlflow.db")
        return
    try:
        parts = urlsplit(uri)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ConfigError("uri: must be sqlite:///FILE, or the http:// or https:// address of a tracking server")
    if "@" in uri or parts.query or parts.fragment:
        raise ConfigError(
            "uri: must hold no name, password or token, because the config is stored with the run: set "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, in the environment"
        )


def _make_database(file: Path) -> None:
    """Make MLflow's tables in a file that is not there, or is empty: whole or not at all, whenever it is killed.

    MLflow makes them in place, in seconds, and can neither use nor finish what a kill left of that. One process makes
    them beside the file, and all others wait for it.
    """
    if _there(file):
        return
    with waited_for(file.with_name(f".{file.name}.lock")):
        if _there(file):
            return
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        new = file.with_name(f".{file.name}.new")
        for left in file.parent.glob(f"{glob.escape(new.name)}*"):  # by a process that was killed, with its journal
            left.unlink()
        SqlAlchemyStore(f"{SQLITE}{new}", _artifacts(file)).engine.dispose()  # type: ignore[no-untyped-call]
        reach("mlflow.before_replace")
        new.replace(file)


def _there(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def _artifacts(file: Path) -> str:
    """Return where the files of runs go that are in a SQLite file; a server has a place of its own."""
    return (file.parent / "mlartifacts").as_uri()


def _holds_no_run(file: Path) -> bool:
    """Say whether a database that MLflow does not take holds nothing of value."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            return "runs" not in tables or database.execute("SELECT 1 FROM runs").fetchone() is None
    except sqlite3.Error:
        return False


def _find(client: Any, experiment: str, run_id: str) -> Any:
    found = client.search_runs([experiment], f"tags.`{RUN_ID}` = '{run_id}'", max_results=1)
    return found[0] if found else None


def _send_texts(client: Any, found: Any, run: TrackedRun, tags: dict[str, str]) -> None:
    """Send tags, and parameters that are not there: MLflow lets nobody change those."""
    from mlflow.entities import Param, RunTag

    client.log_batch(found.info.run_id, tags=[RunTag(*tag) for tag in tags.items()])
    named = ((re.sub(r"[^\w.:/ -]", "_", key)[:LONGEST_NAME], value) for key, value in run.parameters.items())
    new = (Param(*item) for item in named if item[0] not in found.data.params)
    while batch := list(islice(new, MOST_PARAMETERS)):
        client.log_batch(found.info.run_id, params=batch)


def _send_rounds(client: Any, run_id: str, rounds: Sequence[TrackedRound]) -> None:
    """Send the rounds that are not there, each in one request: it is there with all figures, or not at all."""
    from mlflow.entities import Metric

    there = {int(metric.value) for metric in client.get_metric_history(run_id, "round")} if rounds else set()
    for one in rounds:
        if one.number not in there:
            at = _milliseconds(one.at)
            figures = {"round": one.number, "labelled": one.labelled, **one.figures}
            client.log_batch(run_id, [Metric(name, value, at, one.labelled) for name, value in figures.items()])


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep MLflow from calling home, and from telling people how it makes its tables, for the block."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
