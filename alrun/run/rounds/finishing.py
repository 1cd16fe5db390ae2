"""The end of a round: train, evaluate, count the cost, write the result; and the model, once no round follows."""

from __future__ import annotations

import logging
from typing import Any

from alrun.files import write_json
from alrun.models.imported import Imported
from alrun.recipe.journal import Journal, Progress
from alrun.recipe.plan import Plan
from alrun.run.learning.quality import keep_quality
from alrun.run.learning.training import Training, train
from alrun.run.round_folder import RoundFolder, read_object
from alrun.run.rounds.accounts import account, answered_again, relabelled
from alrun.run.rounds.auditing import audited
from alrun.run.rounds.prelabel import untag_submitted
from alrun.run.rounds.stopping import finished, outlook, round_cost, stability
from alrun.run.session import Session
from alrun.stopping.base import RoundFacts
from alrun.types import Label, Snapshot, StageType

log = logging.getLogger("alrun")


def finish(session: Session, folder: RoundFolder, plan: Plan) -> Training:
    """Train on what is labelled now, evaluate, and write down what the round came to."""
    number = plan.round
    with session.phase("snapshot", number):
        snapshot = session.snapshot()
    if session.job.publish.prelabel is not None:
        untag_submitted(session, snapshot)
    training = train(session, snapshot, number)
    if isinstance(training.trained, Imported):
        _note_other_predictions(session, folder, number, training.trained)
    progress = Journal(folder.journal, plan).progress
    result = _result(plan, progress, snapshot, training)
    result["relabelled"] = _relabelled(folder, plan, progress, snapshot)
    cost = round_cost(session, folder, snapshot, list(result["labels"]))
    earlier = finished(session, number - 1)
    spent = (earlier[-1].spent if earlier else 0.0) + cost
    result["quality"] = keep_quality(session, training.quality, folder)
    audit = audited(folder, snapshot)
    result["audit"] = None if audit is None else audit.to_json()
    result |= {"cost": cost, "spent": spent, "stability": stability(session, number, training)}
    write_json(folder.result, result)
    log.info("%s", outlook(session, [*earlier, RoundFacts.from_result(result)]))
    return training


def _note_other_predictions(session: Session, folder: RoundFolder, number: int, now: Imported) -> None:
    """Note that the file was replaced since the round was selected: its figures are of another model then."""
    try:
        before = read_object(folder.choice, {}).get("predictions")  # a round that an earlier alrun planned has none
    except (OSError, ValueError):  # the report, which needs the file, says so
        return
    if before not in {None, now.digest}:
        session.folder.note(
            f"round {number}: {now.source} was replaced after the selection: the picks are those of the earlier "
            "predictions, and the evaluation is of the new ones"
        )


def _relabelled(folder: RoundFolder, plan: Plan, progress: Progress, snapshot: Snapshot) -> dict[str, int] | None:
    if not plan.sends_back:
        return None
    with folder.reading(folder.choice):
        before = read_object(folder.choice, {"labels": dict})["labels"]
    return relabelled(plan, progress, before, snapshot)


def _result(plan: Plan, progress: Progress, snapshot: Snapshot, training: Training) -> dict[str, Any]:
    return {
        "round": plan.round,
        "selected": len(plan.selected),
        "labelled": training.labelled,
        "counts": training.counts,
        "labels": _labels(plan, progress, snapshot),
        "evaluation": None if training.evaluation is None else training.evaluation.to_json(),
        **({"predictions": training.trained.digest} if isinstance(training.trained, Imported) else {}),
        "account": account(plan, snapshot),
    }


def _labels(plan: Plan, progress: Progress, snapshot: Snapshot) -> dict[str, tuple[str, ...]]:
    """Return the classes of the selected images that people have labelled in this round, by data hash."""
    if plan.sends_back:
        wanted = answered_again(plan, progress, snapshot)
    else:
        annotating = {stage.uuid for stage in snapshot.stages if stage.type is StageType.ANNOTATION}
        wanted = frozenset(task.data_hash for task in snapshot.tasks if task.stage not in annotating)
    rows = {task.data_hash: task.label_hash for task in snapshot.tasks}
    selected = [task.data_hash for task in plan.selected if task.data_hash in wanted]
    return {name: snapshot.labels.get(rows[name] or "", Label()).classes for name in selected}
