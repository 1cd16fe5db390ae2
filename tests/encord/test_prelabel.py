"""Pre-labels through the SDK: few requests, any fault survived, no person's label replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alrun.emulator import OWNER, Fault, Policies
from alrun.files import write_json
from alrun.platform.encord.platform import EncordPlatform
from alrun.platform.retry import Patience
from alrun.platform.writes import AddTag, Assign, Complete, InitialiseLabels, SaveLabels, Submit
from alrun.pool.frame import pool_frame
from alrun.pool.tags import PRELABELLED, Mirror
from alrun.run.folder import RunFolder
from alrun.run.round_folder import RoundFolder
from alrun.run.rounds.prelabel import Prelabelled, prelabel
from alrun.run.session import Session
from alrun.types import Answer, Label
from tests.encord.world import World
from tests.run.harness import make_job

RAIN = Label((Answer("weather", ("rain",)),))
SUN = Label((Answer("weather", ("sun",)),))


def propose(world: World, platform: EncordPlatform | None = None) -> Prelabelled:
    """Propose rain for every image, as a run does that was started just now."""
    platform = platform or world.open()
    answers = {task.data_hash: "rain" for task in platform.tasks()}
    folder = RoundFolder(world.folder)
    write_json(folder.proposals, {"question": "weather", "selected": len(answers), "answers": answers})
    return prelabel(session(world, platform), folder)


def session(world: World, platform: EncordPlatform) -> Session:
    job = make_job(world.folder / "run", world.cache, "metrics=random", "strategy=random")
    return Session(job, platform, RunFolder(job.folder), Patience(first=0.001, cap=0.001, deadline=5))


def labels(world: World) -> list[Label]:
    platform = world.open()
    rows = [task.label_hash for task in platform.tasks()]
    found = platform.labels([row for row in rows if row is not None])
    return [Label() if row is None else found[row] for row in rows]


def test_a_hundred_images_take_as_few_requests_as_six(tmp_path: Path) -> None:
    counts = []
    for pool in (6, 100):
        (tmp_path / str(pool)).mkdir()
        with World(tmp_path / str(pool), pool=pool) as world:
            platform = world.open()
            platform.write(InitialiseLabels(tuple(task.ref for task in platform.tasks()[: pool // 2])))
            world.emulator.log.clear()
            assert propose(world, platform).written == pool
            counts.append(world.emulator.log.counts())
            assert labels(world) == [RAIN] * pool
    assert counts[0] == counts[1]
    assert counts[0].total() <= 14


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "name", ["labelrow PUT", "labelrow POST", "labelrow GET", "POST active/{p}/collections/{c}/add-items"]
)
def test_a_lost_request_and_a_lost_answer_change_nothing(name: str, when: Any, world: World) -> None:
    platform = world.open()
    platform.write(InitialiseLabels(tuple(task.ref for task in platform.tasks()[:3])))
    world.emulator.fail(Fault(name, "cut", when=when))
    assert propose(world).left_alone == {}
    assert labels(world) == [RAIN] * 6
    assert world.open().tags()[PRELABELLED] == {task.data_hash for task in world.open().tasks()}


def test_a_server_that_takes_fewer_images_gets_fewer(tmp_path: Path) -> None:
    with World(tmp_path, Policies(labels_per_request=2, items_per_request=3)) as world:
        assert propose(world).written == 6
        assert all(label == RAIN for label in labels(world))


def meanwhile(work: Callable[[], None]) -> Fault:
    """Return a fault by which people do something right after the images were tagged."""
    return Fault("POST active/{p}/collections/{c}/add-items", "call", when="after", action=work)


def test_what_people_do_right_before_the_write_stays(world: World) -> None:
    people = world.open()
    refs = tuple(task.ref for task in people.tasks())

    def work() -> None:
        people.act(SaveLabels(refs[:1], (SUN,), OWNER))
        people.act(Assign(refs[1:2], "ann@example.org"))

    world.emulator.fail(meanwhile(work))
    outcome = propose(world)
    assert labels(world) == [SUN, Label(), *[RAIN] * 4]
    assert outcome.left_alone == {
        refs[0].data_hash: "somebody labelled it", refs[1].data_hash: "somebody has it in hand"
    }  # fmt: skip
    assert world.open().tags()[PRELABELLED] == {ref.data_hash for ref in refs[2:]}


def test_a_snapshot_shows_a_proposal_as_no_label_until_it_is_submitted(world: World) -> None:
    propose(world)
    people = world.open()
    snapshot = session(world, people).snapshot()
    assert not pool_frame(snapshot)["labelled"].any()
    assert all(label.empty for label in snapshot.labels.values())
    people.act(Submit((people.tasks()[0].ref,), OWNER))
    snapshot = session(world, people).snapshot()
    assert pool_frame(snapshot)["labelled"].to_list() == [True, *[False] * 5]
    assert snapshot.labels[str(people.tasks()[0].label_hash)] == RAIN


def test_a_proposal_that_is_parked_is_no_label_until_the_run_has_ended(world: World) -> None:
    propose(world)
    platform = world.open()
    parked = tuple(task.ref for task in platform.tasks()[:4])
    mirror = Mirror("run-1", OWNER, platform.project().stages[0].title, 1).name
    platform.write(AddTag(parked[:3], mirror))
    platform.write(Complete(parked))
    labelled = pool_frame(session(world, platform).snapshot())["labelled"].to_list()
    assert labelled == [False, False, False, True, False, False], "the fourth was completed by a person, not parked"
