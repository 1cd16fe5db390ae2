"""Labelled tasks when the run folder is gone: one counts as finished if somebody finished it, or a person says so."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from alrun.errors import StateError, Unavailable
from alrun.platform.port import Platform
from alrun.platform.writes import AddTag, Approve, RecipeWrite, Reopen, SaveLabels, Submit
from alrun.pool.tags import PRELABELLED, Mirror
from alrun.recipe.park import ParkRest
from alrun.recipe.rescue import Labelled, rescue
from alrun.recipe.testing import ANNOTATOR, LABEL, OLD_LABEL, REVIEWER, USER, impatient, make_plan
from alrun.recipe.unfinished import unfinished
from alrun.types import Label
from tests.recipe.crash_matrix import RECIPES
from tests.recipe.playground import REST, SELECTED, Playground
from tests.recipe.wire import Moment, Wire

DRAFTS = (0, 2, 4, 5, 6, 8)
"""Unselected tasks that are labelled and were not submitted, or were rejected; the third annotates in another stage."""

OTHERS = tuple(place for place in REST if place not in DRAFTS)


def drafted(folder: Path, recipe: str = "park", who: str = USER, *, by_model: bool = False) -> Playground:
    """Return a run that has not begun, on a project with drafts, or with pre-labels."""
    play = Playground(folder, RECIPES[recipe])
    refs = tuple(play.before[place].ref for place in DRAFTS)
    play.platform.act(SaveLabels(refs, (OLD_LABEL,) * len(refs), who))
    for ref in refs if by_model else ():
        play.platform.write(AddTag((ref,), PRELABELLED))
    play.before = play.platform.tasks()
    play.plan = make_plan(play.recipe, play.platform, SELECTED)
    return play


def wired(play: Playground, records: bool | None, writes: list[RecipeWrite] | None = None) -> Wire:
    """Return the platform as one that records moves, does not, or does not say so."""

    def hook(_: int, request: RecipeWrite | None, moment: Moment) -> None:
        if writes is not None and request is not None and moment == "before":
            writes.append(request)

    return Wire(play.platform, hook, records_moves=records is not False, known=records is not None)


def finish(play: Playground, place: int, label: Label | None, annotator: str, reviewer: str) -> None:
    """Let people take a parked task up, and finish it."""
    people = play.other(annotator)
    people.write(Reopen((play.task(place).ref,)))
    if label is not None:
        people.act(SaveLabels((play.task(place).ref,), (label,), annotator))
    for _ in range(2):
        people.act(Submit((play.task(place).ref,), annotator))
    people.act(Approve((play.task(place).ref,), reviewer))
    people.close()


def complete(play: Playground, places: Sequence[int]) -> list[int]:
    return [place for place in places if play.task(place).stage == play.plan.done_stage]


def tagged(platform: Platform) -> set[str]:
    return {name for tag, names in platform.tags().items() if tag != PRELABELLED for name in names}


@pytest.mark.parametrize("recipe", ["documented", "park", "move"])
def test_what_nobody_acted_on_since_comes_back_with_its_labels(tmp_path: Path, recipe: str) -> None:
    """A submission makes the person the last actor, so where moves are recorded no draft passes for finished work."""
    play = drafted(tmp_path, recipe, ANNOTATOR)
    play.applier().prepare()
    before = {place: play.task(place).last_edited_at for place in DRAFTS}
    finish(play, 4, None, ANNOTATOR, REVIEWER)
    finish(play, 5, LABEL, ANNOTATOR, REVIEWER)
    back = rescue(play.platform, "run-1", impatient())
    back.need_no_decision()
    assert complete(play, REST) == [4, 5]
    assert [item.reason for item in back.left] == [f"{REVIEWER} worked on it last"] * 2
    for place in set(DRAFTS) - {4, 5}:
        now = play.task(place)
        assert (now.stage, now.last_edited_at) == (play.before[place].stage, before[place])
        assert play.label(place) == OLD_LABEL
    assert (play.label(4), play.label(5)) == (OLD_LABEL, LABEL)
    assert unfinished(play.platform) == []


@pytest.mark.parametrize("way", ["reopen", "leave"])
@pytest.mark.parametrize("records", [False, None])
def test_where_nobody_can_tell_a_person_decides_for_all(tmp_path: Path, records: bool | None, way: Labelled) -> None:
    play = drafted(tmp_path)
    names = {play.before[place].data_hash for place in DRAFTS}
    writes: list[RecipeWrite] = []
    wire = wired(play, records, writes)
    play.applier(wire).prepare()
    parked = complete(play, REST)
    assert set(DRAFTS) <= set(parked)
    for again in (False, True):
        writes.clear()
        back = rescue(wire, "run-1", impatient())
        assert complete(play, REST) == list(DRAFTS)
        assert (back.brought_back, back.left) == (0 if again else len(parked) - len(DRAFTS), ())
        assert tagged(play.platform) == names, "exactly those that it is about"
        assert not (again and writes)
        assert [(run.parked, run.total) for run in unfinished(wire)] == [(len(DRAFTS), len(DRAFTS))]
        with pytest.raises(StateError, match="6 tasks that run run-1 parked are labelled") as raised:
            back.need_no_decision()
        assert raised.value.exit_code == 4
        assert all(said in str(raised.value) for said in ("restore.labelled=reopen", "restore.labelled=leave"))
        assert sum(repr(play.before[place].title) in str(raised.value) for place in DRAFTS) == 3
    edited = [play.task(place).last_edited_at for place in DRAFTS]
    back = rescue(wire, "run-1", impatient(), way)
    back.need_no_decision()
    assert complete(play, REST) == ([] if way == "reopen" else list(DRAFTS))
    assert (back.brought_back, len(back.left)) == ((6, 0) if way == "reopen" else (0, 6))
    for place in DRAFTS if way == "reopen" else ():
        assert play.task(place).stage == play.before[place].stage
    assert [play.label(place) for place in DRAFTS] == [OLD_LABEL] * 6
    assert [play.task(place).last_edited_at for place in DRAFTS] == edited
    assert unfinished(wire) == []


@pytest.mark.parametrize("records", [True, False, None])
def test_a_pre_label_is_no_label_whatever_the_platform_records(tmp_path: Path, records: bool | None) -> None:
    play = drafted(tmp_path, by_model=True)
    wire = wired(play, records)
    play.applier(wire).prepare()
    assert set(DRAFTS) <= set(complete(play, REST))
    rescue(wire, "run-1", impatient()).need_no_decision()
    assert [play.task(place).stage for place in REST] == [play.before[place].stage for place in REST]
    assert [play.label(place) for place in DRAFTS] == [OLD_LABEL] * 6
    assert play.platform.tags() == {PRELABELLED: {play.before[place].data_hash for place in DRAFTS}}


@pytest.mark.parametrize("records", [True, None])
def test_a_pre_label_that_somebody_submitted_meanwhile_is_theirs(tmp_path: Path, records: bool | None) -> None:
    play = drafted(tmp_path, by_model=True)
    play.applier(wired(play, records)).prepare()
    finish(play, 4, None, ANNOTATOR, REVIEWER)
    back = rescue(wired(play, records), "run-1", impatient())
    assert complete(play, REST) == [4]
    assert [item.reason for item in back.left] == [f"{REVIEWER} worked on it last"]


def test_work_of_the_one_who_asks_is_not_taken_for_parking(tmp_path: Path) -> None:
    """Whoever asks may have finished tasks as well; only the run's own user is known to have parked them."""
    play, bob = drafted(tmp_path), "bob@example.org"
    play.applier().prepare()
    finish(play, 4, LABEL, bob, bob)
    other = play.other(bob)
    back = rescue(other, "run-1", impatient())
    assert back.undecided == (play.before[4].title,)
    assert tagged(other) == {play.before[4].data_hash}
    assert complete(play, REST) == [4]
    other.close()


def test_stopped_at_any_request_no_tag_is_lost_that_a_decision_needs(tmp_path: Path) -> None:
    play = drafted(tmp_path)
    play.applier(wired(play, False)).prepare()
    names = {play.before[place].data_hash for place in DRAFTS}
    for number in range(1, 40):
        for when in ("before", "after"):

            def hook(sent: int, _: RecipeWrite | None, moment: Moment, at: int = number, when: str = when) -> None:
                if (sent, moment) == (at, when) or sent > at:
                    raise Unavailable("no answer")

            try:
                back = rescue(Wire(play.platform, hook, records_moves=False), "run-1", impatient())
            except Unavailable:
                assert names <= tagged(play.platform)
                continue
            assert len(back.undecided) == 6
            assert tagged(play.platform) == names
            assert complete(play, REST) == list(DRAFTS)
            return
    raise AssertionError("it never comes to an end")


def test_a_tag_of_another_stage_goes_if_nothing_in_it_waits_for_a_decision(tmp_path: Path) -> None:
    """Tasks of two stages were parked; only one of the first is labelled."""
    play = Playground(tmp_path, ParkRest())
    play.platform.act(SaveLabels((play.before[0].ref,), (OLD_LABEL,), USER))
    play.plan = make_plan(play.recipe, play.platform, SELECTED)
    wire = wired(play, False)
    play.applier(wire).prepare()
    assert len(play.platform.tags()) == 2
    rescue(wire, "run-1", impatient())
    assert play.platform.tags() == {Mirror("run-1", USER, "Annotate 1", 1).name: {play.before[0].data_hash}}
