"""The beginning of a round: snapshot, selection and plan; nothing is written to the platform."""

from __future__ import annotations

import logging

from alrun.errors import StateError
from alrun.files import write_json
from alrun.models.base import Trained
from alrun.models.imported import Imported, ImportedModel
from alrun.platform.retry import patiently
from alrun.pool.frame import is_labelled
from alrun.recipe.plan import Plan, PlanFacts
from alrun.run.job import Job, choice
from alrun.run.learning.training import check_target, train
from alrun.run.round_folder import RoundFolder
from alrun.run.rounds.accounts import label_digests
from alrun.run.rounds.auditing import audits, foresee
from alrun.run.rounds.prelabel import check_prelabels, propose
from alrun.run.rounds.stopping import check_cost
from alrun.run.rounds.writeback import check_publishing, metadata_table, needs_model
from alrun.run.selection.selecting import Selected, select
from alrun.run.session import Session
from alrun.run.tables import write_parquet, write_selection
from alrun.strategies.base import Strategy, at_stage
from alrun.types import OF_A_MODEL, Snapshot, StageType, count_stages

log = logging.getLogger("alrun")


def strategy_of(job: Job, number: int) -> Strategy:
    """Return the strategy that chooses in a round; round 0 is the initial set."""
    return job.initial_strategy if number == 0 else job.strategy


def budget_of(job: Job, number: int) -> int:
    """Return how many tasks a round is to choose."""
    return job.budget if number > 0 or job.initial_size is None else job.initial_size


def plan_round(
    session: Session, folder: RoundFolder, number: int, trained: Trained | None
) -> tuple[Plan, Trained | None]:
    """Select and plan, write both into the round's folder, and return the plan with the model that was used.

    Parameters
    ----------
    trained
        The model of the round before, where this process trained it; fitted anew if anything needs it.
    """
    check_publishing(session)
    check_prelabels(session)
    with session.phase("snapshot", number) as counts:
        snapshot = session.snapshot()
        counts["tasks"] = len(snapshot.tasks)
    check_target(session, snapshot)
    strategy = at_stage(strategy_of(session.job, number), sum(is_labelled(snapshot)))
    predicts = strategy.needs & OF_A_MODEL or needs_model(session) or session.job.filters.predictions
    imported = isinstance(session.job.model, ImportedModel)  # what is wrong with a file is said before anything moves
    if (predicts or imported or audits(session, strategy)) and trained is None:
        trained = train(session, snapshot, max(0, number - 1)).trained
    if needs_model(session) and trained is None:
        session.folder.note(f"round {number}: there is no trained model yet: no predictions are published")
    chosen = select(session, snapshot, strategy, trained, budget_of(session.job, number), number)
    _check_images(session, snapshot, chosen)
    _say_how_many(session, number, chosen, strategy)
    picked = [pick.data_hash for pick in chosen.picks]
    session.job.annotator.check(session.platform, [task.data_hash for task in chosen.tasks])
    check_cost(session, snapshot, chosen.pool, picked)
    user = patiently(session.patience, session.platform.project).user
    facts = PlanFacts(session.folder.run_id, number, user, session.job.config_digest)
    tasks = chosen.tasks if chosen.picks else []
    plan = session.job.recipe.plan(snapshot, tasks, chosen.picks, chosen.left_out, facts)
    _write_choice(session, folder, snapshot, number, chosen, strategy, trained)
    if session.job.publish.metadata:
        write_parquet(folder.metadata, metadata_table(session, snapshot, chosen.pool, chosen.picks, trained))
    if session.job.publish.prelabel is not None:
        propose(session, snapshot, chosen.picks, trained, folder)
    if audits(session, strategy):
        foresee(session, snapshot, chosen.picks, trained, folder)
    plan.save(folder.plan)
    return plan, trained


def _check_images(session: Session, snapshot: Snapshot, chosen: Selected) -> None:
    """Refuse a round in which nothing was selected as no image is there: a cache that was moved, or is another's."""
    lost = [session.missing[task.data_hash] for task in snapshot.tasks if task.data_hash in session.missing]
    if lost and len(lost) == len(snapshot.tasks) and not chosen.picks:
        raise StateError(
            f"none of the {len(lost)} images of this project can be had (the first: {lost[0]}), and nothing was "
            "selected without them. Nothing was done. Images of an embedded project are in the cache of whoever made "
            "it: give that folder, cache=FOLDER, or the dataset that they came from"
        )


def _say_how_many(session: Session, number: int, chosen: Selected, strategy: Strategy) -> None:
    budget = budget_of(session.job, number)
    found, name = len(chosen.picks), choice(strategy)
    log.info(
        "round %d: %s selected %d of %d candidates (budget %d)",
        number, name, found, len(chosen.tasks), budget,
    )  # fmt: skip
    if not chosen.tasks:
        session.folder.note(f"round {number}: {_why_none(chosen)}: nothing was selected and nothing moves")
    elif not found:
        session.folder.note(
            f"round {number}: {name} ranked none of the {len(chosen.tasks)} candidates: nothing was selected and "
            "nothing moves"
        )
    elif found == len(chosen.tasks) < budget:
        session.folder.note(
            f"round {number}: the budget of {budget} is above the {found} candidates: all were selected"
        )
    elif found < budget:
        session.folder.note(
            f"round {number}: {name} ranked only {found} of the {len(chosen.tasks)} candidates, which were selected "
            f"(budget {budget})"
        )


def _why_none(chosen: Selected) -> str:
    total = chosen.pool.height
    if sum(item.tasks for item in chosen.removed) < total:
        return (
            f"no task is ready to be labelled ({total} in the project): none of those that the filters leave may move"
        )
    removed = ", ".join(f"{item.predicate}: {item.tasks}" for item in chosen.removed if item.tasks)
    return f"no task is ready to be labelled ({total} in the project): the filters removed all ({removed})"


def _write_choice(
    session: Session,
    folder: RoundFolder,
    snapshot: Snapshot,
    number: int,
    chosen: Selected,
    strategy: Strategy,
    trained: Trained | None,
) -> None:
    write_parquet(folder.pool, chosen.pool)
    write_selection(folder.selection, [(number, chosen.picks)])
    content = {
        "strategy": choice(strategy),
        "metrics": sorted(strategy.metrics),
        "budget": budget_of(session.job, number),
        "candidates": len(chosen.tasks),
        "removed": [[item.predicate, item.tasks, item.missing] for item in chosen.removed],
        "stages": count_stages(snapshot.stages, snapshot.tasks),
        "unread": [[item.name, item.reason] for item in chosen.unread],
    }
    if isinstance(trained, Imported):
        content["predictions"] = trained.digest
    if session.job.recipe.takes is StageType.DONE:  # to tell later whether people changed anything
        content["labels"] = label_digests(snapshot, [pick.data_hash for pick in chosen.picks])
    write_json(folder.choice, content)
