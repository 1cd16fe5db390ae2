"""The v2 routes of a project: what it is, its stages' tasks and actions, priorities, labels and audit log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Literal

from alrun.emulator import rows, rpc, transitions
from alrun.emulator.backend import Backend, by_data, by_label, by_task
from alrun.emulator.call import Call, at_most
from alrun.emulator.rejection import Rejection
from alrun.emulator.sidecar import Action
from alrun.platform.writes import Approve, Assign, PeopleWrite, Reject, Release, SetPriority, Submit
from alrun.types import Stage, StageType, Task

Strays = Literal["refuse", "part", "skip"]


def project(call: Call) -> Any:
    """GET a project."""
    backend = call.backend
    made = backend.sidecar.created_at
    stages = [_stage(backend, stage) for stage in backend.project.stages]
    return {
        "projectHash": backend.project.project_id, "projectType": backend.project_type, "status": "inProgress",
        "title": backend.project.title, "description": "", "createdAt": made, "creatorEmail": backend.owner,
        "lastEditedAt": made, "ontologyHash": backend.name("ontology"), "editorOntology": backend.served.editor,
        "userRole": call.role, "workflow": {"stages": stages if backend.project_type == "workflow" else []},
    }  # fmt: skip


def _stage(backend: Backend, stage: Stage) -> dict[str, Any]:
    shown: dict[str, Any] = {"stageType": stage.type.value.upper(), "uuid": stage.uuid, "title": stage.title}
    if stage.type is StageType.AGENT:
        following = backend.next_stage(stage.uuid).uuid
        name = backend.name(f"pathway {stage.uuid}")
        shown["pathways"] = [{"uuid": name, "title": "on", "destinationUuid": following}]
    return shown


def datasets(call: Call) -> Any:
    """GET the project's datasets: the emulator has one."""
    dataset = {"datasetHash": call.backend.name("dataset"), "title": call.backend.project.title, "description": ""}
    return {"results": [dataset], "nextPageToken": None}


def ontology(call: Call) -> Any:
    """GET an ontology."""
    backend = call.backend
    if call.args[0] != backend.name("ontology"):
        raise Rejection(404, f"there is no ontology {call.args[0]}")
    made = backend.sidecar.created_at
    return {
        "ontologyUuid": call.args[0], "title": backend.project.title, "description": "",
        "editor": backend.served.editor, "createdAt": made, "lastEditedAt": made, "userRole": 0,
    }  # fmt: skip


def tasks(call: Call) -> Any:
    """GET a page of the tasks of a stage."""
    backend = call.backend
    stage = backend.stage(call.args[1])
    known = call.query.get("dataHashes")
    if backend.name("dataset") not in call.query.get("datasetHashes", [backend.name("dataset")]):
        known = []
    here = [task for task in backend.tasks(known) if task.stage == stage.uuid]
    people, statuses, title = call.query.get("userEmails"), call.query.get("statuses"), call.one("dataTitleContains")
    chosen = [
        task for task in here
        if (people is None or task.assignee in people)
        and (statuses is None or task.status.value.upper() in statuses)
        and (title is None or title in task.title)
    ]  # fmt: skip

    def show(page: list[Task]) -> list[Any]:
        acted = backend.sidecar.acted([task.data_hash for task in page])
        return [rows.stage_task(backend, task, acted) for task in page]

    return call.page(chosen, by_data, show)


def actions(call: Call) -> Any:
    """POST what people do with tasks of a stage."""
    if not isinstance(call.body, list) or not all(isinstance(item, dict) for item in call.body):
        raise Rejection(400, "a list of actions is needed")
    at_most(call.backend.policies.items_per_request, len(call.body))
    given = {str(item.get("taskUuid")): item for item in call.body}
    if len(given) != len(call.body):
        raise Rejection(400, "a task is named twice in one request")

    def carry_out(tasks: Sequence[Task]) -> None:
        kinds: dict[tuple[str, str | None], list[Task]] = defaultdict(list)
        for task in tasks:
            item = given[task.task_id]
            kinds[str(item.get("action")), _next_assignee(item, task)].append(task)
        requests = [_requests(call, action, assignee, tasks) for (action, assignee), tasks in kinds.items()]
        for request in [request for group in requests for request in group]:
            transitions.act(call.backend, request, call.user)

    _with_strays(call, list(given), call.backend.policies.stray_actions, carry_out)


def move_tasks(call: Call) -> Any:
    """POST a move of tasks to another stage."""
    at_most(call.backend.policies.moves_per_request, len(call.strings("taskUuids")))
    origin, destination = call.args[1], call.need("destinationStageUuid", str)
    call.backend.stage(destination)
    _with_strays(
        call, call.strings("taskUuids"), call.backend.policies.stray_moves,
        lambda tasks: transitions.move(call, tasks, origin, destination),
    )  # fmt: skip


def priorities(call: Call) -> Any:
    """POST the priorities of tasks, named by data hash."""
    backend, policies = call.backend, call.backend.policies
    given = call.need("priorities", list)
    at_most(policies.items_per_request, len(given))
    try:
        wanted = {str(name): float(priority) for name, priority in given}
    except (TypeError, ValueError) as error:
        raise Rejection(400, f"priorities must be pairs of a data hash and a number: {error}") from error
    tasks = backend.all_found(wanted, by_data, 400)
    if policies.priority_of_complete == "ignored":
        tasks = [task for task in tasks if not backend.done(task)]
    kept = [wanted[task.data_hash] for task in tasks]
    if policies.priority_decimals is not None:
        kept = [round(priority, policies.priority_decimals) for priority in kept]
    backend.write(SetPriority(transitions.refs(tasks), tuple(kept)), call.user)


def classifications(call: Call) -> Any:
    """POST: read the image-level answers of label rows, without the rest of the label rows."""
    label_hashes = call.strings("labelUuids")
    at_most(call.backend.policies.items_per_request, len(label_hashes))
    tasks = call.backend.all_found(label_hashes, by_label, 403)
    content = rpc.contents(call.backend, tasks)
    return {
        "labels": [
            {
                "labelUuid": task.label_hash, "dataUuid": task.data_hash, "dataTitle": task.title,
                "branchName": rows.BRANCH, "classificationAnswers": content[task.data_hash]["classification_answers"],
                "exportUuid": None, "exportedAt": None,
            }
            for task in tasks
        ]
    }  # fmt: skip


def task_actions(call: Call) -> Any:
    """GET a page of the audit log, oldest first."""
    if call.one("projectUuid") != call.backend.project.project_id:
        raise Rejection(403, f"there is no project {call.one('projectUuid')}")
    after, before = (rows.instant(call.one(name) or "") for name in ("after", "before"))
    filters: dict[str, Callable[[Action], str]] = {
        "actorEmails": lambda action: action.actor,
        "eventTypes": lambda action: action.type,
        "workflowStageUuids": lambda action: action.stage,
    }
    found = [
        action for action in call.backend.sidecar.actions(call.query.get("dataUnitUuids"))
        if after <= rows.instant(action.at) < before
        and all(name not in call.query or value(action) in call.query[name] for name, value in filters.items())
    ]  # fmt: skip
    project_id = call.backend.project.project_id

    def show(page: list[Action]) -> list[Any]:
        return [
            {
                "timestamp": action.at, "actionType": action.type, "projectUuid": project_id,
                "workflowStageUuid": action.stage, "taskUuid": action.task, "dataUnitUuid": action.data_hash,
                "actorEmail": action.actor,
            }
            for action in page
        ]  # fmt: skip

    return call.page(found, lambda action: f"{action.number:012}", show)


def _with_strays(call: Call, task_ids: list[str], policy: Strays, carry_out: Callable[[Sequence[Task]], None]) -> None:
    """Carry out what can be on the tasks that are in the stage, and answer as the policy says."""
    stage = call.backend.stage(call.args[1])
    found = call.backend.found(task_ids, by_task)
    here = [found[name] for name in task_ids if name in found and found[name].stage == stage.uuid]
    stray = next((name for name in task_ids if name not in found or found[name].stage != stage.uuid), None)
    fault = Rejection(400, f"the task {stray} is not in the stage {stage.title!r}")
    if stray is not None and policy == "refuse":
        raise fault
    carry_out(here)
    if stray is not None and policy == "part":
        raise fault


def _next_assignee(item: dict[str, Any], task: Task) -> str | None:
    assignee = item.get("assignee")
    if assignee is not None:
        return str(assignee)
    if item.get("retainAssignee") and task.assignee is None:
        raise Rejection(400, f"the task {task.task_id} has no assignee to retain")
    return task.assignee if item.get("retainAssignee") else None


def _requests(call: Call, action: str, assignee: str | None, tasks: Sequence[Task]) -> list[PeopleWrite]:
    refs, kind = transitions.refs(tasks), call.backend.stage(call.args[1]).type
    allowed = {StageType.ANNOTATION: ("SUBMIT",), StageType.REVIEW: ("APPROVE", "REJECT")}.get(kind, ())
    if action not in ("ASSIGN", "RELEASE", *allowed) or not allowed:
        raise Rejection(400, f"there is no action {action!r} in a stage of type {kind.value}")
    match action:
        case "ASSIGN":
            if assignee is None:
                raise Rejection(400, "ASSIGN needs an assignee")
            return [Assign(refs, assignee)]
        case "RELEASE":
            return [Release(refs)]
        case "SUBMIT":
            first: PeopleWrite = Submit(refs, call.user)
        case "APPROVE":
            first = Approve(refs, call.user)
        case _:
            first = Reject(refs, call.user)
    leads_to = call.backend.next_stage(call.args[1]) if action != "REJECT" else call.backend.project.stages[0]
    if assignee is None or leads_to.type is StageType.DONE:  # nobody is assigned to a complete task
        return [first]
    return [first, Assign(refs, assignee)]
