"""A sweep in a tracker: one run for the sweep, below it one for each job, sent by the process that runs the sweep."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

from alrun.errors import AlrunError
from alrun.files import write_json
from alrun.launchers.base import Launcher, Play
from alrun.run.sweep_record import JobRecord, SweepRecord
from alrun.run.sweeps.comparing import PAGE, TABLE, TEXT, frozen_config
from alrun.run.tracking import TRACKED_JSON, described, existing, read_mark, send, version_tags
from alrun.tracking.base import TrackedRun, Tracker

log = logging.getLogger("alrun")

FILES = (PAGE, TABLE, TEXT, "sweep.csv")


@contextmanager
def tracked_sweep(folder: Path, sweep: SweepRecord, launcher: Launcher, tracker: Tracker | None) -> Iterator[Launcher]:
    """Send the sweep that the block plays with the launcher it is given: each job when it is over, the rest at the end.

    If the tracker does not take something, it is left alone until the end, and a person is told how to try again.
    """
    if tracker is None:
        yield launcher
        return
    following = _Following(folder, sweep, tracker)
    following.attempt(following.begin)
    try:
        yield _Sending(launcher, following)
    finally:
        following.finish()


@dataclass
class _Following:
    """Sends a sweep; `away` once the tracker did not take something."""

    folder: Path
    sweep: SweepRecord
    tracker: Tracker
    away: bool = False

    def begin(self) -> None:
        """Send the sweep itself, unless all its jobs were done before: its jobs go below it."""
        if self.status() != "done":
            self.send_sweep("running")

    def finish(self) -> None:
        """Send whatever the tracker lacks: of the sweep and of the jobs of this command."""
        self.away = False
        self.attempt(self._send_all)
        if self.away:
            log.warning("not everything is in the tracker. To send it: %s", self.sweep.command)

    def attempt(self, work: Callable[[], None]) -> None:
        """Send something, unless the tracker did not take something before: no job waits for that again."""
        if self.away:
            return
        try:
            work()
        except (AlrunError, OSError) as error:
            self.away = True
            log.warning("%s\n    the sweep goes on; what is missing is sent at its end", error)

    def _send_all(self) -> None:
        self.send_sweep(self.status())
        for job in self.sweep.jobs:
            self.send_job(self.folder / job.folder)

    def send_job(self, run: Path) -> None:
        """Send a job, if it left anything."""
        if (run / "run.json").exists():
            failed = JobRecord.of(run).status == "failed"
            send(self.tracker, described(run, frozen_config(run), failed=failed), run)

    def send_sweep(self, status: str) -> None:
        """Send the sweep itself, whose id is kept in its `tracked.json`."""
        mark = read_mark(self.folder)
        if "id" not in mark:
            mark = {"id": f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid4().hex[:6]}"}
            write_json(self.folder / TRACKED_JSON, mark)
        over = status != "running"
        run = TrackedRun(
            run_id=mark["id"],
            name=self.folder.name,
            status=status,
            started_at=datetime.fromisoformat(self.sweep.started_at),
            ended_at=datetime.now(UTC) if over else None,
            parameters={},
            tags={
                "alrun.sweep": self.sweep.name,
                "alrun.swept": ", ".join(self.sweep.jobs[0].overrides),
                "alrun.jobs": str(len(self.sweep.jobs)),
                **version_tags(self.sweep.code),
            },
            files=existing(self.folder, FILES) if over else (),
        )
        send(self.tracker, run, self.folder)

    def status(self) -> str:
        """Return how the sweep stands, in the words of a run; a hole is a failure."""
        found = {JobRecord.of(self.folder / job.folder).status for job in self.sweep.jobs}
        if found <= {"done"}:
            return "done"
        return "waiting" if found <= {"done", "waiting"} else "failed"


@dataclass(frozen=True)
class _Sending:
    """A launcher that also sends each job when it is over."""

    launcher: Launcher
    following: _Following

    def launch(self, play: Play, folders: Sequence[Path], threads: int) -> Iterator[Path]:
        """Launch the jobs as the launcher does."""
        for folder in self.launcher.launch(play, folders, threads):
            self.following.attempt(partial(self.following.send_job, folder))
            yield folder
