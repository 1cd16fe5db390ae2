"""The v2 routes of a project's collections: the local platform's tags, with a uuid and a description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from alrun.emulator import rows, transitions
from alrun.emulator.backend import Backend, by_data, now
from alrun.emulator.call import Call, at_most
from alrun.emulator.rejection import Rejection, unsupported
from alrun.emulator.sidecar import Collection
from alrun.platform.writes import AddTag, DropTag, RemoveTag
from alrun.types import Task

SNAKE_CASE = {
    "label_hash": "label_uuid", "data_hash": "data_uuid", "group_hash": "group_uuid", "dataset_hash": "dataset_uuid",
}  # fmt: skip


def listing(call: Call) -> Any:
    """GET a page of the project's collections."""
    wanted = call.query.get("uuids")
    found = [one for one in _known(call.backend).values() if wanted is None or one.uuid in wanted]
    project_id = call.backend.project.project_id

    def show(page: list[Collection]) -> list[Any]:
        return [
            {
                "collectionUuid": one.uuid, "name": one.name, "description": one.description,
                "createdAt": one.created_at, "lastEditedAt": one.edited_at, "projectUuid": project_id,
                "collectionType": one.type,
            }
            for one in page
        ]  # fmt: skip

    return call.page(sorted(found, key=lambda one: one.name), lambda one: one.name, show)


def create(call: Call) -> Any:
    """POST a new collection; answer its uuid."""
    backend, name, kind = call.backend, call.need("name", str), call.need("collectionType", str)
    if kind not in ("FRAME", "LABEL"):
        raise Rejection(400, f"there is no collection type {kind!r}")
    if name in backend.platform().tags():
        raise Rejection(409, f"the project has a collection {name!r} already")
    at = now()
    collection = Collection(name, backend.name(f"collection {name} {at}"), _description(call) or "", kind, at, at)
    backend.write(AddTag((), name), call.user)
    backend.sidecar.keep_collection(collection)
    return collection.uuid


def update(call: Call) -> Any:
    """PATCH a collection's name or description."""
    backend, collection = call.backend, _collection(call)
    name = call.body.get("name") if isinstance(call.body, dict) else None
    description = _description(call)
    changed = replace(
        collection, name=collection.name if name is None else str(name), edited_at=now(),
        description=collection.description if description is None else description,
    )  # fmt: skip
    if changed.name != collection.name:
        if changed.name in backend.platform().tags():
            raise Rejection(409, f"the project has a collection {changed.name!r} already")
        members = transitions.refs(_members(backend, collection))
        backend.sidecar.drop_collection(collection.name)
        backend.write(AddTag(members, changed.name), call.user)
        backend.write(DropTag(collection.name), call.user)
    backend.sidecar.keep_collection(changed)


def delete(call: Call) -> Any:
    """DELETE a collection, not what is in it."""
    collection = _collection(call)
    call.backend.write(DropTag(collection.name), call.user)
    call.backend.sidecar.drop_collection(collection.name)


def items(call: Call) -> Any:
    """GET a page of what is in a collection."""
    if call.one("getLabels") is not None:
        raise unsupported("collections of annotations")
    backend, client = call.backend, call.one("includeClientMetadata") == "True"

    def show(page: list[Task]) -> list[Any]:
        listed = rows.metadata(backend, page, client=client)
        return [{"labelRowMetadata": _in_camel_case(row), "instances": [{"frame": 0}]} for row in listed]

    return call.page(_members(backend, _collection(call)), by_data, show)


def add(call: Call) -> Any:
    """POST items into a collection; answer those that could not be added."""
    collection, wanted = _collection(call), _items(call)
    found = call.backend.found(wanted, by_data)
    failed = [name for name in wanted if name not in found]
    if call.backend.policies.collection_add_again == "failed":
        failed += [name for name in _tagged(call.backend, collection) if name in found]
    call.backend.write(AddTag(transitions.refs(found.values()), collection.name), call.user)
    return {"failedItems": [{"dataUuid": name, "frame": 0} for name in failed]}


def remove(call: Call) -> Any:
    """POST items out of a collection; answer those that are no items of the project."""
    collection, wanted = _collection(call), _items(call)
    found = call.backend.found(wanted, by_data)
    call.backend.write(RemoveTag(transitions.refs(found.values()), collection.name), call.user)
    return {"failedItems": [{"dataUuid": name, "frame": 0} for name in wanted if name not in found]}


def _known(backend: Backend) -> dict[str, Collection]:
    """Return the project's collections by uuid; a tag of another's making is one too."""
    kept = backend.sidecar.collections()
    for name in backend.platform().tags():
        if name not in kept:
            made = backend.sidecar.created_at
            kept[name] = Collection(name, backend.name(f"collection {name}"), "", "FRAME", made, made)
            backend.sidecar.keep_collection(kept[name])
    tags = backend.platform().tags()
    return {one.uuid: one for one in kept.values() if one.name in tags}


def _collection(call: Call) -> Collection:
    known = _known(call.backend)
    if call.args[1] not in known:
        raise Rejection(404, f"the project has no collection {call.args[1]}")
    return known[call.args[1]]


def _tagged(backend: Backend, collection: Collection) -> frozenset[str]:
    return backend.platform().tags()[collection.name]


def _members(backend: Backend, collection: Collection) -> Sequence[Task]:
    return backend.tasks(list(_tagged(backend, collection)))


def _items(call: Call) -> list[str]:
    """Return the data hashes that the body names, each once."""
    given = call.need("items", list)
    at_most(call.backend.policies.items_per_request, len(given))
    if not all(isinstance(item, dict) for item in given):
        raise Rejection(400, "an item must name its data and frame")
    if any("annotationId" in item for item in given):
        raise unsupported("collections of annotations")
    if any(item.get("frame") != 0 for item in given):
        raise Rejection(400, "an image has the frame 0 and no other")
    return list(dict.fromkeys(str(item.get("dataUuid")) for item in given))


def _description(call: Call) -> str | None:
    description = call.body.get("description") if isinstance(call.body, dict) else None
    return None if description is None else str(description)


def _in_camel_case(row: dict[str, Any]) -> dict[str, Any]:
    return {SNAKE_CASE.get(name) or _camel(name): value for name, value in row.items() if name != "spaces"}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
