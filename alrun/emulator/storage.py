"""The v2 routes of storage items: the images behind the tasks, their client metadata and signed URLs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from alrun.emulator import rows
from alrun.emulator.backend import Backend
from alrun.emulator.call import Call, at_most
from alrun.emulator.rejection import Rejection, unsupported
from alrun.types import Task


def bulk(call: Call) -> Any:
    """POST: read items, in the order that they are named."""
    uuids = call.strings("itemUuids")
    at_most(call.backend.policies.items_per_request, len(uuids))
    signed = isinstance(call.body, dict) and bool(call.body.get("signUrls"))
    return {"results": shown(call, _tasks(call.backend, uuids), signed), "nextPageToken": None}


def one(call: Call) -> Any:
    """GET one item."""
    found = call.backend.found([call.args[-1]], lambda task: call.backend.item(task.data_hash))
    if not found:
        raise Rejection(404, f"there is no item {call.args[-1]}")
    return shown(call, list(found.values()), call.one("signUrl") == "True")[0]


def patch_one(call: Call) -> Any:
    """PATCH one item's client metadata."""
    return _patched(call, {call.args[-1]: call.body})[0]


def patch_bulk(call: Call) -> Any:
    """PATCH the client metadata of items."""
    patches = call.need("itemPatches", dict)
    at_most(call.backend.policies.items_per_request, len(patches))
    return {"results": _patched(call, patches), "nextPageToken": None}


def shown(call: Call, tasks: Sequence[Task], signed: bool) -> list[dict[str, Any]]:
    """Return storage items."""
    backend = call.backend
    names = [task.data_hash for task in tasks]
    types, metadata = backend.mime_types(names), rows.client_metadata(backend, tasks)
    nothing = dict.fromkeys(
        (
            "integrationHash", "url", "duration", "fps", "dicomInstanceUid", "dicomStudyUid", "dicomSeriesUid",
            "frameCount", "audioSampleRate", "audioBitDepth", "audioCodec", "audioNumChannels",
        )
    )  # fmt: skip
    sizes = backend.sizes(names)
    made = backend.sidecar.created_at
    return [
        {
            **nothing, "uuid": backend.item(task.data_hash), "parent": backend.name("folder"), "itemType": "image",
            "name": task.title, "description": "", "clientMetadata": json.dumps(metadata[task.data_hash]),
            "owner": backend.owner, "createdAt": made, "lastEditedAt": made, "backedDataUnitsCount": 1,
            "storageLocation": "encord", "signedUrl": call.sign("image", task.data_hash) if signed else None,
            "fileSize": sizes[task.data_hash], "mimeType": types[task.data_hash],
            "height": task.height, "width": task.width,
        }
        for task in tasks
    ]  # fmt: skip


def _tasks(backend: Backend, uuids: Sequence[str]) -> list[Task]:
    # an item that is not there or not yours fails the request whole, as the SDK's documentation says
    return backend.all_found(uuids, lambda task: backend.item(task.data_hash), 403)


def _patched(call: Call, patches: dict[str, Any]) -> list[dict[str, Any]]:
    tasks = _tasks(call.backend, list(patches))
    before = rows.client_metadata(call.backend, tasks)
    after = []
    for task, patch in zip(tasks, patches.values(), strict=True):
        extra = set(patch) - {"clientMetadata"} if isinstance(patch, dict) else {"?"}
        if extra:
            raise unsupported(f"changes of an item's {', '.join(sorted(extra))}")
        old = before[task.data_hash] if call.backend.policies.metadata_patch == "merge" else {}
        if "clientMetadata" in patch:
            after.append((task.data_hash, {**old, **patch["clientMetadata"]}))
    call.backend.sidecar.keep_metadata(after)
    return shown(call, tasks, signed=False)
