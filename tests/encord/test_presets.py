"""A filter preset of a project becomes a filter of the user's own: over the unmodified SDK, from the command line."""

from __future__ import annotations

import csv
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from alrun.emulator import OWNER, Fault
from alrun.errors import AlrunError, ConfigError, Refused
from alrun.platform.presets import KeepsPresets, Presets
from alrun.platform.writes import SetMetadata
from alrun.run.actions import import_filter
from tests.config.command import faults
from tests.encord.test_keys import secrets
from tests.encord.world import World, component
from tests.run.harness import make_job

SITES = ["Oslo", "Bergen", "oslo", "1e3", "${HOME}", None]
BY_SITE = {"key": "site", "include": True, "values": ["Oslo", "1e3"], "type": "enum"}
NOT_AT_NIGHT = {"key": "night", "include": False, "values": [True], "type": "boolean"}
METRIC = {"type": "metric", "metric": "metric_width", "domain": "data", "include": True, "values": [10, 20]}


def add_preset(world: World, name: str, *filters: dict[str, Any]) -> str:
    """Save a preset as somebody does; return its uuid."""
    from encord.orm.filter_preset import ActiveFilterPresetDefinition, FilterDefinition

    project = world.open().connection.project
    content = ActiveFilterPresetDefinition(global_filters=FilterDefinition(filters=list(filters)))
    return str(project.create_filter_preset(name, content).uuid)


def describe(world: World) -> list[str]:
    """Give the images a site and a time of day; return their data hashes."""
    platform = world.open()
    refs = tuple(task.ref for task in platform.tasks())
    before = platform.metadata([ref.data_hash for ref in refs])
    sites = [{} if site is None else {"site": site} for site in SITES]
    after = tuple({"night": number == 0, **site} for number, site in enumerate(sites))
    platform.set_metadata(SetMetadata(refs, tuple(before[ref.data_hash] for ref in refs), after))
    return [ref.data_hash for ref in refs]


def alrun(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    given = [
        "platform=encord", f"platform.project={world.emulator.project_hash}", f"platform.domain={world.emulator.url}",
        f"platform.user={OWNER}", f"platform.key_file={world.emulator.private_key_path}", f"cache={world.cache}",
        "recipe=park", "model=none", "strategy=random", "metrics=[]",
    ]  # fmt: skip
    command = [sys.executable, "-m", "alrun", *given, *arguments]
    environment = os.environ | {"NO_PROXY": "127.0.0.1"}
    return subprocess.run(
        command, env=environment, cwd=world.folder, capture_output=True, text=True, check=False, timeout=120
    )


def imported(world: World, caplog: pytest.LogCaptureFixture, preset: str) -> tuple[str, AlrunError | None]:
    """Import a preset in this process; return what was said, and how it ended."""
    caplog.clear()
    job = make_job(
        world.folder / "run", world.cache, "platform=encord", f"platform.project={world.emulator.project_hash}",
        f"platform.domain={world.emulator.url}", f"platform.user={OWNER}",
        f"platform.key_file={world.emulator.private_key_path}", "action=import_filter", f"preset='{preset}'",
    )  # fmt: skip
    with caplog.at_level(logging.INFO, "alrun"):
        try:
            import_filter(job)
        except AlrunError as error:
            return caplog.text, error
    return caplog.text, None


def test_an_imported_filter_lets_through_what_the_preset_does(world: World) -> None:
    hashes = describe(world)
    uuid = add_preset(world, "Day in Oslo: #1\n@package x", BY_SITE, NOT_AT_NIGHT)
    done = alrun(world, "action=import_filter", f"preset={uuid}")
    assert done.returncode == 0, done.stderr
    file = Path("filters/preset-day-in-oslo-1-package-x.yaml")
    assert done.stdout.splitlines()[-2:] == [
        f"filter preset 'Day in Oslo: #1\\n@package x' ({uuid})",
        f"saved as {file}. To use it: filters={file.stem}",
    ]
    assert not [line for line in secrets(world.emulator.private_key_path.read_text()) if line in done.stdout]
    planned = alrun(world, "action=plan", f"filters={file.stem}", f"hydra.run.dir={world.folder / 'run'}", "budget=9")
    assert planned.returncode == 0, planned.stderr
    with (world.folder / "run" / "rounds" / "01" / "selection.csv").open(newline="") as selection:
        assert {row["data_hash"] for row in csv.DictReader(selection)} == {hashes[3]}


@pytest.fixture
def here(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder without filters; return where they would be."""
    monkeypatch.chdir(world.folder)
    return world.folder / "filters"


def test_a_second_import_says_that_the_filter_is_there(
    world: World, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_preset(world, "Oslo", BY_SITE)
    assert "saved as filters/preset-oslo.yaml" in imported(world, caplog, "Oslo")[0]
    written = (here / "preset-oslo.yaml").read_text()
    assert "it is there already: filters/preset-oslo.yaml" in imported(world, caplog, "Oslo")[0]
    uuid = add_preset(world, "oslo", NOT_AT_NIGHT)
    _, error = imported(world, caplog, uuid)
    assert isinstance(error, ConfigError)
    assert "another filter" in str(error)
    assert (here / "preset-oslo.yaml").read_text() == written


def test_nothing_is_written_of_a_preset_that_is_not_understood_as_a_whole(
    world: World, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    add_preset(world, "Wide in Oslo", BY_SITE, METRIC, {**NOT_AT_NIGHT, "type": "datetime"})
    _, error = imported(world, caplog, "Wide in Oslo")
    assert isinstance(error, ConfigError)
    assert [f"filter {number}," in str(error) for number in (1, 2, 3)] == [False, True, True]
    assert not here.exists()


def test_what_the_sdk_s_classes_do_not_know_is_seen(world: World, here: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The SDK's own reading would drop `search`, and the filter would let through more than the preset does."""
    uuid = add_preset(world, "Fog in Oslo", BY_SITE)
    sidecar = world.emulator.backend.sidecar
    content = world.emulator.ask(lambda: sidecar.presets()[uuid])
    content.definition["search"] = "fog"
    world.emulator.ask(lambda: sidecar.keep_preset(content))
    _, error = imported(world, caplog, uuid)
    assert 'search, "fog": what that means is not documented' in str(error)
    assert not here.exists()


def test_two_presets_of_one_name_are_told_apart_by_uuid(
    world: World, here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uuids = [add_preset(world, "Oslo", BY_SITE) for _ in range(2)]
    _, error = imported(world, caplog, "Oslo")
    assert all(f"preset={uuid}" in str(error) for uuid in uuids)
    _, error = imported(world, caplog, "Olso")
    assert "did you mean 'Oslo'" in str(error)
    assert not here.exists()


def test_the_adapter_reads_presets_as_they_are_kept(world: World) -> None:
    source = component(world.emulator, world.cache)
    assert isinstance(source, KeepsPresets)
    presets: Presets = source.presets()
    uuid = add_preset(world, "Oslo", BY_SITE)
    assert [one.name for one in presets.listed()] == ["Oslo"]
    with pytest.raises(Refused, match="reading a filter preset"):
        presets.definition(uuid[::-1])
    assert presets.definition(uuid)["globalFilters"] == {"filters": [BY_SITE]}


def test_an_import_survives_a_hiccup(world: World, here: Path, caplog: pytest.LogCaptureFixture) -> None:
    add_preset(world, "Oslo", BY_SITE)
    for route in ("GET active/{p}/presets", "GET active/{p}/presets/{x}/raw"):
        world.emulator.fail(Fault(route, "cut"))
    assert imported(world, caplog, "Oslo")[1] is None
    assert (here / "preset-oslo.yaml").exists()


def test_the_config_is_checked_before_anything_is_asked() -> None:
    encord = ["platform=encord", f"platform.project={UUID(int=7)}", "platform.user=me@example.org"]
    assert faults(*encord, "action=import_filter", "preset=Oslo") == []
    (fault,) = faults(*encord, "action=import_filter")
    assert (fault.key, "needs preset=NAME" in fault.message) == ("preset", True)
    (fault,) = faults(*encord, "preset=Oslo")
    assert (fault.key, "import_filter does" in fault.message) == ("preset", True)
    for platform in (["platform=local"], ["platform=rehearsal", *encord[1:]]):
        (fault,) = faults(*platform, "action=import_filter", "preset=Oslo")
        assert (fault.key, "platform=encord does" in fault.message) == ("platform", True)
    (fault,) = faults(*encord, "action=import_filter", "preset=Oslo", "seed=0,1", multirun=True)
    assert (fault.key, "without -m" in fault.message) == ("preset", True)
