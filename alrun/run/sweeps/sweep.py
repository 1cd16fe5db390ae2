"""A sweep: the jobs that are missing are played, tables are made of all of them, and every hole is told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alrun.errors import ConfigError, Waiting
from alrun.files import locked
from alrun.launchers.base import Launcher, Play
from alrun.progress import gauge
from alrun.run.sweep_record import JobRecord, PlannedJob, SweepRecord
from alrun.run.sweeps.comparing import report_on_sweep
from alrun.run.sweeps.table import write_tables

log = logging.getLogger("alrun")

KILLED = 1
"""The exit code of a job whose process was killed before it could write one."""

MOST_HOLES = 20


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes from starting jobs of the sweep in `folder`.

    Raises
    ------
    Waiting
        If another one is at it.
    ConfigError
        If there is no writing there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made ({error.strerror}), and a sweep keeps its record there") from None
    with locked(folder / "sweep.lock") as ours:
        if not ours:
            raise Waiting(f"another process is at work on the sweep in {folder}: nothing was done. Try again later")
        yield


def play_missing(folder: Path, sweep: SweepRecord, launcher: Launcher, play: Play, threads: int) -> list[int]:
    """Play what is not done of the sweep whose jobs are frozen in `folder`; return the exit code of every job.

    Whatever happens to a job, and also when Ctrl-C ends the sweep, the tables are written and the holes told. The
    report is written unless Ctrl-C ended it: also where jobs failed.

    Parameters
    ----------
    threads
        How many threads each job may use.
    """
    jobs = {folder / job.folder: job for job in sweep.jobs}
    missing = [path for path in jobs if JobRecord.of(path).status != "done"]
    done = f", {len(jobs) - len(missing)} of them done before" if len(missing) < len(jobs) else ""
    log.info("sweep %s: %d jobs%s (launcher=%s)\n%s", sweep.name, len(jobs), done, sweep.launcher, folder)
    try:
        if missing:
            with gauge("jobs", len(missing)) as show:
                for number, path in enumerate(launcher.launch(play, missing, threads), start=1):
                    show(number)
                    log.info("%*d/%d  %s", len(str(len(missing))), number, len(missing), _line(jobs[path], path))
    finally:
        write_tables(folder)
        ended = {path: JobRecord.of(path) for path in jobs}
        _tell_holes(sweep, jobs, ended)
    report_on_sweep(folder, sweep)
    return [KILLED if record.exit_code is None else record.exit_code for record in ended.values()]


def _line(job: PlannedJob, path: Path) -> str:
    record = JobRecord.of(path)
    seconds = "" if record.seconds is None else f"  {record.seconds:.1f} s"
    return f"{record.status:11}  {job.label or job.job}{seconds}"


def _tell_holes(sweep: SweepRecord, jobs: dict[Path, PlannedJob], ended: dict[Path, JobRecord]) -> None:
    """Say which jobs are not done, why, and how to do them."""
    holes = {path: record for path, record in ended.items() if record.status != "done"}
    told = {path: record for path, record in holes.items() if record.status != "missing"}
    for path, record in list(told.items())[:MOST_HOLES]:
        why = record.error or "it did not come to its end: interrupted, or its process was killed"
        log.error("%s: %s\n    %s\n    log: %s", record.status, jobs[path].label or path.name, why, path / "alrun.log")
    if len(told) > MOST_HOLES:
        log.error("%d more of them are not listed", len(told) - MOST_HOLES)
    waiting = sum(record.status == "waiting" for record in holes.values())
    for count, how in ((waiting, "wait for people; to go on"), (len(holes) - waiting, "are missing; to do them")):
        if count:
            log.error("%d of %d jobs %s: %s", count, len(jobs), how, sweep.command)
