"""Bookkeeping that is damaged never keeps a user from the tasks: they come back, or the message says how they do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from alrun.errors import StateError
from alrun.run.folder import RunFolder
from tests.config.command import alrun, faults
from tests.run.damage import Damage, empty, garbage, hollow, torn
from tests.run.harness import QUICK, platform_of, record, stages

CONFIG = ("recipe=park", "dataset.test_size=1500", "metrics=random", "strategy=random", "initial.size=9", "budget=9")


def without_phases(path: Path) -> object:
    content = json.loads(path.read_text())
    return path.write_text(json.dumps({name: fact for name, fact in content.items() if name != "phases"}))


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Return the folder of a run that parked tasks and waits for people, its project in it."""
    folder = tmp_path_factory.mktemp("waiting")
    done = alrun(*QUICK, *CONFIG, "annotator=human", "hydra.run.dir=run", f"cache={cache}", folder=folder)
    assert done.returncode == 3, done.stderr
    assert "Complete" in stages(platform_of(folder / "run/project.sqlite"))
    return folder / "run"


@pytest.fixture
def run(waiting: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(waiting, tmp_path / "run"))


def restored(run: Path) -> bool:
    return set(stages(platform_of(run / "project.sqlite"))) == {"Annotate 1"}


@pytest.mark.parametrize(
    ("file", "damage"),
    [("phases.jsonl", garbage), ("rounds/00/steps.json", garbage)],
)
def test_figures_that_cannot_be_read_are_done_without(file: str, damage: Damage, run: Path) -> None:
    damage(run / file)
    done = alrun("action=restore", f"run={run}", folder=run.parent)
    assert done.returncode == 0, done.stderr
    assert restored(run)
    noted = any("phases.jsonl cannot be read" in note for note in record(run)["notes"])
    assert noted == (file == "phases.jsonl")


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("pool.parquet", empty),
        ("choice.json", Path.unlink),
        ("choice.json", hollow),
        ("selection.csv", garbage),
    ],
)
def test_tasks_come_back_before_a_damaged_part_of_the_report_is_missed(file: str, damage: Damage, run: Path) -> None:
    good = (run / "rounds/00" / file).read_bytes()
    damage(run / "rounds/00" / file)
    done = alrun("action=restore", f"run={run}", folder=run.parent)
    assert done.returncode == 4, done.stderr
    assert restored(run)
    if file == "pool.parquet":
        (run / "rounds/00" / file).write_bytes(good)
        assert alrun("action=restore", f"run={run}", folder=run.parent).returncode == 0
        assert (run / "pool.parquet").read_bytes()
    assert f"there is no new report: {run}/rounds/00/{file} is damaged" in done.stderr
    assert "The tasks are back" in done.stderr


@pytest.mark.parametrize(
    ("file", "damage"),
    [
        ("run.json", empty),
        ("run.json", torn),
        ("run.json", without_phases),
        (".hydra/config.yaml", empty),
        (".hydra/config.yaml", torn),
        (".hydra/hydra.yaml", empty),
    ],
)
def test_without_a_record_the_message_names_the_file_and_the_command(file: str, damage: Damage, run: Path) -> None:
    run_id = record(run)["id"]
    damage(run / file)
    done = alrun("action=restore", f"run={run}", folder=run.parent)
    assert done.returncode == 4, done.stderr
    assert f"{run / file} is damaged" in done.stderr
    assert f"`action=restore run_id={run_id}`" in done.stderr
    assert not restored(run)


def test_the_command_that_the_message_names_brings_the_tasks_back(run: Path) -> None:
    run_id = record(run)["id"]
    where = f"platform.path={run / 'project.sqlite'}"
    done = alrun("action=restore", f"run_id={run_id}", where, folder=run.parent)
    assert done.returncode == 0, done.stderr
    assert restored(run)


def test_a_folder_without_its_config_names_the_command_too(run: Path) -> None:
    (run / ".hydra/config.yaml").unlink()
    found = faults("action=restore", f"run={run}")
    assert f"`action=restore run_id={record(run)['id']}`" in " ".join(str(fault) for fault in found)


def test_a_round_whose_result_is_damaged_is_named_by_resume(run: Path) -> None:
    empty(run / "rounds/00/result.json")
    done = alrun("action=resume", f"run={run}", folder=run.parent)
    assert done.returncode == 4, done.stderr
    assert f"{run}/rounds/00/result.json is damaged" in done.stderr


@pytest.mark.parametrize("content", ["[]", '{"version": 1}', '{"version": 1, "id": 3}', '{"version": 1, "id": "20'])
def test_a_run_whose_id_no_file_holds_is_looked_up_on_the_platform(content: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(StateError, match=r"run\.json is damaged .*run_id=ID` \(`action=status` shows the ID\)"):
        RunFolder.open(tmp_path)
