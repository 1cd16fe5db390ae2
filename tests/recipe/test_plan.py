"""Plans: who may be in one, what its numbers are, and what a person reads of it."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alrun.errors import ConfigError, StateError
from alrun.platform.writes import Limits
from alrun.recipe.documented import Documented
from alrun.recipe.explain import explain
from alrun.recipe.park import ParkRest
from alrun.recipe.plan import Plan, PlanFacts
from alrun.recipe.preflight import preflight
from alrun.recipe.priority import SetPriorities
from alrun.recipe.steps import GiveBackPriority, Prioritise, Tag
from alrun.recipe.verdict import changed_since
from alrun.types import LeftOut, Ontology, Pick, Snapshot, Stage, StageType, Task, TaskStatus

STAGES = (
    Stage("a", "Annotate", StageType.ANNOTATION),
    Stage("r", "Review", StageType.REVIEW),
    Stage("d", "Done", StageType.DONE),
)
FACTS = PlanFacts("run-1", 1, "me@example.org", "config")


def task(number: int, **changes: object) -> Task:
    base = Task(f"t{number}", f"h{number:03}", f"{number}.png", "a", TaskStatus.NEW, priority=0.5)
    return replace(base, **changes)  # type: ignore[arg-type]


def snapshot(*tasks: Task, stages: tuple[Stage, ...] = STAGES) -> Snapshot:
    return Snapshot("p", "Project", Ontology(), stages, tasks, {}, {})


def picks(*tasks: Task) -> list[Pick]:
    return [Pick(rank, t.task_id, t.data_hash, t.title, 0.5, "") for rank, t in enumerate(tasks, 1)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"assignee": "ann@example.org"}, "it is assigned to ann@example.org"),
        ({"status": TaskStatus.ASSIGNED}, "its status is 'assigned': somebody has it in hand"),
        ({"status": TaskStatus.SKIPPED}, "its status is 'skipped': somebody has it in hand"),
        ({"status": TaskStatus.UNKNOWN}, "its status is 'unknown': somebody has it in hand"),
        ({"data_type": "video"}, "it is of type 'video': recipes move single images only"),
        ({"group_hash": "g"}, "it belongs to a data group"),
        ({"data_hash": "h001"}, "its image has 2 tasks"),
        ({"stage": "r"}, "it is in 'Review', which is not an annotation stage"),
        ({"stage": "d", "status": TaskStatus.COMPLETED}, "it is in 'Done', which is not an annotation stage"),
    ],
)
def test_preflight_leaves_out_what_a_recipe_must_not_touch(changes: dict[str, object], reason: str) -> None:
    bad = task(0, **changes)
    allowed, left_out = preflight(snapshot(bad, task(1), task(2)), {"t0", "t2"})
    assert [t.task_id for t in allowed] == ["t2"]
    assert left_out == [LeftOut("0.png", reason)]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, "it is in 'Annotate', which is not where complete tasks are"),
        ({"stage": "r"}, "it is in 'Review', which is not where complete tasks are"),
        ({"stage": "x"}, "it is in 'Archive', which is not where complete tasks are"),
        ({"stage": "d", "group_hash": "g"}, "it belongs to a data group"),
        ({"stage": "d", "status": TaskStatus.REOPENED}, "its status is 'reopened': somebody has it in hand"),
    ],
)
def test_what_is_labelled_again_is_complete_and_can_be_completed_again(changes: dict[str, Any], reason: str) -> None:
    stages = (*STAGES[:2], Stage("x", "Archive", StageType.DONE), STAGES[2])
    bad = task(0, **{"status": TaskStatus.COMPLETED, **changes})
    good = task(1, stage="d", status=TaskStatus.COMPLETED)
    allowed, left_out = preflight(snapshot(bad, good, stages=stages), {"t0", "t1"}, StageType.DONE)
    assert [t.task_id for t in allowed] == ["t1"]
    assert left_out == [LeftOut("0.png", reason)]


@pytest.mark.parametrize("status", [TaskStatus.NEW, TaskStatus.RELEASED, TaskStatus.REOPENED])
def test_idle_tasks_pass_preflight(status: TaskStatus) -> None:
    allowed, left_out = preflight(snapshot(task(0, status=status)), {"t0"})
    assert (len(allowed), left_out) == (1, [])


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ((*STAGES, Stage("c", "Vote", StageType.CONSENSUS_ANNOTATION)), r"consensus stages \(Vote\)"),
        (STAGES[1:], "no annotation stage"),
        (STAGES[:2], "no done stage"),
        ((Stage("x", "Robot", StageType.AGENT), *STAGES), "begins with the agent stage 'Robot'"),
    ],
)
def test_a_workflow_that_tasks_may_not_come_back_in_is_refused(stages: tuple[Stage, ...], message: str) -> None:
    with pytest.raises(StateError, match=message):
        preflight(snapshot(task(0), stages=stages), {"t0"})


def priorities(plan: Plan, kind: type[Prioritise | GiveBackPriority]) -> list[dict[str, float]]:
    """Return what each step of a kind sets, or expects to find, by task."""
    found = []
    for step in plan.steps:
        if isinstance(step, Prioritise) and kind is Prioritise:
            found.append({plan.tasks[r].task_id: p for r, p in zip(step.tasks, step.priorities, strict=True)})
        if isinstance(step, GiveBackPriority) and kind is GiveBackPriority:
            found.append({plan.tasks[r].task_id: p for r, p in zip(step.tasks, step.ours, strict=True)})
    return found


def test_priorities_worked_by_hand() -> None:
    """Others end at 0.5, so three picks share the upper half in even steps."""
    tasks = [task(number) for number in range(5)]
    plan = SetPriorities().plan(snapshot(*tasks), tasks, picks(tasks[4], tasks[0], tasks[2]), [], FACTS)
    lowered, raised = priorities(plan, Prioritise)
    assert lowered == {}
    assert raised == pytest.approx({"t4": 1.0, "t0": 1 - 0.5 / 3, "t2": 1 - 1.0 / 3})
    assert priorities(plan, GiveBackPriority) == [raised, {}]


def test_others_above_nine_tenths_are_lowered_in_proportion() -> None:
    """The highest of them, 1.0, comes to 0.9, and 0.5 to 0.45; 0 stays 0."""
    tasks = [task(0), task(1, priority=1.0), task(2, priority=0.0), task(3)]
    plan = SetPriorities().plan(snapshot(*tasks), tasks, picks(tasks[0]), [], FACTS)
    lowered, raised = priorities(plan, Prioritise)
    assert lowered == pytest.approx({"t1": 0.9, "t3": 0.45})
    assert raised == {"t0": 1.0}


@given(values=st.lists(st.floats(0, 1) | st.none(), min_size=1, max_size=30), share=st.floats(0, 1), seed=st.randoms())
def test_the_selection_is_served_first_by_rank_and_the_others_keep_their_order(
    values: list[float | None], share: float, seed: Random
) -> None:
    tasks = [task(number, priority=value) for number, value in enumerate(values)]
    chosen = list(tasks)
    seed.shuffle(chosen)
    chosen = chosen[: round(share * len(tasks))]
    plan = SetPriorities().plan(snapshot(*tasks), tasks, picks(*chosen), [], FACTS)
    now = {t.task_id: t.priority or 0.0 for t in tasks}
    for changed in priorities(plan, Prioritise):
        now |= changed
    assert all(0.0 <= value <= 1.0 for value in now.values())
    served = sorted(now, key=lambda name: -now[name])
    assert served[: len(chosen)] == [t.task_id for t in chosen]
    others = [t for t in tasks if t not in chosen]
    for one, other in pairwise(others):
        if (one.priority or 0.0) < (other.priority or 0.0):
            assert now[one.task_id] <= now[other.task_id]


def test_a_person_reads_how_many_from_where_to_where_at_what_cost_and_what_stays() -> None:
    tasks = [task(number) for number in range(6)]
    left_out = [LeftOut(f"{number}\n.png", "it belongs to a data group") for number in range(7)]
    plan = ParkRest().plan(snapshot(*tasks), tasks, picks(tasks[2]), left_out, FACTS)
    assert explain(plan, Limits(listing=2, initialise=4, workflow=4, tag=3)) == [
        "Plan for round 1 of 'Project' (park recipe): 1 tasks selected, 5 others.",
        "  5 tasks go from 'Annotate' to 'Done' and come back",
        "Steps:",
        "    1  mirror what is going to be parked from 'Annotate' (5 tasks, 3 requests)",
        "    2  create the label rows that completing needs (5 tasks, 6 requests)",
        "    3  park the rest: complete it for a while (5 tasks, 7 requests)",
        "    4  people label the selection (1 tasks)",
        "    5  reopen the rest: back to 'Annotate' (5 tasks, 6 requests)",
        "   5b  give back the priorities that parking took (no tasks: nothing to do)",
        "    6  drop the mirror of what was parked from 'Annotate' (1 request)",
        "Left out: 7 tasks.",
        *(f"  '{number}\\n.png': it belongs to a data group" for number in range(5)),
        "  and 2 more (all are in plan.json)",
        "Requests: about 23 from here to restored.",
        "Cannot be undone: 5 empty label rows are created.",
    ]


def test_the_nine_steps_of_the_page_are_there_in_their_order_under_their_numbers() -> None:
    tasks = [task(number) for number in range(3)]
    plan = Documented().plan(snapshot(*tasks), tasks, picks(tasks[1]), [], FACTS)
    numbers = [step.number for step in plan.steps]
    assert [number for number in numbers if number.isdigit()] == ["1", "2", "3", "4", "5", "6", "7", "8", "9", "9"]
    tags = [(step.name, len(step.tasks)) for step in plan.steps if isinstance(step, Tag) and step.number.isdigit()]
    assert tags == [("unlabeled", 3), ("to label next", 1)]


def test_a_stage_that_was_added_since_has_its_uuid_for_a_name_and_no_type() -> None:
    tasks = [task(number) for number in range(3)]
    plan = Documented().plan(snapshot(*tasks), tasks, picks(tasks[1]), [], FACTS)
    moved = changed_since(plan, plan.tasks[0], replace(tasks[0], stage="a new stage"))
    assert moved == "it was moved to 'a new stage'"
    assert plan.type("a new stage") is None


def test_the_two_tags_of_the_page_must_differ() -> None:
    with pytest.raises(ConfigError, match="both 'a': give each its own"):
        Documented(unlabeled_tag="a", next_tag="a")


def test_titles_of_a_stage_that_would_break_a_terminal_are_quoted(tmp_path: Path) -> None:
    stages = (replace(STAGES[0], title="An\x1b[31mnotate\n"), *STAGES[1:])
    tasks = [task(number) for number in range(3)]
    for recipe in (Documented(), ParkRest()):
        plan = recipe.plan(snapshot(*tasks, stages=stages), tasks, picks(tasks[1]), [], FACTS)
        assert "\x1b" not in "".join(explain(plan, Limits()))
        plan.save(tmp_path / "plan.json")
        assert Plan.load(tmp_path / "plan.json") == plan


@given(names=st.lists(st.text(max_size=6) | st.sampled_from(["],\n[", "], [", '"},\n{"', "\0", ",\n"]), max_size=5))
def test_the_file_has_one_line_a_task_whatever_people_are_called(
    names: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("plan") / "plan.json"
    tasks = [task(number, last_actioned_by=name) for number, name in enumerate(names)]
    left_out = [LeftOut(name, "a reason") for name in names]
    plan = ParkRest().plan(snapshot(*tasks), tasks, picks(*tasks[:1]), left_out, FACTS)
    plan.save(path)
    assert Plan.load(path) == plan
    _, _, table = path.read_text().partition(' "tasks": [\n')
    rows = [json.loads(line.removesuffix(",")) for line in table.splitlines()[: len(names)]]
    assert [row[0] for row in rows] == [f"t{number}" for number in range(len(names))]
