"""Checks the installation, the config's components and the project, one line a finding."""

from __future__ import annotations

import logging
import platform as system
from collections.abc import Callable
from shutil import disk_usage

from alrun import __version__
from alrun.errors import AlrunError, ConfigError, StateError
from alrun.recipe.preflight import preflight
from alrun.run.folder import PACKAGES, installed_version
from alrun.run.job import Job, choice
from alrun.run.selecting import check_names
from alrun.run.session import Session, opened
from alrun.run.training import check_target, labelled_images
from alrun.terminal import answers
from alrun.types import Snapshot

log = logging.getLogger("alrun")


def doctor(job: Job) -> int:
    """Say what is there and what would stop a run; nothing is written to the platform.

    Raises
    ------
    ConfigError, StateError
        If anything would stop a run: the config, or the project's state. The findings are on the terminal by then.
    """
    answers.info("alrun %s, Python %s, %s", __version__, system.python_version(), system.platform())
    for name in PACKAGES:
        answers.info("  %-14s %s", name, installed_version(name) or "not installed")
    answers.info("  cache          %s (%.1f GB free)", job.cache, _free(job) / 1e9)
    with opened(job) as session:
        snapshot = session.snapshot()
        answers.info("project %s (%s)", snapshot.project_title, snapshot.project_id)
        for title, count in session.stage_counts():
            answers.info("  %-14s %d tasks", title, count)
        checks: dict[str, Callable[[], str]] = {
            "workflow": lambda: _workflow(snapshot),
            "filters": lambda: _filters(session, snapshot),
            "model": lambda: _model(session, snapshot),
            "images": lambda: _images(session, snapshot),
            "annotator": lambda: _annotator(session, snapshot),
        }
        errors = {name: error for name, check in checks.items() if (error := _failure(name, check)) is not None}
        session.folder.update(status="failed" if errors else "done")
    if errors:
        kind = ConfigError if all(isinstance(error, ConfigError) for error in errors.values()) else StateError
        raise kind(f"a run would stop because of: {', '.join(errors)}; see above")
    return 0


def _failure(name: str, check: Callable[[], str]) -> AlrunError | None:
    try:
        answers.info("  ok    %-10s %s", name, check())
    except AlrunError as error:
        log.error("  FAIL  %-10s %s", name, error)  # noqa: TRY400 -- the message says it all
        return error
    return None


def _workflow(snapshot: Snapshot) -> str:
    allowed, left_out = preflight(snapshot, {task.task_id for task in snapshot.tasks})
    return f"{len(allowed)} tasks could be moved by a recipe, {len(left_out)} must be left alone"


def _filters(session: Session, snapshot: Snapshot) -> str:
    check_names(session, snapshot)
    return (
        "; ".join(str(predicate) for predicate in session.job.filters.predicates) or "none: every task is a candidate"
    )


def _model(session: Session, snapshot: Snapshot) -> str:
    check_target(session, snapshot)
    target = snapshot.ontology.target
    if session.job.model is None or target is None:
        return "none"
    labelled = len(labelled_images(snapshot, target)[0])
    return f"{labelled} labelled images to train on, {len(session.held_out())} held out for evaluation"


def _images(session: Session, snapshot: Snapshot) -> str:
    sample = [task.data_hash for task in snapshot.tasks[:5]]
    session.fetch(sample)
    if session.missing:
        name, reason = next(iter(session.missing.items()))
        raise ConfigError(f"image {name} cannot be had: {reason}")
    return f"{len(sample)} fetched to try"


def _annotator(session: Session, snapshot: Snapshot) -> str:
    session.job.annotator.check(session.platform, [task.data_hash for task in snapshot.tasks])
    return choice(session.job.annotator)


def _free(job: Job) -> int:
    job.cache.mkdir(parents=True, exist_ok=True)
    return disk_usage(job.cache).free
