"""Where step 9 of the page "Active Learning in Encord" brings back what it must not, or forgets what it must bring.

The page reopens whatever has 'No class' at the end. Each fault has the name that users know it by.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from alrun.platform.writes import AddTag, Move, SaveLabels, Submit
from alrun.recipe.base import Recipe
from alrun.recipe.documented import Documented
from alrun.recipe.move import MoveRest
from alrun.recipe.park import ParkRest
from alrun.recipe.testing import ANNOTATOR, CHECKLIST, LABEL, People, make_plan
from alrun.types import Label
from tests.recipe.playground import REST, SELECTED, Playground


@pytest.fixture(params=[Documented(), ParkRest(), MoveRest()], ids=["documented", "park", "move"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Playground:
    recipe: Recipe = request.param
    return Playground(tmp_path, recipe)


def test_cold_start_with_no_label_at_all(play: Playground) -> None:
    """With no label anywhere, 'No class' matches nothing and the page leaves everything complete."""
    play.applier().prepare()
    assert all(play.task(place).stage == play.stages[-1] for place in REST)
    play.applier().restore()
    play.assert_back(*REST, *SELECTED)
    assert all(play.label(place).empty for place in range(12))


def test_labelled_by_a_checklist_only(play: Playground) -> None:
    """A checklist makes no class, so the page reopens what was just labelled."""
    play.applier().prepare()
    People(play.platform).finish([play.task(place) for place in SELECTED], CHECKLIST)
    play.applier().restore()
    for place in SELECTED:
        assert play.task(place).stage == play.stages[-1]
        assert play.label(place) == CHECKLIST
    play.assert_back(*REST)


def test_legitimately_empty_image(play: Playground) -> None:
    """A person submitted an image with no objects in it: it stays complete, in this round and in the next."""
    play.applier().prepare()
    People(play.platform).finish([play.task(3)], None)
    play.applier().restore()
    assert play.task(3).stage == play.stages[-1]
    again = make_plan(play.recipe, play.platform, (1,), "run-2")
    assert play.before[3].data_hash not in {task.data_hash for task in again.tasks}


def test_an_empty_image_that_an_admin_took_out_of_the_parked_ones_stays_complete(play: Playground) -> None:
    """Parked, reopened by an admin, submitted with nothing and approved: complete because finished, not parked."""
    play.applier().prepare()
    done = play.stages[-1]
    with_admin = play.other()
    with_admin.write(Move((play.task(0).ref,), done, play.stages[0]))
    People(with_admin).finish([play.task(0)], None)
    with_admin.close()
    play.applier().restore()
    assert play.task(0).stage == done
    play.assert_back(*(place for place in REST if place != 0))


def test_put_in_review_between_the_snapshot_and_the_plan_s_writes(play: Playground) -> None:
    """The page completes it, past the review."""
    play.platform.act(SaveLabels((play.task(0).ref,), (LABEL,), ANNOTATOR))
    play.platform.act(Submit((play.task(2).ref,), ANNOTATOR))
    before = play.task(0), play.task(2)
    play.applier().prepare()
    assert (play.task(0), play.task(2)) == before
    play.applier().restore()
    assert (play.task(0), play.task(2)) == before
    assert {play.before[0].data_hash, play.before[2].data_hash} <= play.reasons().keys()


def test_put_in_review_while_the_rest_is_parked(play: Playground) -> None:
    """The page pulls it out of the review."""
    play.applier().prepare()
    with_admin = play.other()
    with_admin.write(Move((play.task(0).ref,), play.stages[-1], play.stages[2]))
    with_admin.close()
    People(play.platform).finish([play.task(1)], LABEL)
    play.platform.act(Submit((play.task(3).ref,), ANNOTATOR))
    before = play.task(0), play.task(1), play.task(3)
    play.applier().restore()
    assert (play.task(0), play.task(1), play.task(3)) == before
    assert play.reasons()[play.before[0].data_hash] == "it was moved to 'Review'"


def test_labelled_while_it_is_parked(play: Playground) -> None:
    """Somebody found it among the complete ones and labelled it: it is finished, and its label is theirs."""
    play.applier().prepare()
    play.platform.act(SaveLabels((play.task(0).ref,), (LABEL,), ANNOTATOR))
    play.applier().restore()
    assert play.task(0).stage == play.stages[-1]
    assert play.label(0) == LABEL


def test_tags_that_were_there_before(tmp_path: Path) -> None:
    """A tag that people gave, or an earlier round left behind, never decides what is moved, and stays."""
    play = Playground(tmp_path, Documented())
    tagged = tuple(play.before[place].ref for place in (0, 3, 4, 10))
    play.platform.write(AddTag(tagged, "to label next"))
    play.platform.write(AddTag(tagged, "unlabeled"))
    before = play.platform.tags()
    play.plan = make_plan(Documented(), play.platform, SELECTED)
    play.applier().prepare()
    selected = {play.before[place].data_hash for place in SELECTED}
    assert play.platform.tags()["to label next"] == selected | before["to label next"]
    assert {t.data_hash for t in play.platform.tasks() if t.stage in play.stages[:2]} == selected
    play.applier().restore()
    assert play.platform.tags() == before
    play.assert_back(*range(12))


def test_a_second_round_meets_no_trace_of_the_first(play: Playground) -> None:
    """Tasks that an earlier round parked and brought back are parked and brought back again."""
    play.applier().prepare()
    People(play.platform).finish([play.task(place) for place in SELECTED], LABEL)
    play.applier().restore()
    assert all(not members for members in play.platform.tags().values())
    play.journal.unlink()
    play.plan = make_plan(play.recipe, play.platform, (2, 0), "run-2")
    assert len(play.plan.tasks) == len(REST)
    play.applier().prepare()
    assert {t.data_hash for t in play.platform.tasks() if t.stage in play.stages[:2]} == {
        play.before[0].data_hash,
        play.before[2].data_hash,
    }
    play.applier().restore()
    play.assert_back(*REST)
    assert play.reasons() == {}
    assert all(play.label(place) == (LABEL if place in SELECTED else Label()) for place in range(10))
