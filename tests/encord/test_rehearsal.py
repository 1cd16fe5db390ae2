"""A rehearsal carries out the very run on a copy: the project itself is read, and never written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from alrun.emulator import OWNER
from alrun.emulator.rehearsal import Rehearsal, Rehearsed
from alrun.platform.port import HoldsOut, KnowsTruth, Staffed
from alrun.platform.testing import LABEL
from alrun.platform.writes import (
    AddTag,
    Complete,
    DropTag,
    InitialiseLabels,
    Move,
    RemoveTag,
    Reopen,
    SaveLabels,
    SetPriority,
)
from tests.encord.world import World, nothing

PEOPLE = "ann@example.org"


@pytest.fixture
def project(world: World) -> World:
    """Return a project on the platform in which recipes and people have been at work."""
    platform = world.open()
    refs = tuple(task.ref for task in platform.tasks())
    platform.write(InitialiseLabels(refs[:2]))
    platform.write(SetPriority(refs[3:4], (0.75,)))
    platform.write(AddTag(refs[:3], "night"))
    world.emulator.act(SaveLabels(tuple(t.ref for t in platform.tasks()[:1]), (LABEL,), PEOPLE), PEOPLE)
    world.emulator.log.clear()
    return world


@pytest.fixture
def rehearsed(project: World) -> Iterator[Rehearsed]:
    rehearsed = component(project).open(project.folder / "run", nothing)
    yield rehearsed
    rehearsed.close()


def component(world: World, **changes: Any) -> Rehearsal:
    given: dict[str, Any] = {
        "project": world.emulator.project_hash,
        "user": OWNER,
        "key_file": str(world.emulator.private_key_path),
        "domain": world.emulator.url,
        "cache": str(world.cache),
    }
    return Rehearsal(**given | changes)


def asked(world: World) -> list[str]:
    return [request.name for request in world.emulator.requests]


def writes(world: World) -> list[str]:
    """Return the requests to the real project that are anything but reads."""
    return [
        name
        for name in asked(world)
        if not name.startswith("GET ") and not name.endswith(" GET") and name != "POST storage/items/get-bulk"
    ]


def alrun(world: World, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"ALRUN_CACHE": str(world.cache), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "alrun", *arguments]
    return subprocess.run(command, env=environment, cwd=world.folder, capture_output=True, text=True, check=False)


def run(world: World, folder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return alrun(
        world, f"platform.project={world.emulator.project_hash}", f"platform.domain={world.emulator.url}",
        f"platform.key_file={world.emulator.private_key_path}", f"platform.user={OWNER}", "model=none",
        "strategy=random", "metrics=[]", "budget=2", f"hydra.run.dir={world.folder / folder}", *arguments,
    )  # fmt: skip


def test_the_copy_shows_what_the_project_shows(project: World, rehearsed: Rehearsed) -> None:
    platform = project.open()
    assert rehearsed.tasks() == platform.tasks()
    assert rehearsed.tags() == platform.tags()
    assert rehearsed.project() == replace(platform.project(), title="Small (rehearsal)")
    hashes = [task.label_hash for task in platform.tasks() if task.label_hash]
    assert rehearsed.labels(hashes) == platform.labels(hashes)
    assert LABEL in rehearsed.labels(hashes).values()


def test_every_kind_of_write_reaches_the_copy_and_none_the_project(project: World, rehearsed: Rehearsed) -> None:
    platform = project.open()
    before, tags = platform.tasks(), platform.tags()
    annotate, review, done = (stage.uuid for stage in rehearsed.project().stages)
    rehearsed.write(InitialiseLabels(tuple(task.ref for task in rehearsed.tasks())))
    refs = tuple(task.ref for task in rehearsed.tasks())
    rehearsed.write(SetPriority(refs[:1], (1.0,)))
    rehearsed.write(Complete(refs[1:3]))
    rehearsed.write(Reopen(refs[2:3]))
    rehearsed.write(Move(refs[3:4], annotate, review))
    rehearsed.write(AddTag(refs, "queue"))
    rehearsed.write(RemoveTag(refs[:1], "queue"))
    rehearsed.write(DropTag("night"))
    stages = [task.stage for task in rehearsed.tasks()]
    assert stages == [annotate, done, annotate, review, annotate, annotate]
    assert [len(members) for members in rehearsed.tags().values()] == [5]
    assert rehearsed.tasks()[0].priority == 1.0
    assert writes(project) == []
    assert (platform.tasks(), platform.tags()) == (before, tags)


def test_images_come_from_the_project_once(project: World, rehearsed: Rehearsed) -> None:
    hashes = [task.data_hash for task in rehearsed.tasks()]
    files, left_out = rehearsed.images(hashes)
    assert left_out == []
    assert [file.path.read_bytes() for file in files] == [
        file.path.read_bytes() for file in project.open().images(hashes)[0]
    ]
    assert asked(project).count("GET image") == 6
    assert writes(project) == []


def test_requests_to_both_count(project: World, rehearsed: Rehearsed) -> None:
    rehearsed.tasks()
    real = [name for name in asked(project) if name != "GET image"]
    assert rehearsed.requests == len(real) + len(rehearsed.emulator.requests)
    assert real


def test_a_folder_has_one_copy(project: World, rehearsed: Rehearsed) -> None:
    refs = tuple(task.ref for task in rehearsed.tasks())
    rehearsed.write(AddTag(refs, "queue"))
    rehearsed.close()
    project.emulator.log.clear()
    again = component(project).open(project.folder / "run", nothing)
    assert len(again.tags()["queue"]) == 6
    assert again.project().user == OWNER
    again.close()
    assert asked(project) == []


def test_the_project_stays_free_for_a_real_run(project: World, rehearsed: Rehearsed) -> None:
    assert rehearsed.lock != project.open().lock
    assert rehearsed.lock.is_relative_to(project.folder / "run")


def test_nobody_is_played(rehearsed: Rehearsed) -> None:
    assert not isinstance(rehearsed, Staffed | KnowsTruth | HoldsOut)


@pytest.mark.parametrize("records_moves", [True, False])
def test_the_copy_records_moves_as_the_config_says_the_platform_does(project: World, records_moves: bool) -> None:
    rehearsed = component(project, records_moves=records_moves).open(project.folder / "run", nothing)
    (task,) = [task for task in rehearsed.tasks() if task.last_actioned_by == PEOPLE]
    rehearsed.write(Complete((task.ref,)))
    (after,) = rehearsed.tasks([task.data_hash])
    assert after.last_actioned_by == (OWNER if records_moves else PEOPLE)
    assert rehearsed.project().records_moves is records_moves
    rehearsed.close()


def test_no_proxy_stands_between_the_run_and_its_copy(project: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.setenv("NO_PROXY", "localhost")
    domain = project.emulator.url.replace("127.0.0.1", "localhost")
    rehearsed = component(project, domain=domain).open(project.folder / "run", nothing)
    assert len(rehearsed.tasks()) == 6
    assert os.environ["NO_PROXY"] == "localhost,127.0.0.1"
    rehearsed.close()


def test_the_plan_is_the_real_one(project: World) -> None:
    """Same snapshot, same tasks, same steps; only the title, the run and what is derived from them differ."""
    plans = []
    for platform in ("encord", "rehearsal"):
        done = run(project, platform, f"platform={platform}", "action=plan")
        assert done.returncode == 0, done.stdout + done.stderr
        text = (project.folder / platform / "rounds/01/plan.json").read_text()
        plans.append(json.loads(text.replace(json.loads(text)["run_id"], "RUN")))
    titles = [plan.pop("project_title") for plan in plans]
    assert titles == ["Small", "Small (rehearsal)"]
    for plan in plans:
        del plan["config_digest"], plan["digest"]
    assert plans[0] == plans[1]
    assert (plans[0]["recipe"], len(plans[0]["tasks"])) == ("priority", 2)  # only what is written to
    assert writes(project) == []


def test_a_run_ends_restored_and_the_project_was_only_read(project: World) -> None:
    before = project.open().tasks()
    done = run(project, "run", "platform=rehearsal", "recipe=park", "approve=auto", "restore_when.deadline=0s")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing reaches the project" in done.stderr
    assert writes(project) == []
    assert project.open().tasks() == before
    record = json.loads((project.folder / "run/run.json").read_text())
    assert record["status"] == "done"
    assert record["project"] == {"id": project.emulator.project_hash, "title": "Small (rehearsal)"}


def test_a_run_that_waits_goes_on_with_its_copy(project: World) -> None:
    waiting = run(project, "run", "platform=rehearsal", "recipe=park", "approve=auto", "report.thumbnails=0")
    assert waiting.returncode == 3, waiting.stdout + waiting.stderr
    project.emulator.log.clear()
    restored = alrun(project, "action=restore", f"run={project.folder / 'run'}")
    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert asked(project) == []
    assert "restored" in json.loads((project.folder / "run/run.json").read_text())["status"]


def test_no_oracle_knows_the_labels_of_a_copy(project: World) -> None:
    done = run(project, "run", "platform=rehearsal", "annotator=oracle", "approve=auto")
    assert done.returncode == 2
    assert "choose annotator=human" in done.stderr
    assert writes(project) == []
