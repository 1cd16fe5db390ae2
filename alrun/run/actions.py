"""What each action does: where platform, strategies and recipe meet."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from alrun.errors import ConfigError, StateError, Unusable, Waiting
from alrun.filters.presets import named, translate
from alrun.filters.saved import save_filter
from alrun.models.evaluate import Evaluation
from alrun.models.imported import ImportedModel
from alrun.platform.presets import KeepsPresets
from alrun.platform.retry import Patience, patiently
from alrun.recipe.journal import Journal, Progress
from alrun.recipe.plan import Plan
from alrun.recipe.rescue import rescue
from alrun.recipe.unfinished import unfinished
from alrun.report.curves import MEASURES
from alrun.report.words import fraction
from alrun.run.doctor import doctor
from alrun.run.job import Job, choice
from alrun.run.learning.quality import Quality, explanations
from alrun.run.learning.training import save, train
from alrun.run.playing import agree_command, next_round, play_to_the_end, resume_command, stop
from alrun.run.round_folder import RoundFolder
from alrun.run.rounds.alone import refuse_unfinished
from alrun.run.rounds.labelling import Labelling
from alrun.run.rounds.round import Round
from alrun.run.selection.measuring import scored_pool
from alrun.run.session import Access, Session, opened
from alrun.run.sweeps.comparing import compare_runs
from alrun.run.tables import write_parquet
from alrun.run.tracking import track, tracked
from alrun.terminal import answers

log = logging.getLogger("alrun")

DONE = 0


def run(job: Job) -> int:
    """Play every round; goes on where an earlier process of the same run stopped."""
    with opened(job, Access.PROJECT) as session:
        refuse_unfinished(session, ours=not _has_journal(session))
        with tracked(session):
            play_to_the_end(session)
    return DONE


def plan(job: Job) -> int:
    """Do everything up to the next plan and say what would happen; nothing is written to the platform."""
    with opened(job) as session:
        refuse_unfinished(session, ours=not _has_journal(session))
        current = next_round(session)
        if current is None:
            raise StateError(f"every round of {session.folder.path} is over: there is nothing to plan")
        if current.folder.journal.exists():
            _say_run(session)
            return DONE
        made = current.plan()
        for line in current.explain(made):
            answers.info("%s", line)
        apply = f" To apply this plan: {agree_command(session)}" if made.selected else ""
        answers.info("nothing was done.%s", apply)
        stop(session, "planned")
    return DONE


def resume(job: Job) -> int:
    """Finish the run in the job's folder."""
    if job.run is None:
        raise ConfigError("action=resume finishes the run of a folder: name it with run=FOLDER")
    return run(job)


def restore(job: Job) -> int:
    """Bring back every task that a run parked and nobody touched since, without waiting for labels.

    Where the plan or the journal of a round cannot be used, that goes by what the platform alone knows.
    """
    with opened(job, Access.PROJECT) as session:
        if job.run_id is not None:
            _rescue(session, job.run_id)
            return DONE
        for number, folder in session.folder.rounds().items():
            if folder.journal.exists() and not folder.result.exists():
                try:
                    Round(session, number).restore(Plan.load(folder.plan))
                except Unusable as error:
                    _restore_without(session, error)
        refuse_unfinished(session, others=False)
        stop(session, "restored")
    return DONE


def _restore_without(session: Session, error: Unusable) -> None:
    """Bring back what a round moved although its plan or its journal is lost: by what the platform alone knows."""
    log.warning("%s: the tasks come back by what the platform alone knows", error.what)
    run_id = session.folder.run_id
    if any(found.run_id == run_id for found in unfinished(session.platform, session.patience)):
        _rescue(session, run_id)


def _rescue(session: Session, run_id: str) -> None:
    back = rescue(session.platform, run_id, session.patience, session.job.restore_labelled)
    answers.info("run %s: %s", run_id, back)
    back.need_no_decision()


def status(job: Job) -> int:
    """Say where a project stands: tasks a stage, and what runs have parked. Nothing is written anywhere."""
    with opened(job, Access.NOTHING) as session:
        project = session.platform.project()
        answers.info("project %s (%s)", project.title, project.project_id)
        for title, count in session.stage_counts():
            answers.info("  %-20s %8d tasks", title, count)
        about = job.run_id
        runs = [found for found in unfinished(session.platform, session.patience) if about in {None, found.run_id}]
        for found in runs:
            answers.info("  %s", found)
        if not runs:
            answers.info("  %s has parked anything", "no run" if about is None else f"no run of the id {about}")
        if job.run is not None:
            _say_run(session)
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
        _say_notes(session)
        answers.info("%d tasks, %d metrics: %s", pool.height, len(job.metrics), session.folder.path / "pool.parquet")
    return DONE


def train_now(job: Job) -> int:
    """Train on what is labelled now, evaluate, and save the model."""
    with opened(job) as session:
        if job.model is None:
            raise ConfigError("action=train needs a model: choose one with model=NAME")
        snapshot = session.snapshot()
        training = train(session, snapshot, 0)
        if training.trained is None and training.labelled:
            raise StateError(
                f"{training.labelled} images are labelled, and none of them can be had and decoded: nothing was "
                "trained. The log names them with the reason"
            )
        if training.trained is None:
            raise Waiting("nothing is labelled in this project yet, so there is nothing to train on")
        save(session, snapshot, training.trained)
        session.folder.update(status="done")
        learnt, labelled = sum(training.counts.values()), training.labelled
        unread = f" ({labelled - learnt} more are labelled and cannot be decoded)" if learnt < labelled else ""
        if not isinstance(training.evaluation, Evaluation):
            answers.info("trained on %d images%s; no image is held out, so nothing was evaluated", learnt, unread)
        else:
            answers.info("trained on %d images%s, accuracy %.4f", learnt, unread, training.evaluation.accuracy)
        answers.info("model: %s", session.folder.model)
        _say_notes(session)
    return DONE


def _say_quality(session: Session, pool: pl.DataFrame, quality: Quality | None) -> None:
    if quality is None:
        text = "no image is both labelled and predicted: the predictions of model=%s were not evaluated"
        answers.info(text, choice(session.job.model))
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


def import_filter(job: Job) -> int:
    """Save a filter preset of the platform as a filter in the folder one starts from; the platform is only read.

    Raises
    ------
    ConfigError
        If no preset is named, the platform keeps none, the name is not that of one preset, anything in the preset is
        not understood, or another filter has the name of its file. Nothing was written then.
    """
    if not isinstance(job.platform, KeepsPresets):
        raise ConfigError(f"platform={choice(job.platform)} keeps no filter presets: platform=encord does")
    if job.preset is None:
        raise ConfigError("action=import_filter needs preset=NAME, the name or uuid of a filter preset")
    presets, patience = job.platform.presets(), Patience()
    preset = named(job.preset, patiently(patience, presets.listed))
    answers.info("filter preset %r (%s)", preset.name, preset.uuid)
    predicates = translate(patiently(patience, presets.definition, preset.uuid))
    path, new = save_filter(Path("filters"), preset, predicates, datetime.now(UTC).date())
    answers.info("%s %s. To use it: filters=%s", "saved as" if new else "it is there already:", path, path.stem)
    return DONE


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
    "import_filter": import_filter,
}


def _say_run(session: Session) -> None:
    record = session.folder.record
    answers.info("run %s: %s", session.folder.run_id, record["status"])
    if record["status"] == "failed":
        answers.info("  it ended with: %s", record.get("error", "(not written down)"))
    for number, folder in session.folder.rounds().items():
        answers.info("  round %d: %s", number, _state(session, folder))
    if record["status"] not in {"done", "restored"}:
        answers.info("to go on: %s", resume_command(session))


def _say_notes(session: Session) -> None:
    for note in session.folder.record["notes"]:
        answers.info("note: %s", note)


def _has_journal(session: Session) -> bool:
    return any(folder.journal.exists() for folder in session.folder.rounds().values())


def _state(session: Session, folder: RoundFolder) -> str:
    if folder.result.exists():
        return "over"
    if not folder.plan.exists():
        return "being selected"
    progress = Journal(folder.journal, Plan.load(folder.plan)).progress if folder.journal.exists() else Progress()
    if progress.closed:
        return "what it moved is back"
    if progress.restoring:
        return "what it moved is being brought back"
    if not folder.queue.exists():
        return "planned"
    return f"waiting for people, {Labelling(session, folder, Plan.load(folder.plan)).progress()}"
