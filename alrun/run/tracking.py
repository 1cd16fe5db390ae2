"""From a run folder to a tracker: what it lacks is sent after every round and at the end, and is never in the way."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alrun.errors import ConfigError, NotTracked, StateError
from alrun.files import digest, write_json
from alrun.run.folder import RunFolder
from alrun.run.job import Job
from alrun.run.round_folder import RoundFolder
from alrun.run.session import Session
from alrun.run.sweep_record import SWEEP_JSON, PlannedJob, SweepRecord
from alrun.terminal import answers, command_for
from alrun.tracking.base import TrackedRound, TrackedRun, Tracker

log = logging.getLogger("alrun")

TRACKED_JSON = "tracked.json"
FILES = ("report.html", "selection.csv", "curve.csv", ".hydra/config.yaml")

NO_PARAMETERS = frozenset(
    {
        "action", "run", "run_id", "runs", "approve", "wait", "cache", "launcher", "compute", "sweep", "compare",
        "report", "doctor", "preset", "tracking", "platform.key_file",
    }
)  # fmt: skip
"""Keys, dotted, that say nothing about what a run computes, and of which some change between its processes."""


@contextmanager
def tracked(session: Session) -> Iterator[None]:
    """Send what came of the block, however it ended."""
    try:
        yield
    finally:
        keep_up(session, last=True)


def keep_up(session: Session, *, last: bool = False) -> None:
    """Send what the tracker lacks of a run. If it does not take it, that is noted, and the run goes on.

    A job of a sweep is sent by the process that runs the sweep: one writer, wherever the jobs are.

    Parameters
    ----------
    last
        Whether to try although the tracker did not answer earlier: nothing follows.
    """
    job, folder = session.job, session.folder
    if job.tracking is None or (job.run is None and sweep_of(folder.path) is not None):
        return
    note = f"not everything is in the tracker. To send it: {command_to_send(folder.path)}"
    noted = note in folder.record["notes"]
    if noted and not last:
        return
    try:
        with session.phase("track"):
            send(job.tracking, described(folder.path, job.config), folder.path)
    except NotTracked as error:
        folder.note(note)
        if not noted:
            log.warning("%s\n    the run goes on; %s", error, note)
    else:
        if last:
            log.info("tracked in %s", job.tracking.place)
        if noted:
            folder.update(notes=[text for text in folder.record["notes"] if text != note])


def track(job: Job) -> int:
    """Send what the tracker lacks of the run in the job's folder.

    Raises
    ------
    ConfigError
        If there is no tracker, neither in the run's config nor given.
    NotTracked
        If the tracker does not take it.
    """
    if job.tracking is None:
        raise ConfigError(f"the run in {job.folder} has no tracker: choose one, such as tracking=mlflow")
    run = described(job.folder, job.config)
    sent = send(job.tracking, run, job.folder)
    state = f"{len(run.rounds)} rounds are in" if sent else "nothing has changed since everything was sent to"
    answers.info("run %s: %s %s", run.run_id, state, job.tracking.place)
    return 0


def command_to_send(folder: Path) -> str:
    """Return what a person types to send what is missing."""
    return command_for("track", folder)


def send(tracker: Tracker, run: TrackedRun, folder: Path) -> bool:
    """Send a run, unless the tracker took all of it before; return whether anything was sent.

    What was sent where is remembered in `tracked.json` in `folder`. Without that file everything is sent again,
    and a tracker adds nothing twice.
    """
    mark = {"place": tracker.place, "digest": _digest(run)}
    before = read_mark(folder)
    if {**before, **mark} == before:
        return False
    tracker.send(run)
    write_json(folder / TRACKED_JSON, {**before, **mark})
    return True


def read_mark(folder: Path) -> dict[str, Any]:
    """Read `tracked.json`; empty if there is none, or it cannot be read."""
    try:
        content = json.loads((folder / TRACKED_JSON).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def described(path: Path, config: Mapping[str, Any], *, failed: bool = False) -> TrackedRun:
    """Return what there is to track of a run, from its folder and its resolved config.

    Parameters
    ----------
    failed
        Whether it is known to have failed although its record does not say so: a bug ended it.

    Raises
    ------
    StateError
        If the folder holds no run, or that of an action which leaves nothing to track.
    """
    folder = RunFolder.open(path)
    record, job, sweep = folder.record, None, sweep_of(path)
    if "config_digest" not in record:
        raise StateError(f"{path} holds nothing to track: it is of action={record['action']}")
    tags = {"alrun.config_digest": record["config_digest"], **version_tags(record["code"])}
    if sweep is not None:
        job = planned_job(sweep, path)
        tags["alrun.job"] = path.name
    run = TrackedRun(
        run_id=folder.run_id,
        name=job.label if job is not None and job.label else f"{record['name']} {folder.run_id}",
        status="failed" if failed else record["status"],
        started_at=datetime.fromisoformat(record["started_at"]),
        ended_at=None,
        parameters=dict(_flat(config)),
        tags=tags if job is None else {**tags, "alrun.role": job.role},
        rounds=tuple(_round(number, one) for number, one in folder.rounds().items() if one.result.exists()),
        parent=None if sweep is None else read_mark(sweep).get("id"),
    )
    if run.status == "running":
        return run
    return replace(run, ended_at=_changed(folder.run_json), files=existing(path, FILES))


def sweep_of(run: Path) -> Path | None:
    """Return the folder of the sweep that a run is a job of; None if it is none."""
    sweep = run.parent.parent
    return sweep if (sweep / SWEEP_JSON).exists() else None


def planned_job(sweep: Path, run: Path) -> PlannedJob | None:
    """Return what the last command of a sweep calls the job in `run`; None if it means another set of jobs."""
    return next((job for job in SweepRecord.open(sweep).jobs if job.job == run.name), None)


def version_tags(code: Mapping[str, Any]) -> dict[str, str]:
    """Return which code ran."""
    tags = {"alrun.version": str(code.get("version"))}
    if code.get("commit"):
        tags |= {"alrun.commit": str(code["commit"]), "alrun.dirty": str(code["dirty"]).lower()}
    return tags


def existing(folder: Path, names: tuple[str, ...]) -> tuple[Path, ...]:
    """Return those of the files that are there."""
    return tuple(folder / name for name in names if (folder / name).is_file())


def _round(number: int, folder: RoundFolder) -> TrackedRound:
    result = folder.read_result()
    figures = {name: result[name] for name in ("selected", "cost", "spent")}
    evaluated = {k: v for k, v in (result["evaluation"] or {}).items() if isinstance(v, int | float)}
    return TrackedRound(number, result["labelled"], _changed(folder.result), {**figures, **evaluated})


def _changed(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _flat(node: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value of a config as text, by its dotted key; a component by the name of its choice."""
    for key, value in node.items():
        path = f"{above}{key}"
        if path in NO_PARAMETERS:
            continue
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}.")
        elif key == "_target_":
            yield above.removesuffix("."), str(value).split(".")[-2]
        elif value is not None and value != []:
            yield path, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _digest(run: TrackedRun) -> str:
    """Return the identity of everything there is to send; moments are left out, as copies of a folder change them."""
    rounds = [[one.number, one.labelled, dict(one.figures)] for one in run.rounds]
    files = {file.name: digest(file.read_bytes()) for file in run.files}
    return digest([run.run_id, run.name, run.status, run.parameters, run.tags, rounds, files, run.parent])
