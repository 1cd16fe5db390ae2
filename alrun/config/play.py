"""Plays one job, and turns every way in which it can end into an exit code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from alrun.config.frozen import frozen, go_where_it_began
from alrun.errors import AlrunError, StateError, raised_in
from alrun.run.sweep_record import JOB_JSON, JobRecord
from alrun.terminal import command_for

BUG, INTERRUPTED = 1, 130

LOG = "alrun.log"
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

log = logging.getLogger("alrun")


@dataclass(frozen=True)
class Ending:
    """How a job ended: its exit code, and what went wrong in one line; None if nothing did."""

    code: int
    error: str | None = None


def ending(play: Callable[[], int], folder: Path) -> Ending:
    """Play the job of a run folder; log what goes wrong, and return it."""
    try:
        return Ending(play())
    except AlrunError as error:
        log.error("%s", error)  # noqa: TRY400 -- the message is all that the user needs
        if "action=" not in str(error) and _has_begun(folder):
            again, back = command_for("resume", folder), command_for("restore", folder)
            log.error("this run's changes are still on the platform. To continue: %s; to undo them: %s", again, back)  # noqa: TRY400
        return Ending(error.exit_code, str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        message = f"{where}{error.strerror or error}"
        log.error("%s. If the run had started to write, finish it with: %s", message, command_for("resume", folder))  # noqa: TRY400
        log.debug("where it happened", exc_info=True)
        return Ending(StateError.exit_code, message)
    except (Exception, SystemExit) as error:  # only a component ends the process
        message = f"a bug in alrun or in a component: {error!r} ({raised_in(error)})"
        again = command_for("resume", folder)
        log.critical("%s; the traceback is in %s. Once it is mended: %s", message, folder / LOG, again, exc_info=True)
        return Ending(BUG, message)


def _has_begun(folder: Path) -> bool:
    """Say whether a round of the run has begun to write to the platform and is not over."""
    from alrun.run.round_folder import RoundFolder

    rounds = [RoundFolder(path) for path in folder.glob("rounds/*")]
    return any(one.journal.exists() and not one.result.exists() for one in rounds)


def worst(codes: list[int]) -> int:
    """Return the exit code of several jobs: a bug is worst, else the highest."""
    return BUG if BUG in codes else max(codes, default=0)


def play_frozen(folder_name: str) -> None:
    """Play the job of a sweep whose config is frozen in its folder, and write down how it ended.

    What it says goes to the log in its folder, and nothing to the terminal: other jobs may be at work.
    """
    from alrun.config.build import build
    from alrun.run.actions import ACTIONS

    folder = Path(folder_name)
    began = monotonic()
    (folder / JOB_JSON).unlink(missing_ok=True)  # of an earlier try

    def play() -> int:
        job = build(frozen(folder, "config"), folder, _command(folder))
        go_where_it_began(folder)
        return int(ACTIONS[job.action](job))

    with _told_in(folder / LOG):
        ended = ending(play, folder)
    JobRecord(ended.code, ended.error, round(monotonic() - began, 3)).save(folder)


def _command(folder: Path) -> list[str]:
    return ["alrun", *frozen(folder, "overrides")]


@contextmanager
def _told_in(path: Path) -> Iterator[None]:
    """Send the log and what is printed to a file for the block."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    file = logging.FileHandler(path, encoding="utf-8")
    file.setFormatter(logging.Formatter(LOG_FORMAT))
    root.handlers[:], root.level = [file], logging.INFO
    sys.stdout.flush()
    try:
        with redirect_stdout(file.stream), redirect_stderr(file.stream):
            yield
    finally:
        file.close()
        root.handlers[:], root.level = handlers, level
