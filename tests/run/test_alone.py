"""What happens on the platform, or to a run's files, between a selection and the first write."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from alrun import faults
from alrun.errors import StateError, Waiting
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.writes import AddTag, Assign, DropTag
from alrun.pool.tags import Mirror
from alrun.run.actions import ACTIONS
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.random import Random
from alrun.types import Need
from tests.run.harness import label, make_job, platform_of, play, record, result, selection, stages

POOL, BUDGET = 1437, 6
LIVE = ("annotator=human", f"budget={BUDGET}", "strategy=random", "metrics=random", "recipe=park")


@dataclass(frozen=True)
class Meanwhile:
    """Picks at random, and takes so long over it that something happens to the project."""

    act: Callable[[LocalPlatform], None]
    project: Path
    needs: ClassVar[frozenset[Need]] = frozenset()
    metrics: ClassVar[frozenset[str]] = frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        platform = platform_of(self.project)
        self.act(platform)
        platform.close()
        return Random().select(inputs, budget, rng)


def run(folder: Path, cache: Path, act: Callable[[LocalPlatform], None], *more: str) -> int:
    """Run while something happens."""
    project = folder.parent / "project.sqlite"
    job = make_job(folder, cache, *LIVE, f"platform.path={project}", *more)
    return ACTIONS[job.action](replace(job, strategy=Meanwhile(act, project)))


def assign(platform: LocalPlatform) -> None:
    free = next(task for task in platform.tasks() if task.assignee is None)
    platform.act(Assign((free.ref,), "bob@team"))


def wait(tmp_path: Path, cache: Path, *more: str) -> tuple[Path, LocalPlatform]:
    folder, project = tmp_path / "run", tmp_path / "project.sqlite"
    with pytest.raises(Waiting, match="action=resume run="):
        play(folder, cache, *LIVE, f"platform.path={project}", *more)
    return folder, platform_of(project)


def again(action: str, folder: Path, cache: Path, *more: str) -> int:
    project = folder.parent / "project.sqlite"
    return play(folder, cache, *LIVE, f"platform.path={project}", f"action={action}", f"run={folder}", *more)


def test_a_task_that_somebody_took_meanwhile_is_left_alone_and_the_run_goes_on(tmp_path: Path, cache: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(Waiting, match="action=resume run="):
        run(folder, cache, assign)
    platform = platform_of(tmp_path / "project.sqlite")
    assert [task.stage for task in platform.tasks() if task.assignee] == [platform.project().stages[0].uuid]
    assert stages(platform)["Complete"] in {POOL - BUDGET, POOL - BUDGET - 1}
    assert "it was assigned to bob@team" in (folder / "rounds" / "01" / "journal.jsonl").read_text()


def test_a_plan_that_a_person_has_seen_is_dropped_once_its_selection_has_changed(tmp_path: Path, cache: Path) -> None:
    folder, project = tmp_path / "run", tmp_path / "project.sqlite"
    assert play(folder, cache, *LIVE, f"platform.path={project}", "action=plan") == 0
    platform = platform_of(project)
    (picked,) = platform.tasks([selection(folder / "rounds" / "01")[0]["data_hash"]])
    platform.act(Assign((picked.ref,), "bob@team"))
    with pytest.raises(
        StateError,
        match=r"(?s)1 of the 6 selected.*bob@team\nNothing was done, and the plan was dropped.*action=resume",
    ):
        again("resume", folder, cache)
    assert stages(platform) == {"Annotate 1": POOL}
    with pytest.raises(Waiting):  # a new plan is made, and carried out
        again("resume", folder, cache)
    assert stages(platform)["Complete"] == POOL - BUDGET - 1


def test_a_plan_that_a_person_has_seen_leaves_alone_what_else_has_changed(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, project = tmp_path / "run", tmp_path / "project.sqlite"
    assert play(folder, cache, *LIVE, f"platform.path={project}", "action=plan") == 0
    platform = platform_of(project)
    picked = {row["data_hash"] for row in selection(folder / "rounds" / "01")}
    other = next(task for task in platform.tasks() if task.data_hash not in picked)
    platform.act(Assign((other.ref,), "bob@team"))
    with pytest.raises(Waiting), caplog.at_level("WARNING", "alrun"):
        again("resume", folder, cache)
    assert f"left alone: task {other.task_id}: it was assigned to bob@team" in caplog.text
    assert stages(platform)["Complete"] == POOL - BUDGET - 1
    assert {task.data_hash for task in platform.tasks() if task.priority is not None} == picked | {other.data_hash}


def test_another_run_that_began_meanwhile_is_seen_before_the_first_write(tmp_path: Path, cache: Path) -> None:
    def begin(platform: LocalPlatform) -> None:
        tag = Mirror("20260101-000000-abcdef", "carol@team", "Annotate 1", 1).name
        platform.write(AddTag((platform.tasks()[0].ref,), tag))

    with pytest.raises(StateError, match=r"20260101-000000-abcdef is unfinished.*One run at a time"):
        run(tmp_path / "run", cache, begin)
    platform = platform_of(tmp_path / "project.sqlite")
    assert stages(platform) == {"Annotate 1": POOL}
    assert len(platform.tags()) == 1


@pytest.mark.parametrize("recipe", ["park", "priority"])
def test_a_folder_from_a_backup_does_not_undo_a_later_round_of_its_run(
    tmp_path: Path, cache: Path, recipe: str
) -> None:
    folder, backup, project = tmp_path / "run", tmp_path / "backup", tmp_path / "project.sqlite"
    more = (f"recipe={recipe}", "rounds=2")
    with pytest.raises(Waiting):
        play(folder, cache, *LIVE, f"platform.path={project}", *more)
    platform = platform_of(project)
    shutil.copytree(folder, backup)
    label(platform, [row["data_hash"] for row in selection(folder / "rounds" / "01")])
    with pytest.raises(Waiting, match="round 2"):
        again("resume", folder, cache, *more)
    before = platform.tasks(), platform.tags()

    for action in ("resume", "restore"):
        with pytest.raises(StateError, match=rf"round 2 of this run, of which {backup} is an older copy, began"):
            again(action, backup, cache, *more)
    assert (platform.tasks(), platform.tags()) == before

    label(platform, [row["data_hash"] for row in selection(folder / "rounds" / "02")])
    assert again("resume", folder, cache, *more) == 0
    assert stages(platform) == {"Annotate 1": POOL - 2 * BUDGET, "Complete": 2 * BUDGET}


@pytest.fixture
def arm() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Do something right before the journal announces the first write."""
    faults.reset()
    yield lambda act: faults.arm("journal.before_intend", 1, act)
    faults.reset()


@pytest.mark.parametrize("recipe", ["park", "documented", "move", "priority"])
def test_a_run_gives_way_to_one_that_begins_at_the_same_moment(
    tmp_path: Path, cache: Path, recipe: str, arm: Callable[[Callable[[], None]], None]
) -> None:
    folder, project = tmp_path / "run", tmp_path / "project.sqlite"
    other = Mirror("20260101-000000-abcdef", "carol@team", "Annotate 1", 1).name

    def begin() -> None:
        platform = platform_of(project)
        platform.write(AddTag((platform.tasks()[0].ref,), other))
        platform.close()

    arm(begin)  # both looked for others, and neither gave its tag yet
    more = (*LIVE, f"platform.path={project}", f"recipe={recipe}")
    with pytest.raises(StateError, match=r"abcdef began.*gave way.*nothing was moved.*action=resume run="):
        play(folder, cache, *more)
    platform = platform_of(project)
    assert stages(platform) == {"Annotate 1": POOL}
    assert {name for name, images in platform.tags().items() if images} == {other}
    with pytest.raises(StateError, match="One run at a time"):
        play(folder, cache, *more, "action=resume", f"run={folder}")
    platform.write(DropTag(other))
    with pytest.raises(Waiting):
        play(folder, cache, *more, "action=resume", f"run={folder}")
    assert stages(platform)["Annotate 1"] == (POOL if recipe == "priority" else BUDGET)


class Killed(BaseException):
    """Ends a run at once."""


@pytest.mark.parametrize(
    "where",
    [
        ("journal.before_gave_way", 1), ("journal.after_gave_way", 1), ("journal.after_restoring", 1),
        ("journal.after_intend", 2), ("journal.after_closed", 1),
    ],
    ids=str,
)  # fmt: skip
def test_a_run_that_is_killed_while_it_gives_way_loses_no_round(
    where: tuple[str, int], tmp_path: Path, cache: Path, arm: Callable[[Callable[[], None]], None]
) -> None:
    folder, project = tmp_path / "run", tmp_path / "project.sqlite"
    other = Mirror("20260101-000000-abcdef", "carol@team", "Annotate 1", 1).name
    more = (*LIVE, f"platform.path={project}")

    def begin() -> None:
        platform = platform_of(project)
        platform.write(AddTag((platform.tasks()[0].ref,), other))
        platform.close()

    def kill() -> None:
        raise Killed

    arm(begin)
    faults.arm(*where, kill)
    with pytest.raises(Killed):
        play(folder, cache, *more)
    faults.reset()
    platform = platform_of(project)
    assert stages(platform) == {"Annotate 1": POOL}
    platform.write(DropTag(other))

    with pytest.raises(Waiting, match=f"0 of {BUDGET} labelled"):
        again("resume", folder, cache)
    assert stages(platform) == {"Annotate 1": BUDGET, "Complete": POOL - BUDGET}
    label(platform, [row["data_hash"] for row in selection(folder)])
    assert again("resume", folder, cache) == 0
    assert not any(platform.tags().values())
    assert (result(folder)["labelled"], stages(platform)["Complete"]) == (BUDGET, BUDGET)


def test_a_run_whose_plan_is_gone_is_restored_by_what_the_platform_knows(tmp_path: Path, cache: Path) -> None:
    folder, platform = wait(tmp_path, cache)
    (folder / "rounds" / "01" / "plan.json").unlink()
    with pytest.raises(StateError, match=r"there is no plan at .*bring the tasks .* back with `action=restore`"):
        again("resume", folder, cache)
    assert stages(platform) == {"Annotate 1": BUDGET, "Complete": POOL - BUDGET}
    assert again("restore", folder, cache) == 0
    assert stages(platform) == {"Annotate 1": POOL}
    assert not any(platform.tags().values())


def test_a_run_that_was_ended_without_its_folder_is_told_so_when_it_goes_on(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, platform = wait(tmp_path, cache)
    run_id = record(folder)["id"]
    assert again("restore", folder.parent / "other", cache, f"run_id={run_id}") == 0
    gone = f"brought back by `action=restore run_id={run_id}`"
    with pytest.raises(Waiting):
        again("resume", folder, cache)
    assert gone in caplog.text
    assert gone in " ".join(record(folder)["notes"])
    (folder / "rounds" / "01" / "queue.json").unlink()  # as if it had been killed before the queue was ready
    before = platform.tasks()
    with pytest.raises(StateError, match=f"{gone}.*action=restore run={folder}"):
        again("resume", folder, cache)
    assert platform.tasks() == before
    assert again("restore", folder, cache) == 0
    assert platform.tasks() == before
    assert record(folder)["status"] == "restored"


@pytest.mark.parametrize("recipe", ["park", "move"])
def test_an_old_folder_takes_no_tasks_from_a_run_that_began_since(tmp_path: Path, cache: Path, recipe: str) -> None:
    """The same person, the same labels: nothing else tells what the one moved from what the other did."""
    chosen = f"recipe={recipe}"
    folder, platform = wait(tmp_path, cache, chosen)
    assert again("restore", tmp_path / "other", cache, f"run_id={record(folder)['id']}") == 0
    with pytest.raises(Waiting):
        play(tmp_path / "next", cache, *LIVE, f"platform.path={tmp_path / 'project.sqlite'}", chosen)
    before = platform.tasks()
    since = f"Since then run {record(tmp_path / 'next')['id']} began.*nothing was done.*action=restore run={folder}"
    with pytest.raises(StateError, match=since):
        again("restore", folder, cache, chosen)
    assert platform.tasks() == before
    assert again("restore", tmp_path / "next", cache, chosen) == 0
    assert again("restore", folder, cache, chosen) == 0
    assert stages(platform) == {"Annotate 1": POOL}


@pytest.mark.parametrize("lost", ["", "01/journal.jsonl"])
def test_a_run_whose_files_are_gone_leads_to_its_rescue(tmp_path: Path, cache: Path, lost: str) -> None:
    folder, platform = wait(tmp_path, cache)
    gone = folder / "rounds" / lost
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    run_id = record(folder)["id"]
    for action in ("resume", "restore"):
        with pytest.raises(StateError, match=f"restore run_id={run_id}"):
            again(action, folder, cache)
        assert stages(platform) == {"Annotate 1": BUDGET, "Complete": POOL - BUDGET}
    assert again("restore", folder, cache, f"run_id={run_id}") == 0
    assert stages(platform) == {"Annotate 1": POOL}
    assert not any(platform.tags().values())
