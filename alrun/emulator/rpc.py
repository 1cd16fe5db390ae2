"""The v1 protocol: one address, and a query type and method in the body."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alrun.emulator import labels, rows, transitions
from alrun.emulator.backend import Backend, by_data, by_label, now
from alrun.emulator.call import Call
from alrun.emulator.rejection import Rejection, unsupported
from alrun.platform.writes import InitialiseLabels, SaveLabels
from alrun.types import Label, Task

Handler = Callable[[Call, list[str], Mapping[str, Any]], Any]


def name(body: Any) -> str:
    """Return what a v1 request asks for, as the request log names it."""
    if not isinstance(body, dict):
        return "unreadable"
    return f"{body.get('query_type')} {body.get('query_method')}"


def uids(body: Any) -> list[str]:
    """Return what a v1 request names."""
    values = body.get("values") if isinstance(body, dict) else None
    uid = values.get("uid") if isinstance(values, dict) else None
    if uid is None:
        return []
    return [str(one) for one in uid] if isinstance(uid, list) else [str(uid)]


def answer(call: Call, resource: str) -> Any:
    """Answer a v1 request on a project.

    Raises
    ------
    Rejection
        With status 501 if the emulator does not know the query.
    """
    handler = QUERIES.get(name(call.body))
    if handler is None:
        raise Rejection(501, f"the emulator knows no v1 query {name(call.body)!r}")
    if resource != call.backend.project.project_id:
        raise Rejection(403, f"there is no project {resource!r}")
    names, limit = uids(call.body), call.backend.policies.labels_per_request
    if len(names) > limit:
        message = f"{len(names)} label rows in one request"
        raise Rejection(413, message, "MULTI_LABEL_LIMIT_ERROR", {"maximum_labels_allowed": limit})
    payload = (call.body.get("values") or {}).get("payload")
    return handler(call, names, payload if isinstance(payload, dict) else {})


def _list(call: Call, names: list[str], payload: Mapping[str, Any]) -> Any:  # noqa: ARG001 - one shape of handlers
    return rows.listed(call, payload)


def _create(call: Call, data_hashes: list[str], payload: Mapping[str, Any]) -> Any:
    if payload.get("branch_name") not in (None, rows.BRANCH):
        raise unsupported(f"the label branch {payload['branch_name']!r}")
    backend = call.backend
    tasks = backend.all_found(data_hashes, by_data, 404)
    existing = [task.data_hash for task in tasks if task.label_hash is not None]
    if existing and backend.policies.create_again == "refused":
        raise Rejection(409, f"the data {existing[0]} has a label row already")
    backend.write(InitialiseLabels(transitions.refs(tasks)), call.user)
    backend.sidecar.note_created((task.data_hash for task in tasks if task.label_hash is None), now())
    shown = label_rows(call, backend.all_found(data_hashes, by_data, 404), bool(payload.get("get_signed_url")))
    return shown if payload.get("multi_request") else shown[0]


def _get(call: Call, label_hashes: list[str], payload: Mapping[str, Any]) -> Any:
    tasks = call.backend.all_found(label_hashes, by_label, 404)
    shown = [
        labels.filtered(
            row, payload.get("include_object_feature_hashes"), payload.get("include_classification_feature_hashes")
        )
        for row in label_rows(call, tasks, bool(payload.get("get_signed_url")))
    ]
    return shown if payload.get("multi_request") else shown[0]


def _save(call: Call, label_hashes: list[str], payload: Mapping[str, Any]) -> Any:
    given = payload.get("labels") if payload.get("multi_request") else [payload]
    if not isinstance(given, list) or len(given) != len(label_hashes):
        raise Rejection(400, f"{len(label_hashes)} label rows need as many labels")
    backend = call.backend
    tasks = backend.all_found(label_hashes, by_label, 404)
    read = tuple(labels.read(row, backend.served) for row in given)
    transitions.act(backend, SaveLabels(transitions.refs(tasks), read, call.user), call.user)
    names = [task.data_hash for task in tasks]
    edited = {task.data_hash: str(task.last_edited_at) for task in backend.platform().tasks(names)}
    parts = [{part: row.get(part, {}) for part in labels.CONTENT} for row in given]
    backend.sidecar.keep_blobs((name, edited[name], blob) for name, blob in zip(names, parts, strict=True))
    return True


def _workflow(call: Call, label_hashes: list[str], payload: Mapping[str, Any]) -> Any:
    found = call.backend.found(label_hashes, by_label)
    unknown = next((name for name in label_hashes if name not in found), None)
    fault, policy = Rejection(404, f"the project has no {unknown}"), call.backend.policies.stray_labels
    if unknown is not None and policy == "refuse":
        raise fault
    tasks = [found[name] for name in label_hashes if name in found]
    match payload.get("action"):
        case "complete":
            transitions.complete(call, tasks)
        case "reopen":
            transitions.reopen(call, tasks)
        case other:
            raise Rejection(400, f"there is no workflow action {other!r}")
    if unknown is not None and policy == "part":
        raise fault
    return True


def label_rows(call: Call, tasks: Sequence[Task], signed: bool) -> list[dict[str, Any]]:
    """Return label rows with what is labelled in them: as it was saved here, else made from the project's label."""
    backend = call.backend
    names = [task.data_hash for task in tasks]
    content = contents(backend, tasks)
    types, created = backend.mime_types(names), backend.sidecar.created(names)
    shown = []
    for task in tasks:
        if task.data_type != "image":
            raise unsupported(f"labels of the data type {task.data_type!r}")
        edited = str(task.last_edited_at)
        unit = next(iter(content[task.data_hash]["data_units"].values()))
        place = call.sign("image", task.data_hash) if signed else rows.link(task.data_hash)
        unit |= {
            "data_hash": task.data_hash, "data_title": task.title, "data_type": types[task.data_hash],
            "data_link": place, "data_sequence": 0, "width": task.width, "height": task.height,
        }  # fmt: skip
        row: dict[str, Any] = {
            "label_hash": task.label_hash, "branch_name": rows.BRANCH,
            "created_at": rows.in_seconds(created.get(task.data_hash, edited)),
            "last_edited_at": rows.in_seconds(edited), "dataset_hash": backend.name("dataset"),
            "dataset_title": backend.project.title, "data_title": task.title, "data_hash": task.data_hash,
            "data_type": "image", "label_status": rows.label_status(backend, task), "annotation_task_status": None,
            "is_valid": True, "spaces": {},
        }  # fmt: skip
        shown.append({**row, **content[task.data_hash], "data_units": {task.data_hash: unit}})
    return shown


def contents(backend: Backend, tasks: Sequence[Task]) -> dict[str, dict[str, Any]]:
    """Return the label parts of each task's label row, by data hash."""
    names = [task.data_hash for task in tasks]
    true = {task.data_hash: task.last_edited_at for task in backend.platform().tasks(names)}
    blobs = backend.sidecar.blobs(names)
    known = {name: blob for name, (at, blob) in blobs.items() if at == true[name]}
    rest = [task for task in tasks if task.data_hash not in known]
    found = backend.platform().labels([task.label_hash for task in rest if task.label_hash is not None])
    for task in rest:
        label = found.get(str(task.label_hash), Label())
        unit = {"data_hash": task.data_hash}
        known[task.data_hash] = labels.written(label, unit, backend.served, true[task.data_hash])
    return known


QUERIES: Mapping[str, Handler] = {
    "labelrowmetadata GET": _list,
    "labelrow PUT": _create,
    "labelrow GET": _get,
    "labelrow POST": _save,
    "labelworkflowgraphnode POST": _workflow,
}
