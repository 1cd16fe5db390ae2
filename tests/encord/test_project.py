"""What is checked before anything is read, and what `platform=encord` is as a component."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from alrun.emulator import OWNER, Fault, Policies
from alrun.errors import ConfigError, NoAccess, PlatformError, Refused
from alrun.platform import encord
from alrun.platform.encord import EncordProject
from alrun.platform.local import LocalProject
from alrun.platform.port import ProjectSource, Staffed
from alrun.platform.retry import Patience
from alrun.platform.writes import Assign, Skip, Submit
from alrun.types import StageType, TaskStatus
from tests.encord.world import World, component, nothing, serve

PROJECT = "4c5ec9a5-5a4f-4b8e-8bfa-2f1f1f0e6d57"


def test_the_component_is_a_source_of_projects_and_its_platform_can_be_staffed(world: World) -> None:
    assert isinstance(component(world.emulator, world.cache), ProjectSource)
    assert isinstance(world.open(), Staffed)


@pytest.mark.parametrize("wrong", ["", "mine", "4c5ec9a5", f"{PROJECT}/.."])
def test_a_project_is_named_by_its_hash(wrong: str) -> None:
    with pytest.raises(ConfigError, match="hash"):
        EncordProject(wrong, "me@example.org")


def test_without_a_user_nobody_could_tell_our_moves_from_others() -> None:
    with pytest.raises(ConfigError, match=r"platform\.user"):
        EncordProject(PROJECT)
    assert EncordProject(PROJECT, records_moves=False).user is None


def test_an_unnamed_owner_is_known_by_the_key(world: World) -> None:
    users = {world.open(user=None, records_moves=False).project().user for _ in range(2)}
    assert len(users) == 1
    assert users.pop().startswith("key:")


def test_a_project_that_does_not_exist_says_where_to_look(world: World) -> None:
    with pytest.raises(NoAccess, match=rf"(?s){PROJECT}.*platform\.domain"):
        world.open(project=PROJECT)


def test_a_clock_that_is_off_is_among_what_to_check(tmp_path: Path) -> None:
    with World(tmp_path, Policies(signature_seconds=-5)) as world, pytest.raises(NoAccess, match=r"machine's clock"):
        world.open()


@pytest.mark.parametrize("role", ["ANNOTATOR", "REVIEWER", "VIEWER"])
def test_a_role_that_may_not_manage_is_refused(role: str, tmp_path: Path) -> None:
    with World(tmp_path, Policies(managers_only=False)) as world:
        key = world.emulator.add_user("ann@example.org", role)
        with pytest.raises(NoAccess, match=f"{role.lower()}.*team manager"):
            world.open(user="ann@example.org", key_file=str(key))


def test_a_team_manager_may(world: World) -> None:
    key = world.emulator.add_user("tom@example.org", "TEAM_MANAGER")
    assert world.open(user="tom@example.org", key_file=str(key)).tasks()


def test_a_project_without_a_workflow_is_refused_by_name(world: World) -> None:
    world.emulator.backend.project_type = "manual_qa"
    with pytest.raises(ConfigError, match="'Small' is of type 'manual_qa': alrun needs a workflow project"):
        world.open()


def test_opening_waits_for_a_busy_platform_but_not_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encord, "OPENING", Patience(first=0.001, deadline=0.2))
    world.emulator.fail(Fault("GET projects/{p}", "status", status=503, times=2))
    assert world.open().requests == 4
    world.emulator.fail(Fault("GET projects/{p}", "status", status=503, times=10_000))
    with pytest.raises(PlatformError):
        world.open()


def test_a_status_is_what_a_listing_shows_of_it(world: World) -> None:
    platform = world.open()
    first, second = (task.ref for task in platform.tasks()[:2])
    first_stage = platform.project().stages[0].uuid
    platform.act(Assign((first,), "ann@example.org"))
    world.emulator.act(Skip((second,), OWNER))
    statuses = [task.status for task in platform.tasks()[:2]]
    assert statuses == [TaskStatus.ASSIGNED, TaskStatus.SKIPPED]
    some = platform.tasks([first.data_hash, second.data_hash])
    assert [task.status for task in some] == [TaskStatus.ASSIGNED, TaskStatus.NEW], "only the full listing shows it"
    assert platform.skipped({first_stage}) == {second.task_id}


def test_a_key_acts_as_its_owner_only(world: World) -> None:
    platform = world.open()
    (ref,) = (task.ref for task in platform.tasks()[:1])
    with pytest.raises(Refused, match=r"ann@example\.org"):
        platform.act(Submit((ref,), "ann@example.org"))
    with pytest.raises(Refused, match="skip"):
        platform.act(Skip((ref,), OWNER))
    platform.act(Submit((ref,), OWNER))
    review = next(stage for stage in platform.project().stages if stage.type is StageType.REVIEW)
    assert platform.tasks([ref.data_hash])[0].stage == review.uuid


def test_two_platforms_on_one_project_share_its_lock(world: World) -> None:
    assert world.open().lock == world.open().lock


def test_the_lock_of_another_project_is_another(world: World, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with serve(tmp_path / "other", replace(world.contents, identity="other")) as emulator:
        assert component(emulator, world.cache).open(world.folder, nothing).lock != world.open().lock


def test_without_the_sdk_the_message_says_how_to_install_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encord, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="pip install"):
        world.open()


def test_the_sdk_is_not_imported_before_a_project_is_opened() -> None:
    """Four seconds of start-up are too many for `--help`."""
    code = (
        "import sys; from alrun.platform.encord import EncordProject;"
        f"EncordProject({PROJECT!r}, 'me@example.org');"
        "assert not {'encord', 'requests', 'cryptography', 'PIL'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_emulator_keeps_what_the_local_project_holds(world: World) -> None:
    """What is read over the wire is what the file says."""
    local = LocalProject(path=str(world.folder / "project.sqlite")).open(world.folder, nothing)
    assert [(t.data_hash, t.title, t.metadata) for t in world.open().tasks()] == [
        (t.data_hash, t.title, t.metadata) for t in local.tasks()
    ]
    local.close()


def test_the_config_file_lists_every_field_with_its_default() -> None:
    """The cache is the run's own."""
    shown = yaml.safe_load((Path(__file__).parents[2] / "conf/platform/encord.yaml").read_text())["platform"]
    assert shown.pop("_target_") == f"{EncordProject.__module__}.{EncordProject.__qualname__}"
    assert (shown.pop("project"), shown.pop("cache")) == ("???", "${cache}")
    defaults = {field.name: field.default for field in fields(EncordProject)}
    assert shown == {name: defaults[name] for name in defaults if name not in {"project", "cache"}}
