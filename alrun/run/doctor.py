"""Checks the installation, the config's components and the project, one line a finding."""

from __future__ import annotations

import json
import logging
import platform as system
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from shutil import disk_usage

from alrun import __version__
from alrun.emulator.answers import save
from alrun.errors import AlrunError, ConfigError, StateError, Waiting
from alrun.files import locked
from alrun.filters import Filter
from alrun.models.imported import ImportedModel
from alrun.platform.port import Describes, Finding, OpenQuestions, Probe
from alrun.platform.writes import Limits
from alrun.pool.frame import pool_frame
from alrun.recipe.preflight import preflight
from alrun.recipe.unfinished import unfinished
from alrun.run.folder import PACKAGES, command_line, installed_version
from alrun.run.job import Job, choice
from alrun.run.learning.given import labelled_images
from alrun.run.learning.quality import read_predictions
from alrun.run.learning.training import check_target
from alrun.run.selection.looked_up import known_labels
from alrun.run.selection.selecting import check_names
from alrun.run.session import Session, opened
from alrun.terminal import agreed, answers
from alrun.types import Snapshot, StageType, count_stages

log = logging.getLogger("alrun")

REASONS = 5
"""How many reasons to show why tasks must be left alone, the most frequent ones first."""


def doctor(job: Job) -> int:
    """Say what is there and what would stop a run; nothing is written to the platform, but to a scratch project.

    Raises
    ------
    ConfigError, StateError
        If anything would stop a run: the config, or the project's state. The findings are on the terminal by then.
    PlatformError
        If the platform cannot be reached, or tasks of the scratch project could not be put back.
    Waiting
        If what would be done to the scratch project is not approved, or another process works on it.
    """
    answers.info("alrun %s, Python %s, %s", __version__, system.python_version(), system.platform())
    for name in PACKAGES:
        answers.info("  %-14s %s", name, installed_version(name) or "not installed")
    answers.info("  cache          %s (%.1f GB free)", job.cache, _free(job) / 1e9)
    _describe(job.platform)
    with opened(job) as session:
        snapshot = session.snapshot()
        answers.info("project %s (%s)", snapshot.project_title, snapshot.project_id)
        _describe(session.platform)
        for name, text in _inventory(snapshot):
            answers.info("  %-14s %s", name, text)
        answers.info("  %-14s %s", "a request takes", _limits(session.platform.limits))
        checks: dict[str, Callable[[], str]] = {
            "workflow": lambda: _workflow(session, snapshot),
            "runs": lambda: _runs(session),
            "filters": lambda: _filters(session, snapshot),
            "model": lambda: _model(session, snapshot),
            "images": lambda: _images(session, snapshot),
            "annotator": lambda: _annotator(session, snapshot),
        }
        for note in session.folder.record["notes"]:
            answers.info("  note: %s", note)
        errors = {name: error for name, check in checks.items() if (error := _failure(name, check)) is not None}
        session.folder.update(status="failed" if errors else "done")
    if errors:
        kind = ConfigError if all(isinstance(error, ConfigError) for error in errors.values()) else StateError
        raise kind(f"a run would stop because of: {', '.join(errors)}; see above")
    if job.scratch_project is not None:
        _probe(job, job.scratch_project)
    return 0


def _describe(thing: object) -> None:
    for name, text in thing.facts() if isinstance(thing, Describes) else ():
        answers.info("  %-14s %s", name, text)


def _inventory(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Yield the stages in workflow order with their tasks, and what there is that recipes leave alone."""
    counted = count_stages(snapshot.stages, snapshot.tasks)
    for stage, (title, count) in zip(snapshot.stages, counted, strict=True):
        yield title, f"{stage.type.value.replace('_', ' ')}, {count} tasks"
    kinds = Counter(task.data_type for task in snapshot.tasks)
    found = [f"{count} of type {kind}" for kind, count in sorted(kinds.items())]
    found.append(f"{sum(task.group_hash is not None for task in snapshot.tasks)} in data groups")
    yield "tasks", ", ".join(found)
    stages = Counter(stage.type for stage in snapshot.stages)
    consensus = stages[StageType.CONSENSUS_ANNOTATION] + stages[StageType.CONSENSUS_REVIEW]
    yield "special stages", f"{consensus} of consensus, {stages[StageType.AGENT]} of agents"


def _limits(limits: Limits) -> str:
    return ", ".join(f"{field.name} {getattr(limits, field.name)}" for field in fields(limits))


def _probe(job: Job, scratch_project: str) -> None:
    """Carry out the platform's open questions on a scratch project, and write down what they showed."""
    if not isinstance(job.platform, OpenQuestions):
        raise ConfigError(f"doctor.scratch_project: platform={choice(job.platform)} leaves no questions open")
    probe = job.platform.probe(scratch_project)
    try:
        with locked(probe.platform.lock) as ours:
            if not ours:
                raise Waiting("another process works on the scratch project at this moment: nothing was done there")
            others = unfinished(probe.platform)
            if others:
                raise StateError(f"in the scratch project, {others[0]}: nothing was done there. Finish that run first")
            _agree(job, probe)
            findings = probe.carry_out(job.folder)
            project = probe.platform.project()
    finally:
        probe.platform.close()
    path = job.folder / "policies.json"
    save(path, findings, {"project": project.project_id, "title": project.title, "at": datetime.now(UTC).isoformat()})
    _report(findings)
    answers.info("rehearse on a platform that behaves so: platform=rehearsal platform.policies=%s", path)


def _agree(job: Job, probe: Probe) -> None:
    for line in probe.announcement():
        answers.info("%s", line)
    if job.approve == "auto":
        return
    answer = agreed("do this to the scratch project")
    if answer is None:
        command = command_line((*job.command[1:], "approve=auto"))
        raise Waiting(f"this waits for approval, and nothing was done. To do it: {command}")
    if not answer:
        raise Waiting("not approved: nothing was done")


def _report(findings: Sequence[Finding]) -> None:
    for finding in findings:
        answer = json.dumps(finding.answer) if finding.known else "unknown"
        answers.info("  %-26s %-10s %s: %s", finding.name, answer, finding.asked, finding.seen)
    for finding in findings:
        if finding.advice:
            answers.info("advice: %s (%s)", finding.advice, finding.name)


def _failure(name: str, check: Callable[[], str]) -> AlrunError | None:
    try:
        answers.info("  ok    %-10s %s", name, check())
    except AlrunError as error:
        log.error("  FAIL  %-10s %s", name, error)  # noqa: TRY400 -- the message says it all
        return error
    return None


def _workflow(session: Session, snapshot: Snapshot) -> str:
    allowed, left_out = preflight(snapshot, {task.task_id for task in snapshot.tasks}, session.job.recipe.takes)
    reasons = Counter(item.reason for item in left_out).most_common(REASONS)
    shown = "".join(f"; {count}: {reason}" for reason, count in reasons)
    return f"{len(allowed)} tasks could be moved by a recipe, {len(left_out)} must be left alone{shown}"


def _runs(session: Session) -> str:
    found = unfinished(session.platform, session.patience)
    if found:
        raise StateError(str(found[0]))
    return "none is unfinished"


def _filters(session: Session, snapshot: Snapshot) -> str:
    check_names(session, snapshot)
    return (
        "; ".join(str(predicate) for predicate in session.job.filters.predicates) or "none: every task is a candidate"
    )


def _model(session: Session, snapshot: Snapshot) -> str:
    check_target(session, snapshot)
    model, target = session.job.model, snapshot.ontology.target
    if isinstance(model, ImportedModel):
        imported = read_predictions(session, snapshot, model)
        return f"predictions for {sum(map(imported.has, imported.rows))} of {len(imported.rows)} images, imported"
    if model is None or target is None:
        return "none"
    labelled = len(labelled_images(snapshot, target)[0])
    return f"{labelled} labelled images to train on, {len(session.held_out())} held out for evaluation"


def _images(session: Session, snapshot: Snapshot) -> str:
    sample = [task.data_hash for task in snapshot.tasks if task.data_type == "image"][:5]
    session.fetch(sample)
    if session.missing:
        name, reason = next(iter(session.missing.items()))
        raise ConfigError(f"image {name} cannot be had: {reason}")
    return f"{len(sample)} fetched to try"


def _annotator(session: Session, snapshot: Snapshot) -> str:
    session.job.annotator.check(session.platform, _may_be_chosen(session, snapshot))
    return choice(session.job.annotator)


def _may_be_chosen(session: Session, snapshot: Snapshot) -> list[str]:
    """Return the images that pass what the filters say of a task and its label; metrics and models are not asked."""
    told = {"stage", "tag", "class", "metadata", "truth"}
    parts = [part for part in session.job.filters.predicates if {kind for kind, _ in part.mentions()} <= told]
    filters = Filter(tuple(part for part in parts if not part.ranks))
    pool = pool_frame(snapshot)
    hashes = pool["data_hash"].to_list()
    pool = pool.with_columns(known_labels(session, hashes) if filters.truth else [])
    return [hashes[row] for row in filters.apply(pool).rows]


def _free(job: Job) -> int:
    job.cache.mkdir(parents=True, exist_ok=True)
    return disk_usage(job.cache).free
