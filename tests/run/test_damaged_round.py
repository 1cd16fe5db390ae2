"""Whatever file of a round is damaged: the run says which, no task stays parked, and what happened is no bug."""

from __future__ import annotations

import re
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from alrun.config.build import build
from alrun.config.frozen import frozen
from alrun.config.play import Ending, ending
from alrun.errors import StateError
from alrun.recipe.unfinished import unfinished
from alrun.run.actions import ACTIONS
from tests.config.command import alrun
from tests.run.damage import Damage, empty, garbage, hollow, torn
from tests.run.harness import QUICK, label, platform_of, queue, stages

CONFIG = (
    *QUICK, "recipe=park", "dataset.test_size=1500", "metrics=random", "strategy=audit", "initial.size=30", "budget=20",
    "annotator=human", "restore_when.deadline=2d", "publish.prelabel=0", "publish.metadata=[random]",
    "stop=kappa", "report.thumbnails=0", "hydra.run.dir=run",
)  # fmt: skip


def list_of_nothing(path: Path) -> object:
    return path.write_text("[]\n")


def no_moment(path: Path) -> object:
    return path.write_text('{"ready_at": "soon"}\n')


MORE: tuple[Damage, ...] = (empty, garbage, list_of_nothing)

TASKS, LABELLED = 297, 50

FILES = (
    *(f"rounds/01/{name}" for name in (
        "choice.json", "foreseen.json", "journal.jsonl", "metadata.parquet", "plan.json", "pool.parquet",
        "prelabelled.json", "proposals.json", "published.json", "queue.json", "selection.csv", "steps.json",
    )),
    *(f"rounds/00/{name}" for name in (
        "choice.json", "journal.jsonl", "plan.json", "pool.parquet", "predicted.parquet", "result.json",
        "selection.csv", "steps.json",
    )),
)  # fmt: skip
"""What a run whose second round is labelled has left, but for what nothing reads any more."""


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Return the folder of a run whose second round waits for people."""
    folder = tmp_path_factory.mktemp("waiting")
    done = alrun(*CONFIG, f"cache={cache}", folder=folder)
    assert done.returncode == 3, done.stderr
    people_label(folder / "run")
    done = alrun("action=resume", "run=run", folder=folder)
    assert done.returncode == 3, done.stderr
    found = {str(path.relative_to(folder / "run")) for path in (folder / "run/rounds").glob("*/*")}
    assert found >= set(FILES)
    return folder / "run"


@pytest.fixture
def run(waiting: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(waiting, tmp_path / "run"))


def people_label(run: Path) -> None:
    with closing(platform_of(run / "project.sqlite")) as platform:
        label(platform, sorted(queue(platform)))


def act(run: Path, **overrides: str) -> Ending:
    """Do what the command line does with a run, or with its project, in this process."""

    def play() -> int:
        content = {**frozen(run, "config"), "run": str(run), **overrides}
        if "run_id" in overrides:
            content |= {"run": None, "platform": {**content["platform"], "path": str(run / "project.sqlite")}}
        folder = run if content["run"] else run.with_name("elsewhere")
        folder.mkdir(exist_ok=True)
        return int(ACTIONS[overrides["action"]](build(content, folder, ["alrun"])))

    return ending(play, run)


def back(run: Path) -> bool:
    """Say whether nothing is parked any more."""
    with closing(platform_of(run / "project.sqlite")) as platform:
        return not unfinished(platform)


def bring_back(run: Path, said: str) -> None:
    """Do what the messages say to have the tasks back, first with the run folder, then without."""
    assert "action=restore" in said
    restored = act(run, action="restore")
    assert restored.code in {0, 4}, restored
    if not back(run):
        assert restored.error is not None
        found = re.search(r"`action=restore run_id=(\S+)`", restored.error)
        assert found is not None, restored.error
        assert act(run, action="restore", run_id=found[1]).code == 0
    assert back(run)
    with closing(platform_of(run / "project.sqlite")) as platform:
        assert stages(platform) == {"Annotate 1": TASKS - LABELLED, "Complete": LABELLED}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", [torn, *(pytest.param(how, marks=pytest.mark.slow) for how in MORE)])
def test_whatever_is_damaged_is_named_and_no_task_stays_parked(file: str, damage: Damage, run: Path) -> None:
    people_label(run)
    damage(run / file)
    ended = act(run, action="resume")
    if ended.code == 0:  # nothing goes by the file any more
        assert back(run)
        return
    assert ended.code == StateError.exit_code, ended
    assert ended.error is not None
    assert str(run / file) in ended.error or file == "rounds/01/journal.jsonl"  # where lines are missing at its end
    bring_back(run, ended.error)


@pytest.mark.parametrize("damage", [empty, hollow, no_moment])
def test_a_deadline_that_counts_from_a_damaged_file_is_not_guessed(damage: Damage, run: Path) -> None:
    path = run / "rounds/01/queue.json"
    damage(path)
    ended = act(run, action="resume")
    assert ended.code == StateError.exit_code, ended
    assert ended.error is not None
    assert f"{path} is damaged" in ended.error
    assert not back(run)
    assert act(run, action="restore").code == 0
    assert back(run)


@pytest.mark.parametrize(("file", "written"), [("metadata.parquet", "published"), ("proposals.json", "prelabelled")])
def test_what_was_approved_is_not_guessed_from_a_damaged_file(file: str, written: str, run: Path) -> None:
    for over in ("queue.json", f"{written}.json"):
        (run / "rounds/01" / over).unlink()
    torn(run / "rounds/01" / file)
    ended = act(run, action="resume")
    assert ended.code == StateError.exit_code, ended
    assert ended.error is not None
    assert f"{run / 'rounds/01' / file} is damaged" in ended.error
    assert act(run, action="restore").code == 0
    assert back(run)


@pytest.mark.parametrize("file", ["plan.json", "journal.jsonl"])
def test_the_command_brings_tasks_back_that_only_the_platform_knows_of(file: str, run: Path) -> None:
    (run / "rounds/01" / file).write_bytes(b"{}\n")
    refused = alrun("action=resume", f"run={run}", folder=run.parent)
    assert refused.returncode == 4, refused.stderr
    assert "`action=restore`" in refused.stderr
    done = alrun("action=restore", f"run={run}", folder=run.parent)
    assert done.returncode == 4, done.stderr  # for there is no report
    assert f"{TASKS - 50} tasks are back" in done.stdout
    assert "The tasks are back" in done.stderr
    assert back(run)
