"""Plays one job, and turns every way in which it can end into an exit code."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from time import monotonic
from traceback import extract_tb
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from alrun.config.schema import RunConfig
from alrun.errors import AlrunError, StateError
from alrun.run.folder import damaged
from alrun.run.sweep_record import JOB_JSON, JobRecord

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
        return Ending(error.exit_code, str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        message = f"{where}{error.strerror}"
        log.error("%s; action=resume run=%s finishes a run that had begun to write", message, folder)  # noqa: TRY400
        log.debug("where it happened", exc_info=True)
        return Ending(StateError.exit_code, message)
    except Exception as error:
        last = extract_tb(error.__traceback__)[-1]
        message = f"a bug in alrun or in a component: {error!r} ({last.filename}, line {last.lineno})"
        log.critical("%s; the traceback is in %s", message, folder / LOG, exc_info=True)
        return Ending(BUG, message)


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


def frozen(run: Path, name: str) -> Any:
    """Read what was written into a run folder when the run began: its `config`, `hydra` or `overrides`.

    Raises
    ------
    StateError
        If it cannot be read, or is not whole.
    """
    path = run / ".hydra" / f"{name}.yaml"
    try:
        content = OmegaConf.to_container(OmegaConf.load(path), resolve=name == "config")
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        raise damaged(run, path, error) from None
    lacking = _lacking(content, name)
    if lacking:
        raise damaged(run, path, f"it has no {lacking}")
    return content


def _lacking(content: Any, name: str) -> str:
    """Return what is not there of a frozen file, as the rest of one that lost its end."""
    if name == "overrides":
        return "" if isinstance(content, list) else "list of overrides"
    needed = [f.name for f in fields(RunConfig) if f.default is MISSING and f.default_factory is MISSING]
    there = content if isinstance(content, dict) else {}
    return next((repr(key) for key in (needed if name == "config" else ["hydra"]) if key not in there), "")


def go_where_it_began(run: Path) -> None:
    """Change to the folder in which a run was started: relative paths in its config count from there.

    Raises
    ------
    StateError
        If that folder cannot be entered.
    """
    try:
        began = Path(frozen(run, "hydra")["hydra"]["runtime"]["cwd"])
    except (KeyError, TypeError):
        raise damaged(run, run / ".hydra" / "hydra.yaml", "it has no 'hydra.runtime.cwd'") from None
    try:
        os.chdir(began)
    except OSError as error:
        raise StateError(
            f"the run was started in {began}, which cannot be entered ({error.strerror}). Relative paths in its config "
            "count from there: put the folder back. Nothing was done"
        ) from None


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
