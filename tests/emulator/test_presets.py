"""The filter presets of a project, through the unmodified SDK; on a real project where the environment names one."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests

from alrun.emulator import Emulator
from tests.emulator.conftest import Target, connect

CONDITION = {"key": "site", "include": True, "values": ["Oslo", 7, None], "type": "varchar"}


def preset_of(*filters: dict[str, Any]) -> Any:
    from encord.orm.filter_preset import ActiveFilterPresetDefinition, FilterDefinition

    return ActiveFilterPresetDefinition(global_filters=FilterDefinition(filters=list(filters)))


def test_presets_are_created_listed_changed_and_deleted(target: Target) -> None:
    name = f"alrun test {uuid4()}"
    preset = target.project.create_filter_preset(name, preset_of(CONDITION))
    try:
        assert (preset.name, preset.get_filter_preset_json()) == (name, preset_of(CONDITION))
        assert target.project.get_filter_preset(preset.uuid).created_at is not None
        preset.update_preset(filter_preset=preset_of())
        preset.update_preset(name=f"{name} again")
        (listed,) = target.project.list_filter_presets([preset.uuid])
        assert (listed.uuid, listed.name) == (preset.uuid, f"{name} again")
        assert listed.get_filter_preset_json() == preset_of()
    finally:
        target.project.delete_filter_preset(preset.uuid)
    assert preset.uuid not in [one.uuid for one in target.project.list_filter_presets()]


def test_several_presets_may_have_one_name_and_come_page_by_page(emulator: Emulator) -> None:
    project = connect(emulator).get_project(emulator.project_hash)
    made = {project.create_filter_preset(name, preset_of(CONDITION)).uuid for name in ("Fog", "Fog", "Rain")}
    emulator.log.clear()
    assert {one.uuid for one in project.list_filter_presets(page_size=2)} == made
    assert emulator.log.counts() == {"GET active/{p}/presets": 2}


def test_a_preset_that_is_not_there_is_refused(emulator: Emulator) -> None:
    from encord.exceptions import AuthorisationError, ResourceNotFoundError

    project = connect(emulator).get_project(emulator.project_hash)
    preset = project.create_filter_preset("Fog", preset_of(CONDITION))
    project.delete_filter_preset(preset.uuid)
    with pytest.raises(AuthorisationError):
        project.get_filter_preset(preset.uuid)
    with pytest.raises(ResourceNotFoundError):
        preset.get_filter_preset_json()
    with pytest.raises(ResourceNotFoundError):
        preset.update_preset(name="Rain")


def answered(emulator: Emulator, path: str = "", key: Path | None = None, body: Any = None) -> tuple[int, Any]:
    """Send a request without the SDK's classes, which drop what they do not know; return the status and the JSON."""
    url = f"{emulator.url}/v2/public/active/{emulator.project_hash}/presets{path}"
    request = requests.Request("GET" if body is None else "POST", url, json=body).prepare()
    signed = connect(emulator, key)._config.config.define_headers_v2(request)
    with requests.Session() as session:
        response = session.send(signed, timeout=10)
    return response.status_code, response.json()


def test_the_wire_form(emulator: Emulator) -> None:
    uuid = connect(emulator).get_project(emulator.project_hash).create_filter_preset("Fog", preset_of(CONDITION)).uuid
    status, page = answered(emulator, f"?presetUuids={uuid}")
    assert (status, page["nextPageToken"]) == (200, None)
    assert [sorted(one) for one in page["results"]] == [["createdAt", "name", "presetUuid", "updatedAt"]]
    nowhere: dict[str, Any] = {str(UUID(int=0)): {"filters": []}}
    assert answered(emulator, f"/{uuid}/raw") == (
        200,
        {"localFilters": nowhere, "globalFilters": {"filters": [CONDITION]}},
    )


def test_presets_are_for_managers_as_all_else_and_need_a_name_and_filters(emulator: Emulator) -> None:
    assert answered(emulator, key=emulator.add_user("ann@example.org", "ANNOTATOR"))[0] == 403
    incomplete: list[Any] = [{"name": "Fog"}, {"filterPresetJson": {}}, {"name": "Fog", "filterPresetJson": []}]
    for body in incomplete:
        assert answered(emulator, body=body)[0] == 400
    assert answered(emulator) == (200, {"results": [], "nextPageToken": None})
