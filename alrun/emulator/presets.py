"""The v2 routes of a project's filter presets. They are kept as they are sent; nothing is filtered by them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from alrun.emulator.backend import now
from alrun.emulator.call import Call
from alrun.emulator.rejection import Rejection
from alrun.emulator.sidecar import Preset


def listing(call: Call) -> Any:
    """GET a page of the project's presets, or of those that are named."""
    wanted = call.query.get("presetUuids")
    found = [one for one in call.backend.sidecar.presets().values() if wanted is None or one.uuid in wanted]

    def show(page: list[Preset]) -> list[Any]:
        return [
            {"presetUuid": one.uuid, "name": one.name, "createdAt": one.created_at, "updatedAt": one.updated_at}
            for one in page
        ]

    return call.page(sorted(found, key=lambda one: one.uuid), lambda one: one.uuid, show)


def create(call: Call) -> Any:
    """POST a new preset; answer its uuid."""
    name, definition = call.need("name", str), call.need("filterPresetJson", dict)
    at = now()
    preset = Preset(call.backend.name(f"preset {name} {at}"), name, definition, at, at)
    call.backend.sidecar.keep_preset(preset)
    return preset.uuid


def update(call: Call) -> Any:
    """PATCH a preset's name or what it filters by."""
    preset = _preset(call)
    if isinstance(call.body, dict) and call.body.get("name") is not None:
        preset = replace(preset, name=call.need("name", str))
    if isinstance(call.body, dict) and call.body.get("filterPreset") is not None:
        preset = replace(preset, definition=call.need("filterPreset", dict))
    call.backend.sidecar.keep_preset(replace(preset, updated_at=now()))


def delete(call: Call) -> Any:
    """DELETE a preset."""
    call.backend.sidecar.drop_preset(_preset(call).uuid)


def raw(call: Call) -> Any:
    """GET what a preset filters by."""
    return _preset(call).definition


def _preset(call: Call) -> Preset:
    known = call.backend.sidecar.presets()
    if call.args[1] not in known:
        raise Rejection(404, f"the project has no filter preset {call.args[1]}")
    return known[call.args[1]]
