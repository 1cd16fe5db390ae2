"""A run from the command line: what it does over the SDK, and that its files and words do not hold the key."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from alrun.emulator import OWNER, Fault
from alrun.platform.writes import SaveLabels
from alrun.types import Answer, Label
from tests.encord.test_keys import RSA, secrets
from tests.encord.world import World


def run(world: World, *arguments: str, key: str) -> subprocess.CompletedProcess[str]:
    given = [
        "platform=encord", f"platform.project={world.emulator.project_hash}", f"platform.domain={world.emulator.url}",
        f"platform.user={OWNER}", "recipe=park", "approve=auto", "model=none", "strategy=random", "metrics=[]",
        "budget=2", f"hydra.run.dir={world.folder / 'run'}",
    ]  # fmt: skip
    environment = os.environ | {"ENCORD_SSH_KEY": key, "ALRUN_CACHE": str(world.cache), "NO_PROXY": "127.0.0.1"}
    command = [sys.executable, "-m", "alrun", *given, *arguments]
    return subprocess.run(command, env=environment, cwd=world.folder, capture_output=True, text=True, check=False)


def leaks(folder: Path, key: str) -> list[Path]:
    """Return the files that hold any line of a key."""
    wanted = [line.encode() for line in secrets(key)]
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if any(line in path.read_bytes() for line in wanted)]


def test_a_run_parks_waits_and_leaves_no_key_in_its_folder(world: World) -> None:
    key = world.emulator.private_key_path.read_text()
    result = run(world, key=key)
    assert result.returncode == 3, result.stdout + result.stderr
    assert not [line for line in secrets(key) if line in result.stdout + result.stderr]
    assert not leaks(world.folder / "run", key)
    assert not leaks(world.cache, key)
    assert json.loads((world.folder / "run/run.json").read_text())["project"]["id"] == world.emulator.project_hash
    platform = world.open()
    first = platform.project().stages[0].uuid
    assert sum(task.stage == first for task in platform.tasks()) == 2


def test_a_failing_run_leaves_no_key_either(world: World) -> None:
    key = world.emulator.private_key_path.read_text()
    world.emulator.fail(Fault("labelrowmetadata GET", "status", status=413, times=1000))
    result = run(world, key=key)
    assert result.returncode == 4
    assert "trace id" in result.stdout + result.stderr
    assert not [line for line in secrets(key) if line in result.stdout + result.stderr]
    assert not leaks(world.folder / "run", key)


def test_a_key_of_the_wrong_kind_ends_with_two_and_is_not_shown(world: World) -> None:
    result = run(world, "action=doctor", key=RSA)
    assert result.returncode == 2
    assert "Ed25519" in result.stdout + result.stderr
    assert not [line for line in secrets(RSA) if line in result.stdout + result.stderr]


def test_a_key_in_the_place_of_its_path_is_not_shown(world: World) -> None:
    key = world.emulator.private_key_path.read_text()
    for shown in (key, key.replace("\n", " ")):
        result = run(world, f"platform.key_file='{shown}'", key="")
        assert result.returncode == 2
        assert not [line for line in secrets(key) if line in result.stdout + result.stderr]
        assert not (world.folder / "run").exists()


def test_a_lost_run_asks_what_becomes_of_drafts_and_does_it(world: World) -> None:
    """It is not known whether the server records moves: a draft may have been finished while it was parked."""
    key, platform = world.emulator.private_key_path.read_text(), world.open()
    tasks, rain = platform.tasks(), Label((Answer("weather", ("rain",)),))
    platform.act(SaveLabels(tuple(task.ref for task in tasks), (rain,) * len(tasks), OWNER))
    first = platform.project().stages[0]
    assert run(world, f"filters.all=[{{stage: [{first.title}]}}]", key=key).returncode == 3
    run_id = json.loads((world.folder / "run/run.json").read_text())["id"]
    shutil.rmtree(world.folder / "run")
    (tag,) = platform.tags()
    drafts = platform.tags()[tag]
    assert len(drafts) == 4

    restore = ("action=restore", f"run_id={run_id}")
    asked = run(world, *restore, key=key)
    assert asked.returncode == 4
    said = asked.stdout + asked.stderr
    assert f"4 tasks that run {run_id} parked are labelled, such as " in said
    assert all(way in said for way in ("restore.labelled=reopen", "restore.labelled=leave"))
    assert platform.tags() == {tag: drafts}
    assert {task.data_hash for task in platform.tasks() if task.stage == first.uuid}.isdisjoint(drafts)

    wrong = run(world, *restore, "restore.labelled=keep", key=key)
    assert (wrong.returncode, "restore.labelled" in wrong.stdout + wrong.stderr) == (2, True)
    misplaced = run(world, "restore.labelled=leave", key=key)
    assert (misplaced.returncode, "action=restore" in misplaced.stdout + misplaced.stderr) == (2, True)

    assert run(world, *restore, "restore.labelled=reopen", key=key).returncode == 0
    assert not platform.tags()
    assert all(task.stage == first.uuid for task in platform.tasks())
    rows = [str(task.label_hash) for task in platform.tasks()]
    assert list(platform.labels(rows).values()) == [rain] * 6
