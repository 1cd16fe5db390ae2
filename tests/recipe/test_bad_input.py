"""A plan or a journal that is not what was written, and a disk that takes no more: a clear error, and no write."""

from __future__ import annotations

import json
import re
import resource
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alrun import faults
from alrun.errors import PlatformError, StateError
from alrun.files import digest
from alrun.platform.local_platform import LocalPlatform
from alrun.recipe.apply import Applier
from alrun.recipe.documented import Documented
from alrun.recipe.journal import Journal
from alrun.recipe.move import MoveRest
from alrun.recipe.park import ParkRest
from alrun.recipe.plan import Plan
from alrun.recipe.priority import SetPriorities
from alrun.recipe.relabel import Relabel
from alrun.recipe.rescue import rescue
from alrun.recipe.testing import SMALL_CHUNKS, USER, impatient, make_plan
from alrun.recipe.unfinished import unfinished
from alrun.types import Task
from tests.recipe.playground import REST, Playground


@pytest.fixture
def play(tmp_path: Path) -> Playground:
    return Playground(tmp_path, ParkRest())


@pytest.fixture
def saved(play: Playground, tmp_path: Path) -> Path:
    play.plan.save(tmp_path / "plan.json")
    return tmp_path / "plan.json"


def rechained(lines: list[str]) -> bytes:
    """Return journal lines with their chain made anew, as somebody would who knows how."""
    chain, made = "", []
    for line in lines:
        body = re.sub(r', "chain": "\w+"\}$', "", line)
        chain = digest((chain + body).encode())
        made.append(f'{body}, "chain": "{chain}"}}\n')
    return "".join(made).encode()


def test_a_plan_that_is_missing_or_torn_anywhere_is_refused(saved: Path) -> None:
    content = saved.read_bytes()
    torn = saved.with_name("torn.json")
    with pytest.raises(StateError, match="there is no plan"):
        Plan.load(torn)
    for size in range(0, len(content) - 1, 13):
        torn.write_bytes(content[:size])
        with pytest.raises(StateError, match=r"is not a plan|is not a whole plan|was changed"):
            Plan.load(torn)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"recipe": "park"', '"recipe": "move"'),
        ("alrun@local", "eve@example.org"),
        ('"kind": "Park"', '"kind": "Unpark"'),
        ('"kind": "Park"', '"kind": "Explode"'),
        ('"new"', '"old"'),
        ('"tasks": [3, 4', '"tasks": [4, 3'),
        ('  ["', '   ["'),
        ('"task_columns"', '"task_column"'),
    ],
)
def test_a_plan_that_was_edited_is_refused(saved: Path, old: str, new: str) -> None:
    content = saved.read_text()
    assert old in content
    saved.write_text(content.replace(old, new, 1))
    with pytest.raises(StateError, match=r"was changed after it was written|is not a whole plan"):
        Plan.load(saved)


@pytest.mark.parametrize("content", ["[]", "1", '{"version": 1}', '{"version": 1, "steps": 3}', "\xff", "null"])
def test_what_is_no_plan_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(StateError, match=r"is not a plan|is not a whole plan"):
        Plan.load(path)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_a_plan_of_another_version_is_refused(saved: Path, version: object) -> None:
    content = json.loads(saved.read_text())
    saved.write_text(json.dumps({**content, "version": version}))
    with pytest.raises(StateError, match="finish the run with the alrun that planned it"):
        Plan.load(saved)


def test_a_journal_is_read_whole_wherever_a_kill_tore_its_last_line(play: Playground) -> None:
    """Cut at every byte: what is read is what the whole lines before the cut say, and reading changes nothing."""
    play.applier().prepare()
    content = play.journal.read_bytes()
    ends = [0, *(found.end() for found in re.finditer(rb"\n", content))]
    cut = play.folder / "cut.jsonl"
    for end, following in zip(ends, [*ends[1:], len(content)], strict=True):
        cut.write_bytes(content[:end])
        expected = Journal(cut, play.plan).progress
        for size in range(end, following):
            cut.write_bytes(content[:size])
            assert Journal(cut, play.plan).progress == expected
            assert cut.stat().st_size == size


def test_appending_after_a_torn_line_replaces_it(play: Playground) -> None:
    play.applier().prepare()
    content = play.journal.read_bytes()
    for size in (1, len(content) // 2, len(content) - 1):
        play.journal.write_bytes(content[:size])
        Journal(play.journal, play.plan).approve("a test")
        assert Journal(play.journal, play.plan).progress.approved


@pytest.mark.parametrize("restored", [False, True], ids=["prepared", "restored"])
@pytest.mark.parametrize(
    "recipe",
    [Documented(), ParkRest(), MoveRest(), SetPriorities(), Relabel()],
    ids=["documented", "park", "move", "priority", "relabel"],
)
def test_a_journal_that_has_lost_lines_forgets_no_task(tmp_path: Path, recipe: Documented, restored: bool) -> None:
    """Cut at every line end, the platform being further on: the run ends rightly, or stops and changes nothing.

    Where it stops, the platform alone is enough to bring everything back.
    """
    play = Playground(tmp_path, recipe)
    play.applier().prepare()
    if restored:
        play.applier().restore()
    play.platform.close()
    lines = play.journal.read_bytes().splitlines(keepends=True)
    for kept in range(len(lines)):
        shutil.copy(tmp_path / "project.sqlite", tmp_path / "copy.sqlite")
        play.platform = LocalPlatform(tmp_path / "copy.sqlite", USER, SMALL_CHUNKS)
        play.journal.write_bytes(b"".join(lines[:kept]))
        before = play.platform.tasks()
        try:
            play.applier().prepare()
        except StateError:
            assert play.platform.tasks() == before
        try:
            play.applier().restore()
        except PlatformError:
            rescue(play.platform, "run-1", impatient())
        assert unfinished(play.platform) == []
        assert [task.stage for task in play.platform.tasks()] == [task.stage for task in play.before]
        play.platform.close()


def test_a_journal_that_was_changed_is_refused(play: Playground) -> None:
    """A line changed, lost or swapped in the middle, at any place, stops the run before anything is sent."""
    play.applier().prepare()
    lines = play.journal.read_text().splitlines(keepends=True)
    before = play.platform.tasks()
    for place in range(len(lines) - 1):
        changed = lines[place].replace('"tasks": [', '"tasks": [0, ').replace('"2', '"3', 1)
        for damaged in (
            [*lines[:place], *lines[place + 1 :]],
            [*lines[:place], changed, *lines[place + 1 :]],
            [*lines[:place], "{}\n", *lines[place + 1 :]],
            [*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]],
            [*lines[:place], "\x00\x01\n", *lines[place + 1 :]],
        ):
            play.journal.write_text("".join(damaged))
            with pytest.raises(StateError, match=r"line \d+ is (damaged|of version)"):
                play.applier()
    assert play.platform.tasks() == before


def test_a_journal_of_another_version_is_refused(play: Playground) -> None:
    play.applier().prepare()
    lines = [line.replace('"v": 2', '"v": 3') for line in play.journal.read_text().splitlines()]
    play.journal.write_bytes(rechained(lines))
    with pytest.raises(StateError, match="line 1 is of version 3, and this alrun reads version 2"):
        play.applier()


def test_a_journal_with_an_event_that_nobody_knows_is_refused(play: Playground) -> None:
    play.applier().prepare()
    lines = [line.replace('"finished"', '"abolished"') for line in play.journal.read_text().splitlines()]
    play.journal.write_bytes(rechained(lines))
    with pytest.raises(StateError, match="abolished"):
        play.applier()


def test_the_journal_of_another_plan_is_refused(play: Playground) -> None:
    play.applier().prepare()
    before = play.platform.tasks()
    other = make_plan(MoveRest(), play.platform, (3,), "run-2")
    with pytest.raises(StateError, match=r"Put back the plan.*run_id=run-1"):
        Applier(other, play.platform, Journal(play.journal, other), impatient())
    assert play.platform.tasks() == before


def test_a_journal_that_cannot_be_read_or_made_stops_the_run_before_any_write(play: Playground) -> None:
    play.journal.mkdir()
    with pytest.raises(StateError, match="cannot be read"):
        play.applier()
    play.journal.rmdir()
    applier = play.applier()
    play.journal.mkdir()
    with pytest.raises(StateError, match="cannot be written"):
        applier.prepare()
    assert play.platform.tasks() == play.before
    assert play.platform.tags() == {}


@pytest.fixture
def file_size() -> Iterator[Callable[[int], None]]:
    """Return a function by which no file of this process grows beyond a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    faults.reset()


@pytest.mark.parametrize("nth", [1, 2, 5])
@pytest.mark.parametrize("half", [Applier.prepare, Applier.restore])
def test_a_full_disk_stops_the_run_before_the_write_that_it_cannot_announce(
    play: Playground, file_size: Callable[[int], None], half: Callable[[Applier], None], nth: int
) -> None:
    """The line is torn, nothing more is sent, and once there is room the run goes on to its end."""
    if half is Applier.restore:
        play.applier().prepare()
    seen: list[Task] = []

    def fill() -> None:
        seen.extend(play.platform.tasks())
        file_size(play.journal.stat().st_size + 10)

    applier = play.applier()
    faults.arm("journal.before_intend", nth, fill)
    with pytest.raises(StateError, match="cannot be written"):
        half(applier)
    file_size(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    assert play.platform.tasks() == seen
    assert not play.journal.read_bytes().endswith(b"\n")
    half(applier)
    play.applier().restore()
    play.assert_back(*REST)
