"""What the doctor says of a project on the platform, over the unmodified SDK and HTTP."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from alrun.emulator import OWNER, Fault, Policies
from alrun.errors import AlrunError, ConfigError, NoAccess, StateError, Waiting
from alrun.files import locked
from alrun.platform.encord import EncordProject
from alrun.platform.encord.probe import EncordProbe
from alrun.platform.writes import AddTag
from alrun.pool.tags import Mirror
from alrun.run.doctor import doctor
from alrun.types import StageType
from tests.config.command import faults
from tests.encord.test_keys import secrets
from tests.encord.world import World
from tests.run.harness import make_job

PROJECT = "4c5ec9a5-5a4f-4b8e-8bfa-2f1f1f0e6d57"


@dataclass(frozen=True)
class TwoServers(EncordProject):
    """The platform, as two emulators: each serves one project."""

    scratch_domain: str | None = None

    def probe(self, scratch_project: str) -> EncordProbe:
        return EncordProject.probe(replace(self, domain=self.scratch_domain), scratch_project)


def arguments(world: World, **changes: str | None) -> list[str]:
    given: dict[str, str | None] = {
        "platform.project": world.emulator.project_hash,
        "platform.user": OWNER,
        "platform.key_file": str(world.emulator.private_key_path),
        "platform.domain": world.emulator.url,
        "model": "none",
        "strategy": "random",
        "metrics": "[]",
        "budget": "2",
        "action": "doctor",
    }
    chosen = given | {
        name.replace("platform__", "platform.").replace("filters__", "filters.").replace("doctor__", "doctor."): value
        for name, value in changes.items()
    }
    return ["platform=encord", *(f"{name}={value}" for name, value in chosen.items() if value is not None)]


def examined(world: World, caplog: pytest.LogCaptureFixture, **changes: str | None) -> tuple[str, AlrunError | None]:
    """Return what the doctor says, and how it ends."""
    caplog.clear()
    job = make_job(world.folder / "run", world.cache, *arguments(world, **changes))
    with caplog.at_level(logging.INFO, "alrun"):
        try:
            doctor(job)
        except AlrunError as error:
            return caplog.text, error
    return caplog.text, None


def test_what_is_found_is_said_one_line_each_and_no_line_holds_the_key(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    said, error = examined(world, caplog)
    assert error is None
    key = world.emulator.private_key_path.read_text()
    assert not [line for line in secrets(key) if line in said]
    fingerprint = world.open(user=None, records_moves=False).project().user.removeprefix("key:")
    lines = [" ".join(record.getMessage().split()) for record in caplog.records]
    for line in (
        "SDK encord 0.1.211",
        f"key Ed25519, fingerprint {fingerprint}, from platform.key_file",
        f"domain {world.emulator.url}",
        f"project Small ({world.emulator.project_hash})",
        "type workflow",
        f"user {OWNER}, as the config says",
        "role admin",
        "Annotate 1 annotation, 6 tasks",
        "Review 1 review, 0 tasks",
        "Complete done, 0 tasks",
        "tasks 6 of type image, 0 in data groups",
        "special stages 0 of consensus, 0 of agents",
        "ok runs none is unfinished",
    ):
        assert line in lines, line
    assert any(line.startswith("a request takes listing 1000") and "move 500" in line for line in lines)


def test_what_the_sdk_does_not_tell_is_called_unknown(world: World, caplog: pytest.LogCaptureFixture) -> None:
    said, error = examined(world, caplog, platform__user=None, platform__records_moves="false")
    assert error is None
    assert "unknown: the SDK does not tell, nor the config" in said


def test_images_in_groups_and_videos_are_counted_and_left_alone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    first, second, third, *_ = (task.data_hash for task in world.open().tasks())
    world.emulator.show_as(first, "video")
    world.emulator.show_as(second, "img_group")
    world.emulator.show_as(third, group=PROJECT)
    said, error = examined(world, caplog)
    assert error is None
    assert "4 of type image, 1 of type img_group, 1 of type video, 1 in data groups" in " ".join(said.split())
    assert "3 tasks could be moved by a recipe, 3 must be left alone" in said
    for reason in ("1: it is of type 'video'", "1: it is of type 'img_group'", "1: it belongs to a data group"):
        assert reason in said


@pytest.mark.parametrize(
    ("stages", "refusal"),
    [
        (
            [("Vote", StageType.CONSENSUS_ANNOTATION), ("Agree", StageType.CONSENSUS_REVIEW), ("End", StageType.DONE)],
            r"the workflow has consensus stages (Vote, Agree)",
        ),
        (
            [("Robot", StageType.AGENT), ("Annotate", StageType.ANNOTATION), ("End", StageType.DONE)],
            "the workflow begins with the agent stage 'Robot'",
        ),
        ([("Review", StageType.REVIEW), ("End", StageType.DONE)], "no annotation stage; it has: Review (review)"),
    ],
    ids=["consensus", "agent", "no annotation"],
)
def test_a_workflow_that_no_recipe_may_touch_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, stages: list[tuple[str, StageType]], refusal: str
) -> None:
    with World(tmp_path, stages=stages) as world:
        said, error = examined(world, caplog)
    assert isinstance(error, StateError)
    assert "workflow" in str(error)
    assert refusal in said


def test_a_stage_that_is_not_there_is_refused_with_those_that_are(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    said, error = examined(world, caplog, filters__all="[{stage: [Annotate 2]}]")
    assert isinstance(error, ConfigError)
    assert "there is no stage 'Annotate 2'; did you mean 'Annotate 1'" in said


def test_a_project_without_a_workflow_is_refused(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.emulator.backend.project_type = "manual_qa"
    said, error = examined(world, caplog)
    assert "'manual_qa': alrun needs a workflow project" in str(error)
    assert "SDK" in said, "what is known before the project is opened is said before"


def test_a_role_that_does_not_suffice_is_refused_by_name(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with World(tmp_path, Policies(managers_only=False)) as world:
        key = world.emulator.add_user("ann@example.org", "ANNOTATOR")
        _, error = examined(world, caplog, platform__key_file=str(key))
        assert isinstance(error, NoAccess)
        assert "annotator" in str(error)
        assert "needs the role admin or team manager" in str(error)


def test_a_permission_that_is_missing_is_found_before_a_run_needs_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.emulator.fail(Fault("GET active/{p}/collections", "status", status=403, times=100))
    said, error = examined(world, caplog)
    assert isinstance(error, NoAccess)
    assert "listing the collections" in str(error)
    assert "key" in said


def test_an_unfinished_run_is_found(world: World, caplog: pytest.LogCaptureFixture) -> None:
    platform = world.open()
    platform.write(AddTag((platform.tasks()[0].ref,), Mirror("run-1", OWNER, "Annotate 1", 1).name))
    said, error = examined(world, caplog)
    assert isinstance(error, StateError)
    assert "run run-1 is unfinished" in said


def test_a_scratch_project_is_for_the_doctor_and_for_platforms_with_open_questions() -> None:
    given = [f"platform.project={PROJECT}", f"platform.user={OWNER}", f"doctor.scratch_project={PROJECT}"]
    (fault,) = faults("platform=encord", *given)
    assert (fault.key, "action=doctor" in fault.message) == ("doctor.scratch_project", True)
    assert faults("platform=encord", "action=doctor", *given) == []
    (fault,) = faults("action=doctor", given[-1])
    assert "leaves no questions open" in fault.message
    (fault,) = faults("platform=rehearsal", "action=doctor", *given)
    assert fault.key == "doctor.scratch_project"


def test_the_probe_waits_for_approval_and_leaves_a_file_to_rehearse_on(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    policies = Policies(moves_record_actor=False, stray_moves="part")
    with World(tmp_path / "scratch", policies, title="My scratch project") as scratch:
        key = world.emulator.private_key_path
        scratch.emulator.keyring = world.emulator.keyring
        given: dict[str, Any] = {
            "doctor__scratch_project": scratch.emulator.project_hash,
            "platform___target_": f"{__name__}.{TwoServers.__name__}",
            "+platform__scratch_domain": scratch.emulator.url,
        }
        scratch.cache = world.cache
        platform = scratch.open(key_file=str(key))
        before = platform.tasks()
        said, error = examined(world, caplog, **given)
        assert isinstance(error, Waiting)
        assert "approve=auto" in str(error)
        assert "4 tasks of 'Annotate 1' in 'My scratch project'" in said
        assert platform.tasks() == before
        with locked(platform.lock):
            _, error = examined(world, caplog, approve="auto", **given)
        assert "another process works on the scratch project" in str(error)
        said, error = examined(world, caplog, approve="auto", **given)
        assert error is None
    content = json.loads((world.folder / "run" / "policies.json").read_text())
    assert content["about"]["title"] == "My scratch project"
    assert content["policies"]["stray_moves"]["answer"] == "part"
    assert "url_seconds" in content["unknown"]
    assert "advice: set platform.records_moves=false" in said
    assert f"platform.policies={world.folder / 'run' / 'policies.json'}" in said
