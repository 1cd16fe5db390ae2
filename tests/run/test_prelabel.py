"""Pre-labels: proposed by the model, never over a person's label, and no label until a person submits them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from alrun import faults
from alrun.errors import Waiting
from alrun.files import write_json
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.writes import Approve, Assign, Reopen, SaveLabels, Submit
from alrun.pool.frame import pool_frame
from alrun.pool.tags import PRELABELLED
from alrun.run.folder import RunFolder
from alrun.run.round_folder import RoundFolder
from alrun.run.rounds.prelabel import prelabel, untag_submitted
from alrun.run.session import Session
from alrun.types import Answer, Label, Task
from tests.run.harness import make_job, platform_of, play, queue, record, result

SMALL = ("dataset.test_size=1500", "metrics=random", "strategy=random", "budget=20")
PEOPLE = ("annotator=human", "publish.prelabel=0.4")


@pytest.fixture
def project(tmp_path: Path, cache: Path) -> Path:
    """Return a project in which 60 images are labelled, so that there is a model."""
    path = tmp_path / "project.sqlite"
    play(tmp_path / "before", cache, *SMALL[:-1], "budget=60", f"platform.path={path}")
    return path


@pytest.fixture(autouse=True)
def _no_faults() -> Iterator[None]:
    yield
    faults.reset()


def outcome(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "rounds" / "01" / "prelabelled.json").read_text())
    return content


def proposals(folder: Path) -> dict[str, str]:
    content: dict[str, str] = json.loads((folder / "rounds" / "01" / "proposals.json").read_text())["answers"]
    return content


def given(platform: LocalPlatform, name: str) -> Label:
    (task,) = platform.tasks([name])
    return platform.labels([task.label_hash])[task.label_hash] if task.label_hash else Label()


def answer(digit: str) -> Label:
    return Label((Answer("digit", (digit,)),))


def wait_for_people(folder: Path, cache: Path, project: Path, *more: str) -> None:
    with pytest.raises(Waiting, match="0 of 20 labelled"):
        play(folder, cache, *SMALL, *PEOPLE, f"platform.path={project}", *more)


def test_off_by_default(project: Path, tmp_path: Path, cache: Path) -> None:
    with pytest.raises(Waiting):
        play(tmp_path / "run", cache, *SMALL, "annotator=human", f"platform.path={project}")
    platform = platform_of(project)
    assert all(given(platform, name).empty for name in queue(platform))
    assert PRELABELLED not in platform.tags()


def test_the_plan_says_it_and_does_not_do_it(
    project: Path, tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "alrun")
    platform = platform_of(project)
    before = platform.tasks()
    play(tmp_path / "plan", cache, *SMALL, *PEOPLE, f"platform.path={project}", "action=plan")
    sure = len(proposals(tmp_path / "plan"))
    assert 0 < sure < 20
    said = f"Pre-labels: {sure} of the 20 selected images get the model's answer to 'digit' as a first label"
    assert any(line.startswith(said) for line in caplog.messages)
    assert (platform.tasks(), platform.tags()) == (before, {})


def test_people_find_the_proposals_and_what_they_submit_is_theirs(project: Path, tmp_path: Path, cache: Path) -> None:
    folder, platform = tmp_path / "run", platform_of(project)
    wait_for_people(folder, cache, project)
    expected = proposals(folder)
    waiting = sorted(queue(platform))
    for name in waiting:
        assert given(platform, name) == (answer(expected[name]) if name in expected else Label())
    assert platform.tags()[PRELABELLED] == expected.keys()
    assert outcome(folder) == {"images": len(expected), "written": len(expected), "left_alone": {}}

    pool = pool_frame(Session(make_job(folder, cache), platform, RunFolder(folder)).snapshot())
    assert not pool.filter(pl.col("data_hash").is_in(waiting))["labelled"].any(), "a proposal counts as no label"
    wait_for_people(folder, cache, project)
    assert outcome(folder)["written"] == len(expected), "asked for once"

    unchanged, corrected, *others = sorted(expected)
    platform.act(SaveLabels((platform.tasks([corrected])[0].ref,), (answer("7"),), "ann@team"))
    platform.act(Submit(tuple(t.ref for t in platform.tasks([unchanged, corrected])), "ann@team"))
    platform.act(Approve(tuple(t.ref for t in platform.tasks([unchanged, corrected])), "bob@team"))
    play(folder, cache, *SMALL, *PEOPLE, f"platform.path={project}", "action=restore")
    assert play(folder, cache, *SMALL, *PEOPLE, f"platform.path={project}") == 0
    assert result(folder)["labelled"] == 62, "what nobody submitted is not trained on"
    assert result(folder)["labels"] == {unchanged: [expected[unchanged]], corrected: ["7"]}
    assert platform.tags()[PRELABELLED] == set(others)


def test_what_a_person_does_meanwhile_stays(project: Path, tmp_path: Path, cache: Path) -> None:
    play(tmp_path / "plan", cache, *SMALL, *PEOPLE, f"platform.path={project}", "action=plan")
    mine, taken, gone, *others = sorted(proposals(tmp_path / "plan"))
    people = platform_of(project)

    def work() -> None:
        tasks: list[Task] = people.tasks([mine, taken, gone])
        people.act(SaveLabels((tasks[0].ref,), (answer("7"),), "ann@team"))
        people.act(Assign((tasks[1].ref,), "ann@team"))
        people.delete_tasks((tasks[2].ref,))

    faults.arm("journal.after_finished", 1, work)
    with pytest.raises(Waiting):
        play(tmp_path / "plan", cache, *SMALL, *PEOPLE, f"platform.path={project}")
    assert given(people, mine) == answer("7")
    assert given(people, taken).empty
    assert people.tags()[PRELABELLED] == set(others)
    reasons = {mine: "somebody labelled it", taken: "somebody has it in hand", gone: "it is no longer in the project"}
    assert outcome(tmp_path / "plan")["left_alone"] == reasons


class Killed(BaseException):
    """Nothing that this process may do any more."""


def kill() -> None:
    raise Killed


@pytest.mark.parametrize("nth", [1, 2, 3])
@pytest.mark.parametrize("point", ["local.before_commit", "local.after_commit"])
def test_killed_anywhere_and_done_again_is_the_same_as_once(point: str, nth: int, tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "project.sqlite"
    play(tmp_path / "make", cache, *SMALL, "model=none", "action=plan", f"platform.path={path}")
    platform = platform_of(path)
    platform.limits = type(platform.limits)(prelabel=4)
    names = [task.data_hash for task in platform.tasks()[:6]]
    asked = dict(zip(names, "012345", strict=True))
    write_json(tmp_path / "proposals.json", {"question": "digit", "selected": 6, "answers": asked})
    session = Session(make_job(tmp_path / "run", cache), platform, RunFolder(tmp_path / "run"))
    faults.arm(point, nth, kill)
    with pytest.raises(Killed):
        prelabel(session, RoundFolder(tmp_path))
    faults.reset()
    assert prelabel(session, RoundFolder(tmp_path)).left_alone == {}
    assert {name: given(platform, name) for name in names} == {name: answer(digit) for name, digit in asked.items()}
    assert platform.tags() == {PRELABELLED: frozenset(names)}
    before = platform.tasks()
    assert prelabel(session, RoundFolder(tmp_path)).written == 6
    assert platform.tasks() == before


def test_an_earlier_proposal_is_kept(project: Path, tmp_path: Path, cache: Path) -> None:
    platform = platform_of(project)
    wait_for_people(tmp_path / "first", cache, project)
    first = proposals(tmp_path / "first")
    play(tmp_path / "first", cache, *SMALL, *PEOPLE, f"platform.path={project}", "action=restore")
    play(tmp_path / "second", cache, *SMALL, *PEOPLE, f"platform.path={project}", "action=plan", "budget=237")
    assert proposals(tmp_path / "second").keys().isdisjoint(first)
    assert all(given(platform, name) == answer(digit) for name, digit in first.items())


def test_parked_by_a_later_run_it_is_no_label_either(
    project: Path, tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither for training, nor when the tag is taken off, nor when the later run's folder is lost."""
    caplog.set_level(logging.INFO, "alrun")
    first, second, platform = tmp_path / "first", tmp_path / "second", platform_of(project)
    before = {task.data_hash for task in platform.tasks()} - queue(platform)
    wait_for_people(first, cache, project)
    play(first, cache, *SMALL, *PEOPLE, f"platform.path={project}", "action=restore")
    wait_for_people(second, cache, project, "seed=1", "publish.prelabel=null")
    tagged = platform.tags()[PRELABELLED]
    parked = sorted(tagged - queue(platform))
    assert len(parked) > 5

    def look(folder: str) -> set[str]:
        """Train, take the tag off, and return what counts as labelled beside the 60 images from before."""
        session = Session(make_job(tmp_path / folder, cache), platform, RunFolder(tmp_path / folder))
        snapshot = session.snapshot()
        untag_submitted(session, snapshot)
        trained = play(tmp_path / f"{folder} train", cache, *SMALL, f"platform.path={project}", "action=train")
        assert trained == 0
        return set(pool_frame(snapshot).filter("labelled")["data_hash"]) - before

    assert look("before") == set()
    assert "trained on 60 images" in caplog.text
    assert platform.tags()[PRELABELLED] == tagged

    (taken,) = platform.tasks(parked[:1])
    platform.write(Reopen((taken.ref,)))
    platform.act(Submit((taken.ref,), "ann@team"))
    platform.act(Approve((taken.ref,), "bob@team"))
    assert look("after") == {taken.data_hash}
    assert "trained on 61 images" in caplog.text
    assert platform.tags()[PRELABELLED] == tagged - {taken.data_hash}

    lost = (f"platform.path={project}", "action=restore", f"run_id={record(second)['id']}")
    assert play(tmp_path / "elsewhere", cache, *SMALL, *lost) == 0
    assert set(parked) - queue(platform) == {taken.data_hash}
    assert platform.tags().keys() == {PRELABELLED}
