"""The audit of a round: what the model says about the picks before it learns from them, compared with their labels.

It takes a strategy that draws a share of its picks at random (`alrun.strategies.audit`). What is labelled already when
it is picked does not count, nor do the answers of an imported model, which learns nothing. A person who is shown the
model's answer (`publish.prelabel`) may be led by it, which makes the estimate too good.
"""

from __future__ import annotations

from collections.abc import Sequence

from alrun.compare.audit import Audit, together
from alrun.files import write_json
from alrun.models.base import Trained
from alrun.models.imported import ImportedModel
from alrun.run.round_folder import RoundFolder, read_object
from alrun.run.selection.inputs import most_likely
from alrun.run.session import Session
from alrun.run.tables import read_selection
from alrun.strategies.audit import AUDIT
from alrun.strategies.audit import Audit as AuditStrategy
from alrun.strategies.base import Strategy
from alrun.types import Label, Pick, Snapshot


def audits(session: Session, strategy: Strategy) -> bool:
    """Say whether the picks of a strategy audit the model of the run."""
    model = session.job.model
    return isinstance(strategy, AuditStrategy) and model is not None and not isinstance(model, ImportedModel)


def foresee(
    session: Session, snapshot: Snapshot, picks: Sequence[Pick], trained: Trained | None, folder: RoundFolder
) -> None:
    """Write down what the model answers on each pick that is not labelled yet."""
    if trained is None or snapshot.ontology.target is None:
        return
    labels = {task.data_hash: snapshot.labels.get(task.label_hash or "", Label()) for task in snapshot.tasks}
    hashes = [pick.data_hash for pick in picks if labels[pick.data_hash].empty]
    found = most_likely(session, snapshot, trained, hashes)
    write_json(folder.foreseen, {data_hash: answer for data_hash, (answer, _) in found.items()})


def audited(folder: RoundFolder, snapshot: Snapshot) -> Audit | None:
    """Compare what the model answered with what the picks were labelled since; None if nothing was foreseen."""
    question = snapshot.ontology.target
    if question is None or not folder.foreseen.exists():
        return None
    with folder.reading(folder.foreseen):
        answers = read_object(folder.foreseen, {})
    with folder.reading(folder.selection):
        drawn = {pick.data_hash: pick.reason.startswith(AUDIT) for pick in read_selection(folder.selection)}
        if not answers.keys() <= drawn.keys():
            raise ValueError("it lacks picks")
    labels = {task.data_hash: snapshot.labels.get(task.label_hash or "", Label()) for task in snapshot.tasks}
    hits: dict[bool, list[bool]] = {True: [], False: []}
    for data_hash, answer in answers.items():
        given = labels[data_hash].answer(question.name) if data_hash in labels else ()
        if given:
            hits[drawn[data_hash]].append(answer in given)
    return Audit(len(hits[True]), sum(hits[True]), len(hits[False]), sum(hits[False]))


def audit_so_far(folders: Sequence[RoundFolder]) -> Audit | None:
    """Return the audits of all rounds that are over, together; None if there was none."""
    results = [folder.read_result().get("audit") for folder in folders if folder.result.exists()]
    found = [Audit(*(one[name] for name in ("audited", "right", "others", "others_right"))) for one in results if one]
    return together(found) if found else None
