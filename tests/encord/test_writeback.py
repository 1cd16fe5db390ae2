"""Publishing client metadata through the SDK: few requests, any fault survived, no foreign key lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from alrun.emulator import Fault, Policies
from alrun.errors import PlatformError, TooLarge, Waiting
from alrun.platform.encord.platform import EncordPlatform
from alrun.platform.metadata import owned
from alrun.platform.retry import Patience
from alrun.platform.writes import SetMetadata
from alrun.run.actions import ACTIONS
from alrun.run.folder import RunFolder
from alrun.run.rounds.writeback import GIVE_UP, Outcome, preview, write_back
from alrun.run.session import Session
from tests.encord.world import World, component
from tests.run.harness import make_job

READ, WRITE = "POST storage/items/get-bulk", "PATCH storage/items/patch-bulk"
POOL = 1100
THEIRS = {"camera": {"id": [1, None]}, "night": True, "none": None, "long_name": 0.1}


def session(world: World, platform: EncordPlatform | None = None) -> Session:
    """Return a session whose run publishes `random`."""
    overrides = ("metrics=random", "strategy=random", "model=none", "publish.metadata=[random]")
    job = make_job(world.folder / "run", world.cache, *overrides)
    patience = Patience(first=0.001, cap=0.001, deadline=5)
    return Session(job, platform or world.open(), RunFolder(job.folder), patience)


def table(platform: EncordPlatform, first: float = 0.5) -> pl.DataFrame:
    """Return a value for every image; the last one has none."""
    tasks = platform.tasks()
    values = [first + number for number, _ in enumerate(tasks[:-1])]
    names = {"data_hash": [t.data_hash for t in tasks], "task_id": [t.task_id for t in tasks]}
    return pl.DataFrame({**names, "alrun.random": [*values, None]})


def write(world: World, first: float = 0.5) -> Outcome:
    platform = world.open()
    return write_back(session(world, platform), table(platform, first))


def give(platform: EncordPlatform, place: int, values: Mapping[str, Any]) -> None:
    """Do what somebody else does: change keys of an image."""
    ref = platform.tasks()[place].ref
    before = platform.metadata([ref.data_hash])[ref.data_hash]
    platform.set_metadata(SetMetadata((ref,), (before,), ({**before, **values},)))


def metadata(world: World) -> list[dict[str, Any]]:
    platform = world.open()
    names = [task.data_hash for task in platform.tasks()]
    found = platform.metadata(names)
    return [found[name] for name in names]


def check_written(world: World, first: float = 0.5) -> None:
    last = len(metadata(world)) - 1
    for place, values in enumerate(metadata(world)):
        assert owned(values, "alrun.") == ({} if place == last else {"alrun.random": first + place})


def sent(world: World, work: Callable[[], object]) -> dict[str, int]:
    world.emulator.log.clear()
    work()
    return {name: count for name, count in world.emulator.log.counts().items() if "storage" in name}


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        with World(tmp_path_factory.mktemp("many"), pool=POOL) as world:
            yield world


def test_a_thousand_images_take_a_request_to_read_one_to_write_and_one_to_verify(many: World) -> None:
    platform = many.open()
    values = table(platform)
    ready = session(many, platform)
    assert sent(many, lambda: preview(ready, values)) == {READ: 2}
    assert sent(many, lambda: write_back(ready, values)) == {READ: 4, WRITE: 2}
    assert sent(many, lambda: write_back(ready, values)) == {READ: 2}
    with pytest.raises(TooLarge):
        platform.metadata(values["data_hash"].to_list())


@pytest.mark.parametrize("patch", ["replace", "merge"])
def test_foreign_keys_stay_whatever_the_server_does_with_metadata(patch: Any, tmp_path: Path) -> None:
    with World(tmp_path, Policies(metadata_patch=patch)) as world:
        give(world.open(), 0, THEIRS)
        give(world.open(), 1, {"alrun.random": "a person's"})
        for first in (0.5, 7.25):
            outcome = write(world, first)
            now = metadata(world)
            assert {key: now[0][key] for key in THEIRS} == THEIRS
            assert now[0]["alrun.random"] == first
            assert now[1] == {"alrun.random": "a person's"}
            assert outcome.written == 4
            assert list(outcome.left_alone) == [world.open().tasks()[1].data_hash]
        platform = world.open()
        gone = table(platform).with_columns(pl.lit(None, pl.Float64).alias("alrun.random"))
        write_back(session(world, platform), gone)
        assert [owned(values, "alrun.") for values in metadata(world)] == [
            {},
            {"alrun.random": "a person's"},
            *[{}] * 4,
        ]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("name", [READ, WRITE])
def test_a_lost_request_and_a_lost_answer_change_nothing(name: str, when: Any, world: World) -> None:
    world.emulator.fail(Fault(name, "cut", when=when, times=2))
    assert write(world).left_alone == {}
    check_written(world)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_asks_to_wait_or_stumbles_is_asked_again(status: int, world: World) -> None:
    world.emulator.fail(Fault("* storage/items/*-bulk", "status", status=status, retry_after=0, times=3))
    assert write(world).written == 5
    check_written(world)


def test_a_server_that_takes_fewer_images_gets_fewer(tmp_path: Path) -> None:
    with World(tmp_path, Policies(items_per_request=2)) as world:
        assert write(world).written == 5
        platform = world.open()
        assert all(now.get("alrun.random") == 0.5 + place for place, now in enumerate(_one_by_one(platform)[:-1]))


def test_a_key_that_may_not_write_to_the_storage_leaves_all_alone_in_few_requests(tmp_path: Path) -> None:
    with World(tmp_path, pool=200) as world:
        world.emulator.fail(Fault(WRITE, "status", status=403, times=10**6))
        outcomes: list[Outcome] = []
        counts = sent(world, lambda: outcomes.append(write(world)))
        assert (outcomes[0].written, outcomes[0].refused) == (0, GIVE_UP)
        assert len(outcomes[0].left_alone) == 200
        assert "the platform refuses" in str(outcomes[0])
        assert sum(counts.values()) < 100


def test_a_foreign_key_that_changes_meanwhile_stops_the_run_and_stays(world: World) -> None:
    give(world.open(), 0, {"camera": "left"})
    other = world.open()
    world.emulator.fail(Fault(WRITE, "call", when="after", action=lambda: give(other, 0, {"camera": "right"})))
    with pytest.raises(PlatformError, match="its camera changed meanwhile"):
        write(world)
    assert metadata(world)[0]["camera"] == "right"
    write(world)
    assert metadata(world)[0]["camera"] == "right"
    check_written(world)


def test_a_value_that_does_not_come_back_as_it_was_sent_stops_the_run(world: World) -> None:
    other = world.open()
    world.emulator.fail(Fault(WRITE, "call", when="after", action=lambda: give(other, 0, {"alrun.random": 9.0})))
    with pytest.raises(PlatformError, match="does not show what was sent"):
        write(world)


def test_a_run_through_the_sdk_shows_then_publishes_then_moves(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "alrun")
    live = ("metrics=[random,width]", "strategy=random", "model=none", "annotator=human", "budget=2")
    job = replace(
        make_job(world.folder / "run", world.cache, *live, "publish.metadata=[width,score]"),
        platform=component(world.emulator, world.cache),
    )
    assert WRITE not in sent(world, lambda: ACTIONS["plan"](job))
    assert "Client metadata of 6 of 6 images change, 8 values; restoring takes none back." in caplog.messages
    world.emulator.log.clear()
    with pytest.raises(Waiting):
        ACTIONS["run"](job)
    names = [request.name for request in world.emulator.log.all()]
    assert names.index(WRITE) < names.index("labelworkflowgraphnode POST"), "before the recipe's first move"
    tasks = world.open().tasks()
    assert [values["alrun.width"] for values in metadata(world)] == [task.width for task in tasks]
    assert sum("alrun.score" in values for values in metadata(world)) == 2
    with pytest.raises(Waiting):
        ACTIONS["resume"](replace(job, run=job.folder))
    assert world.emulator.log.counts()[WRITE] == 1


def _one_by_one(platform: EncordPlatform) -> list[dict[str, Any]]:
    names = [task.data_hash for task in platform.tasks()]
    return [platform.metadata([name])[name] for name in names]
