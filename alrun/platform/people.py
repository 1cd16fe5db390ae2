"""What people's actions do to the rows of a local project."""

from __future__ import annotations

import json
from collections.abc import Sequence

from alrun.errors import Refused
from alrun.platform.actions import AMONG, Row, Tasks, keys
from alrun.platform.writes import Approve, Assign, PeopleWrite, Prelabel, Reject, Release, SaveLabels, Skip, Submit
from alrun.types import Answer, Label, LabelledObject, Ontology, QuestionKind, StageType, TaskStatus


def act(tasks: Tasks, request: PeopleWrite) -> None:
    """Carry out one action of a person."""
    rows = tasks.find(request.tasks)
    names = keys(row.data_hash for row in rows)
    user = tasks.project.user
    match request:
        case Assign():
            _need(tasks, rows, "assigned", StageType.ANNOTATION, StageType.REVIEW)
            change = f"UPDATE tasks SET status = ?, assignee = ?, last_actioned_by = ? WHERE {AMONG}"  # noqa: S608
            tasks.db.execute(change, (TaskStatus.ASSIGNED, request.assignee, user, names))
        case Release():
            _need(tasks, rows, "released", StageType.ANNOTATION, StageType.REVIEW)
            change = "UPDATE tasks SET status = ?, assignee = NULL, last_actioned_by = ?"
            condition = f"assignee IS NOT NULL AND {AMONG}"
            tasks.db.execute(f"{change} WHERE {condition}", (TaskStatus.RELEASED, user, names))
        case Skip():
            _need(tasks, rows, "skipped", StageType.ANNOTATION)
            change = f"UPDATE tasks SET status = ?, last_actioned_by = ? WHERE {AMONG}"  # noqa: S608
            tasks.db.execute(change, (TaskStatus.SKIPPED, request.actor, names))
        case SaveLabels():
            _save(tasks, request.labels, request.actor, rows)
        case Submit():
            _need(tasks, rows, "submitted", StageType.ANNOTATION)
            tasks.initialise(rows)
            tasks.advance(rows, request.actor)
        case Approve():
            _need(tasks, rows, "approved", StageType.REVIEW)
            tasks.advance(rows, request.actor)
        case Reject():
            _need(tasks, rows, "rejected", StageType.REVIEW)
            tasks.enter(rows, 0, TaskStatus.REOPENED, request.actor)


def prelabel(tasks: Tasks, request: Prelabel) -> None:
    """Save proposed labels where there is none yet and nobody has the task in hand."""
    rows = tasks.find(request.tasks)
    _need(tasks, rows, "pre-labelled", StageType.ANNOTATION)
    query = f"SELECT data_hash, assignee, label FROM tasks LEFT JOIN labels USING (data_hash) WHERE {AMONG}"  # noqa: S608
    for data_hash, assignee, label in tasks.db.execute(query, (keys(row.data_hash for row in rows),)):
        if assignee is not None or (label is not None and not Label.from_json(json.loads(label)).empty):
            who = "labelled already" if assignee is None else f"in the hands of {assignee}"
            raise Refused(f"the image {data_hash} is {who}: a pre-label never takes a person's place")
    _save(tasks, request.labels, tasks.project.user, rows)


def fault(label: Label, ontology: Ontology) -> str | None:
    """Say why `label` does not fit the ontology; None if it does."""
    questions = [answer.question for answer in label.answers]
    if len(set(questions)) != len(questions):
        return "a question is answered twice"
    faults = [_answer_fault(answer, ontology) for answer in label.answers]
    faults += [_object_fault(item, ontology) for item in label.objects]
    return next((fault for fault in faults if fault is not None), None)


def _need(tasks: Tasks, rows: Sequence[Row], action: str, *allowed: StageType) -> None:
    for row in rows:
        if tasks.type_of(row) not in allowed:
            stage = tasks.project.stages[row.stage].title
            raise Refused(f"the task {row.task_id} cannot be {action} in the stage {stage!r}")


def _save(tasks: Tasks, labels: Sequence[Label], actor: str, rows: list[Row]) -> None:
    if len(labels) != len(rows):
        raise Refused(f"{len(labels)} labels were given for {len(rows)} tasks")
    for row, label in zip(rows, labels, strict=True):
        reason = fault(label, tasks.project.ontology)
        if reason is not None:
            raise Refused(f"the label of the task {row.task_id} does not fit the ontology: {reason}")
    tasks.save(rows, labels, actor)


def _answer_fault(answer: Answer, ontology: Ontology) -> str | None:
    question = next((q for q in ontology.questions if q.name == answer.question), None)
    if question is None:
        return f"it has no question {answer.question!r}"
    if question.kind is not QuestionKind.CHECKLIST and len(answer.values) != 1:
        return f"{answer.question!r} takes one answer, not {len(answer.values)}"
    if not answer.values or len(set(answer.values)) != len(answer.values):
        return f"the answers to {answer.question!r} must be at least one, each once"
    if question.kind is not QuestionKind.TEXT and not set(answer.values) <= set(question.options):
        return f"{answer.question!r} has no option {min(set(answer.values) - set(question.options))!r}"
    return None


def _object_fault(item: LabelledObject, ontology: Ontology) -> str | None:
    if item.name not in ontology.objects:
        return f"it has no object class {item.name!r}"
    if len(item.points) < 2:
        return f"an object {item.name!r} needs two points or more"
    if not all(0 <= x <= 1 and 0 <= y <= 1 for x, y in item.points):
        return f"an object {item.name!r} has a point outside 0..1"
    return None
