"""What each action does: where platform, strategies and recipe meet."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping

import polars as pl

from alrun.errors import AlrunError, ConfigError, StateError, Waiting
from alrun.models.evaluate import Evaluation
from alrun.models.imported import ImportedModel
from alrun.recipe.plan import Plan
from alrun.recipe.rescue import rescue, unfinished
from alrun.report.curves import MEASURES
from alrun.report.words import fraction
from alrun.run.comparing import compare_runs
from alrun.run.doctor import doctor
from alrun.run.folder import RoundFolder
from alrun.run.job import Job, choice
from alrun.run.labelling import Labelling
from alrun.run.measuring import scored_pool
from alrun.run.publish import publish
from alrun.run.quality import Quality, explanations
from alrun.run.rounds import Round, first_round
from alrun.run.selecting import write_parquet
from alrun.run.session import Session, opened
from alrun.run.stopping import why_stop
from alrun.run.tracking import keep_up, track, tracked
from alrun.run.training import save, train
from alrun.terminal import answers

DONE = 0


def run(job: Job) -> int:
    """Play every round; goes on where an earlier process of the same run stopped."""
    with opened(job, exclusive=True) as session:
        _refuse_if_unfinished(session)
        with tracked(session):
            _play_to_the_end(session)
    return DONE


def plan(job: Job) -> int:
    """Do everything up to the next plan and say what would happen; nothing is written to the platform."""
    with opened(job) as session:
        _refuse_if_unfinished(session)
        current = _next_round(session)
        if current is None:
            raise StateError(f"every round of {session.folder.path} is over: there is nothing to plan")
        made = current.plan()
        for line in current.explain(made):
            answers.info("%s", line)
        answers.info("nothing was done. To apply this plan: %s", _resume(session))
        _stop(session, "planned")
    return DONE


def resume(job: Job) -> int:
    """Finish the run in the job's folder."""
    if job.run is None:
        raise ConfigError("action=resume finishes the run of a folder: name it with run=FOLDER")
    return run(job)


def restore(job: Job) -> int:
    """Bring back every task that a run parked and nobody touched since, without waiting for labels."""
    with opened(job, exclusive=True) as session:
        if job.run_id is not None:
            back = rescue(session.platform, job.run_id, session.patience)
            answers.info("run %s: %s", job.run_id, back)
            return DONE
        for number, folder in session.folder.rounds().items():
            if folder.journal.exists() and not folder.result.exists():
                current = Round(session, number)
                current.restore(Plan.load(folder.plan))
        _stop(session, "restored")
    return DONE


def status(job: Job) -> int:
    """Say where a project stands: tasks a stage, and what runs have parked."""
    with opened(job) as session:
        project = session.platform.project()
        answers.info("project %s (%s)", project.title, project.project_id)
        for title, count in session.stage_counts():
            answers.info("  %-20s %8d tasks", title, count)
        runs = unfinished(session.platform, session.patience)
        for found in runs:
            answers.info("  %s", found)
        if not runs:
            answers.info("  no run has parked anything")
        for number, folder in session.folder.rounds().items():
            answers.info("  round %d: %s", number, _state(session, folder))
    return DONE


def score(job: Job) -> int:
    """Compute every configured metric and write the table; the platform is only read."""
    with opened(job) as session:
        snapshot = session.snapshot()
        with session.phase("metrics"):
            pool = scored_pool(session, snapshot, 1)
        write_parquet(session.folder.path / "pool.parquet", pool)
        if isinstance(job.model, ImportedModel):
            _say_quality(session, pool, train(session, snapshot, 0).quality)
        session.folder.update(status="done")
        answers.info("%d tasks, %d metrics: %s", pool.height, len(job.metrics), session.folder.path / "pool.parquet")
    return DONE


def train_now(job: Job) -> int:
    """Train on what is labelled now, evaluate, and save the model."""
    with opened(job) as session:
        if job.model is None:
            raise ConfigError("action=train needs a model: choose one with model=NAME")
        snapshot = session.snapshot()
        training = train(session, snapshot, 0)
        if training.trained is None:
            raise Waiting("nothing is labelled in this project yet, so there is nothing to train on")
        save(session, snapshot, training.trained)
        session.folder.update(status="done")
        if not isinstance(training.evaluation, Evaluation):
            answers.info("trained on %d images; no image is held out, so nothing was evaluated", training.labelled)
        else:
            answers.info("trained on %d images, accuracy %.4f", training.labelled, training.evaluation.accuracy)
        answers.info("model: %s", session.folder.model)
    return DONE


def _say_quality(session: Session, pool: pl.DataFrame, quality: Quality | None) -> None:
    if quality is None:
        answers.info("nothing is labelled: the predictions of model=%s were not evaluated", choice(session.job.model))
        return
    path = session.folder.path / "evaluation.parquet"
    write_parquet(path, quality.outcomes)
    figures = quality.evaluation.to_json()
    told = [f"{title} {fraction(figures[name])}" for name, title in MEASURES.items() if name in figures]
    answers.info("%s images: %s", quality.split, ", ".join(told))
    for one in explanations(session, quality, pool):
        if one.mutual_information is None:
            answers.info("  %-20s %d images with an error and a value: too few, or all alike", one.metric, one.images)
        else:
            answers.info(
                "  %-20s with the errors: mutual information %.3f nats, Spearman %+.2f, Pearson %+.2f (%d images)",
                one.metric, one.mutual_information, one.spearman, one.pearson, one.images,
            )  # fmt: skip
    answers.info("each image's outcome: %s", path)


ACTIONS: Mapping[str, Callable[[Job], int]] = {
    "run": run,
    "plan": plan,
    "resume": resume,
    "restore": restore,
    "status": status,
    "score": score,
    "train": train_now,
    "compare": compare_runs,
    "doctor": doctor,
    "track": track,
}


def _state(session: Session, folder: RoundFolder) -> str:
    if folder.result.exists():
        return "over"
    if not folder.plan.exists():
        return "being selected"
    if not folder.queue.exists():
        return "planned"
    return f"waiting for people, {Labelling(session, folder, Plan.load(folder.plan)).progress()}"


def _play_to_the_end(session: Session) -> None:
    try:
        _play(session)
    except Waiting:
        _stop(session, "waiting")
        raise
    except AlrunError as error:
        session.folder.update(status="failed", error=str(error))
        raise
    _stop(session, "done")


def _play(session: Session) -> None:
    trained = None
    while (current := _next_round(session)) is not None:
        current.trained = trained
        made = current.plan()
        _approve(session, current, made)
        session.folder.update(status="running")
        trained = current.play(made).trained
        keep_up(session)


def _next_round(session: Session) -> Round | None:
    """Return the first round that is not over; None if all are."""
    folder = session.folder
    if "first_round" not in folder.record:
        folder.update(first_round=first_round(session))
    first, begun = folder.record["first_round"], folder.rounds()
    for number in range(first, session.job.rounds + 1):
        if number not in begun or not begun[number].result.exists():
            if number > first and (reason := why_stop(session, number - 1)) is not None:
                folder.note(f"the run ends after round {number - 1} of {session.job.rounds}: {reason}")
                return None
            return Round(session, number)
        if json.loads(begun[number].result.read_text(encoding="utf-8"))["selected"] == 0:
            if number < session.job.rounds:
                folder.note(f"the run ends after round {number} of {session.job.rounds}: nothing was left to select")
            return None
    return None


def _approve(session: Session, current: Round, made: Plan) -> None:
    """Let a person agree to the plan, where the config asks for it."""
    if session.job.approve == "auto" or current.folder.journal.exists():
        return
    for line in current.explain(made):
        answers.info("%s", line)
    if not sys.stdin.isatty():
        raise Waiting(f"the plan waits for approval. To apply it: {_resume(session)} approve=auto")
    if input("Apply this plan? Only 'yes' does: ").strip() != "yes":
        raise Waiting(f"not approved: nothing was done. To apply it later: {_resume(session)}")


def _refuse_if_unfinished(session: Session) -> None:
    """Refuse to start on a project on which another run still has tasks parked."""
    others = [
        found for found in unfinished(session.platform, session.patience) if found.run_id != session.folder.run_id
    ]
    if others:
        raise StateError(
            f"{others[0]}. One run at a time: finish it with `action=resume run=FOLDER` where its folder is, or bring "
            f"its tasks back with `action=restore run_id={others[0].run_id}` and the same platform settings"
        )


def _resume(session: Session) -> str:
    return f"python -m alrun action=resume run={session.folder.path}"


def _stop(session: Session, state: str) -> None:
    session.folder.update(status=state)
    publish(session)
