"""Tasks as the lists of label rows and of stage tasks show them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from alrun.emulator.backend import Backend
from alrun.emulator.call import Call
from alrun.emulator.rejection import Rejection, unsupported
from alrun.types import StageType, Task

BRANCH = "main"


def metadata(
    backend: Backend, tasks: Sequence[Task], *, nodes: bool = True, client: bool = False
) -> list[dict[str, Any]]:
    """Return label row metadata, as v1 lists them."""
    names = None if len(tasks) > 1000 else [task.data_hash for task in tasks]
    created = backend.sidecar.created(names)
    types = backend.mime_types([task.data_hash for task in tasks])
    values = client_metadata(backend, tasks) if client else {}
    dataset, titles = backend.name("dataset"), {uuid: stage.title for uuid, stage in backend.stages.items()}
    listed = []
    for task in tasks:
        node = {"uuid": task.stage, "title": titles[task.stage]} if nodes else None
        row = {
            "label_hash": task.label_hash, "created_at": None, "last_edited_at": None, "branch_name": BRANCH,
            "data_hash": task.data_hash, "group_hash": task.group_hash, "dataset_hash": dataset,
            "dataset_title": backend.project.title, "data_title": task.title, "data_type": task.data_type.upper(),
            "data_link": link(task.data_hash), "label_status": label_status(backend, task),
            "annotation_task_status": None, "workflow_graph_node": node, "is_shadow_data": False,
            "frames_per_second": None, "number_of_frames": 1, "duration": None, "height": task.height,
            "width": task.width, "audio_sample_rate": None, "audio_codec": None, "audio_bit_depth": None,
            "audio_num_channels": None, "spaces": {}, "task_uuid": task.task_id if nodes else None,
            "priority": task.priority if nodes else None, "client_metadata": values.get(task.data_hash),
            "images_data": None, "file_type": types[task.data_hash], "is_valid": True,
            "backing_item_uuid": backend.item(task.data_hash), "assigned_user_email": task.assignee,
            "last_actioned_by_user_email": task.last_actioned_by,
        }  # fmt: skip
        if task.last_edited_at is not None:
            row["created_at"] = precise(created.get(task.data_hash, task.last_edited_at))
            row["last_edited_at"] = precise(task.last_edited_at)
        listed.append(row)
    return listed


def stage_task(backend: Backend, task: Task, acted: Mapping[str, str]) -> dict[str, Any]:
    """Return a task as its stage lists it."""
    made = backend.sidecar.created_at
    changed = max(filter(None, (made, task.last_edited_at, acted.get(task.data_hash))))
    kind = backend.stages[task.stage].type
    shown: dict[str, Any] = {
        "uuid": task.task_id, "createdAt": made, "updatedAt": changed,
        "dataHash": task.data_hash, "dataTitle": task.title,
    }  # fmt: skip
    if kind is not StageType.DONE:
        shown |= {"status": task.status.value.upper(), "assignee": task.assignee}
    if kind is StageType.ANNOTATION:
        shown["labelBranchName"] = BRANCH
    return shown


def client_metadata(backend: Backend, tasks: Sequence[Task]) -> dict[str, dict[str, Any]]:
    """Return the client metadata of each task's image: what was written, else what the project came with."""
    names = None if len(tasks) > 1000 else [task.data_hash for task in tasks]
    kept = backend.sidecar.metadata(names)
    return {task.data_hash: kept.get(task.data_hash, dict(task.metadata)) for task in tasks}


def label_status(backend: Backend, task: Task) -> str:
    """Return how far the labels are; a workflow project's own record of it is the stage."""
    if task.label_hash is None:
        return "NOT_LABELLED"
    return "LABELLED" if backend.done(task) else "LABEL_IN_PROGRESS"


def link(data_hash: str) -> str:
    """Return where an image is stored, as the platform says it without signing."""
    return f"emulator/{data_hash}"


def precise(at: str) -> str:
    """Return a time as lists write it: with microseconds, without a zone."""
    return datetime.fromisoformat(at).astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def in_seconds(at: str) -> str:
    """Return a time as label rows write it: in seconds."""
    return datetime.fromisoformat(at).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def instant(text: str) -> datetime:
    """Return a time that a client sent; one without a zone is UTC.

    Raises
    ------
    Rejection
        If it is no time.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Rejection(400, f"{text!r} is not a time", "INVALID_DATE_FORMAT_ERROR") from error
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def listed(call: Call, filters: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Answer the v1 list of label rows; `filters` is its payload."""
    if filters.get("label_statuses") is not None:
        raise Rejection(400, "a workflow project has no label statuses", "WRONG_PROJECT_TYPE_ERROR")
    if filters.get("branch_name") not in (None, BRANCH):
        raise unsupported(f"the label branch {filters['branch_name']!r}")
    if filters.get("shadow_data_state") == "SHADOW_DATA":
        return []
    backend, data_hashes = call.backend, filters.get("data_hashes")
    tasks = backend.tasks(None if data_hashes is None else list(dict.fromkeys(data_hashes)))
    if filters.get("label_hashes") is not None:
        filters = {**filters, "label_hashes": set(filters["label_hashes"])}
    chosen = [task for task in tasks if _passes(backend, task, filters)]
    nodes, client = bool(filters.get("include_workflow_graph_node")), bool(filters.get("include_client_metadata"))
    if not filters.get("client_metadata_as_signed_url"):
        return metadata(backend, chosen, nodes=nodes, client=client)
    shown = metadata(backend, chosen, nodes=nodes)
    return [{**row, "client_metadata_signed_url": call.sign("metadata", row["data_hash"])} for row in shown]


def _passes(backend: Backend, task: Task, filters: Mapping[str, Any]) -> bool:
    if task.label_hash is None and not filters.get("include_uninitialised_labels"):
        return False
    if filters.get("label_hashes") is not None and task.label_hash not in filters["label_hashes"]:
        return False
    titles = {"data_title": task.title, "workflow_graph_node_title": backend.stages[task.stage].title}
    for name, title in titles.items():
        if filters.get(f"{name}_eq") not in (None, title):
            return False
        pattern = filters.get(f"{name}_like")
        if pattern is not None and not _like(pattern, title, backend.policies.title_patterns_ignore_case):
            return False
    before, after = filters.get("edited_before"), filters.get("edited_after")
    if before is None and after is None:
        return True
    edited = None if task.last_edited_at is None else instant(task.last_edited_at)
    if edited is None:
        return False
    return (before is None or edited < instant(before)) and (after is None or edited >= instant(after))


def _like(pattern: str, text: str, ignore_case: bool) -> bool:
    wildcards = {"%": ".*", "_": "."}
    expression = "".join(wildcards.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(expression, text, re.DOTALL | (re.IGNORECASE if ignore_case else 0)) is not None
