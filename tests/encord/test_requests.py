"""How many requests each operation takes: as few as the platform's limits allow, and none a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alrun.emulator import OWNER, Fault, Policies
from alrun.errors import Refused, Unavailable
from alrun.platform.encord.platform import EncordPlatform
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
from alrun.types import Label, TaskRef
from tests.encord.world import World

POOL = 1100


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        with World(tmp_path_factory.mktemp("many"), pool=POOL) as world:
            yield world


def refs(platform: EncordPlatform, start: int = 0, stop: int = POOL) -> tuple[TaskRef, ...]:
    return tuple(task.ref for task in platform.tasks()[start:stop])


def sent(world: World, work: Callable[[], object]) -> dict[str, int]:
    """Return the requests that the emulator saw while `work` ran, by name."""
    world.emulator.log.clear()
    work()
    return dict(world.emulator.log.counts())


def test_opening_takes_two_requests_and_asking_for_the_project_none(many: World) -> None:
    platforms: list[EncordPlatform] = []
    assert sum(sent(many, lambda: platforms.append(many.open())).values()) == 2
    assert platforms[0].requests == 2
    assert not sent(many, platforms[0].project)


def test_reading_takes_one_request(many: World) -> None:
    platform = many.open()
    tasks = platform.tasks()
    stage = "GET projects/{p}/workflow/stages/{s}/tasks"
    assert sent(many, platform.tasks) == {"labelrowmetadata GET": 1, stage: 1}, "the second for what was skipped"
    thousand = [task.data_hash for task in tasks[:1000]]
    assert sent(many, lambda: platform.tasks(thousand)) == {"labelrowmetadata GET": 1}
    assert not sent(many, lambda: platform.tasks([]))
    assert sent(many, lambda: platform.images(thousand))["POST storage/items/get-bulk"] == 1


def test_a_recipe_s_writes_take_one_request_each(many: World) -> None:
    platform = many.open()
    here, there = (stage.uuid for stage in platform.project().stages[:2])
    thousand = refs(platform, 0, 1000)
    assert sent(many, lambda: platform.write(InitialiseLabels(thousand))) == {"labelrow PUT": 1}
    thousand = refs(platform, 0, 1000)
    assert not sent(many, lambda: platform.write(InitialiseLabels(thousand)))
    assert sent(many, lambda: platform.write(Complete(thousand))) == {"labelworkflowgraphnode POST": 1}
    assert sent(many, lambda: platform.write(Reopen(thousand))) == {"labelworkflowgraphnode POST": 1}
    platform.tasks()
    priorities = SetPriority(thousand, tuple(n / 1000 for n in range(1000)))
    assert sent(many, lambda: platform.write(priorities)) == {"POST projects/{p}/priorities": 1}
    move = Move(thousand[:500], here, there)
    assert sent(many, lambda: platform.write(move)) == {"POST projects/{p}/workflow/stages/{s}/move-tasks": 1}
    platform.write(Move(thousand[:500], there, here))
    names = [ref.label_hash for ref in thousand if ref.label_hash is not None]
    assert sent(many, lambda: platform.labels(names)) == {"labelrow GET": 1}


def test_a_tag_is_looked_up_and_created_once(many: World) -> None:
    platform = many.open()
    thousand, rest = refs(platform, 0, 1000), refs(platform, 1000)
    assert sum(sent(many, lambda: platform.write(AddTag(thousand, "once"))).values()) == 4
    assert sum(sent(many, lambda: platform.write(AddTag(rest, "once"))).values()) == 1
    assert sum(sent(many, lambda: platform.write(RemoveTag(rest, "once"))).values()) == 1
    assert sum(sent(many, platform.tags).values()) == 2
    platform.write(AddTag(rest, "once"))
    tags: dict[str, frozenset[str]] = {}
    assert sum(sent(many, lambda: tags.update(platform.tags())).values()) == 3, "two pages of 1,000"
    assert len(tags["once"]) == POOL
    assert sum(sent(many, lambda: platform.write(DropTag("once"))).values()) == 2


def test_a_task_that_was_not_listed_in_this_process_is_listed_once(many: World) -> None:
    names = refs(many.open(), 0, 1000)
    resumed = many.open()
    assert sent(many, lambda: resumed.write(RemoveTag(names, "none")))["labelrowmetadata GET"] == 1
    assert "labelrowmetadata GET" not in sent(many, lambda: resumed.write(RemoveTag(names, "none")))


def test_fewer_rows_a_request_than_expected_are_asked_for_in_parts(tmp_path: Path) -> None:
    with World(tmp_path, Policies(labels_per_request=2)) as world:
        platform = world.open()
        for ref in refs(platform, 0, 5):
            platform.write(InitialiseLabels((ref,)))
        names = [ref.label_hash for ref in refs(platform, 0, 5) if ref.label_hash is not None]
        assert sent(world, lambda: platform.labels(names)) == {"labelrow GET": 1 + 3}
        assert platform.labels(names) == dict.fromkeys(names, Label())


def test_a_lost_answer_to_creating_a_tag_does_not_make_a_second_one(world: World) -> None:
    platform = world.open()
    names = refs(platform, 0, 2)
    world.emulator.fail(Fault("POST active/{p}/collections", "cut", when="after"))
    with pytest.raises(Unavailable):
        platform.write(AddTag(names, "one"))
    platform.write(AddTag(names, "one"))
    assert platform.tags() == {"one": frozenset(ref.data_hash for ref in names)}


def test_a_tag_that_somebody_deleted_meanwhile_is_made_again(world: World) -> None:
    mine, other = world.open(), world.open()
    names = refs(mine, 0, 2)
    mine.write(AddTag(names, "ours"))
    other.write(DropTag("ours"))
    with pytest.raises(Refused):
        mine.write(AddTag(names, "ours"))
    mine.write(AddTag(names, "ours"))
    assert mine.tags() == {"ours": frozenset(ref.data_hash for ref in names)}


def test_a_person_s_work_is_done_for_many_tasks_at_once(many: World) -> None:
    platform = many.open()
    some = refs(platform, 0, 150)
    labels = (Label(LABEL.answers),) * len(some)
    counts = sent(many, lambda: platform.act(SaveLabels(some, labels, OWNER)))
    assert counts.pop("labelrowmetadata GET") == 1
    assert sum(counts.values()) <= 3, "loading what is there, creating what is not, saving"
