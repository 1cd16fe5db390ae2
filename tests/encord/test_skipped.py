"""What annotators skip in the product: left out of a run that starts later, and told by one that waits."""

from __future__ import annotations

from pathlib import Path

import pytest

from alrun.emulator import OWNER, Policies
from alrun.errors import Waiting
from alrun.platform.writes import Move, Skip
from alrun.types import StageType, Task, TaskStatus
from tests.encord.world import World
from tests.run.harness import play, selection

ANN = "ann@example.org"


def run(world: World, *more: str) -> int:
    return play(
        world.folder / "run", world.cache, "platform=encord", f"platform.project={world.emulator.project_hash}",
        f"platform.domain={world.emulator.url}", f"platform.user={OWNER}",
        f"platform.key_file={world.emulator.private_key_path}", "annotator=human", "strategy=random", "metrics=random",
        "model=none", "report.thumbnails=0", "approve=auto", "recipe=park", *more,
    )  # fmt: skip


def served(world: World) -> list[Task]:
    """Return the tasks as they are on the server."""
    return world.emulator.ask(world.emulator.backend.tasks)


def skip(world: World, tasks: list[Task]) -> None:
    world.emulator.act(Skip(tuple(task.ref for task in tasks), ANN))


def test_all_pages_of_skipped_tasks_are_read(tmp_path: Path) -> None:
    with World(tmp_path, Policies(page_size=2)) as world:
        skip(world, served(world)[1:])
        statuses = [task.status for task in world.open().tasks()]
        assert statuses == [TaskStatus.NEW] + 5 * [TaskStatus.SKIPPED]
        assert world.emulator.log.counts()["GET projects/{p}/workflow/stages/{s}/tasks"] == 3


def test_each_annotation_stage_is_asked_and_no_other(tmp_path: Path) -> None:
    stages = [
        ("Annotate 1", StageType.ANNOTATION), ("Annotate 2", StageType.ANNOTATION), ("Review", StageType.REVIEW),
        ("Complete", StageType.DONE),
    ]  # fmt: skip
    with World(tmp_path, stages=stages) as world:
        platform = world.open()
        first, second = (stage.uuid for stage in platform.project().stages[:2])
        platform.write(Move((platform.tasks()[0].ref,), first, second))
        skip(world, served(world)[:2])
        world.emulator.log.clear()
        assert [task.status for task in platform.tasks()[:3]] == 2 * [TaskStatus.SKIPPED] + [TaskStatus.NEW]
        assert world.emulator.log.counts()["GET projects/{p}/workflow/stages/{s}/tasks"] == 2


def test_a_run_leaves_out_what_was_skipped_before_and_leaves_it_skipped(world: World) -> None:
    aside = served(world)[:4]
    skip(world, aside)
    before = served(world)[:4]
    with pytest.raises(Waiting, match=r"0 of 2 labelled\)"):
        run(world, "budget=2")
    chosen = {row["data_hash"] for row in selection(world.folder / "run")}
    assert chosen == {task.data_hash for task in served(world)[4:]}
    assert served(world)[:4] == before, "neither parked nor touched otherwise"


def test_a_run_that_waits_says_how_many_of_its_selection_were_skipped(world: World) -> None:
    with pytest.raises(Waiting):
        run(world, "budget=3")
    chosen = {row["data_hash"] for row in selection(world.folder / "run")}
    skip(world, [task for task in served(world) if task.data_hash in chosen][:2])
    with pytest.raises(Waiting, match=r"0 of 3 labelled, 2 skipped\)"):
        run(world, "budget=3", "action=resume", f"run={world.folder / 'run'}")
