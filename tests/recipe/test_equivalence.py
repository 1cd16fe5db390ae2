"""The recipes reach the same states where they can be compared."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alrun.platform.local_platform import LocalPlatform
from alrun.platform.writes import Limits, SetPriority
from alrun.recipe.apply import Applier
from alrun.recipe.base import Recipe
from alrun.recipe.documented import Documented
from alrun.recipe.journal import Journal
from alrun.recipe.move import MoveRest
from alrun.recipe.park import ParkRest
from alrun.recipe.priority import SetPriorities
from alrun.recipe.testing import LABEL, SMALL_CHUNKS, People, impatient, make_plan, served, varied_project
from tests.recipe.crash_matrix import memory

SELECTED = st.lists(st.integers(0, 9), unique=True, max_size=10)
PRIORITIES = st.lists(st.sampled_from((0.0, 0.3, 0.5, 0.95, 1.0)), min_size=10, max_size=10)
CHUNKS = st.integers(1, 12).map(lambda size: Limits(size, size, size, size, size, size))
QUICK = settings(max_examples=25, suppress_health_check=list(HealthCheck))


class Played:
    """One recipe, played undisturbed: the queue when it was ready, and where every task ended."""

    def __init__(
        self, recipe: Recipe, selected: list[int], labelled: int, priorities: list[float], limits: Limits
    ) -> None:
        with TemporaryDirectory(dir=memory()) as folder:
            platform = varied_project(Path(folder) / "project.sqlite")
            refs = tuple(task.ref for task in platform.tasks()[:10])
            for start in range(0, 10, 2):
                platform.write(SetPriority(refs[start : start + 2], tuple(priorities[start : start + 2])))
            platform.limits = limits
            self._play(platform, recipe, selected, labelled, Path(folder) / "journal.jsonl")
            platform.close()

    def _play(self, platform: LocalPlatform, recipe: Recipe, selected: list[int], labelled: int, path: Path) -> None:
        plan = make_plan(recipe, platform, selected)
        self.selected = [task.data_hash for task in plan.selected]
        applier = Applier(plan, platform, Journal(path, plan), impatient())
        applier.prepare()
        stages = platform.project().stages
        self.queue = served(platform.tasks(), stages)
        here = {task.data_hash: task for task in platform.tasks()}
        People(platform).finish([here[name] for name in self.selected[:labelled]], LABEL)
        applier.restore()
        self.ends = [(task.data_hash, task.stage, task.priority, task.assignee) for task in platform.tasks()]


@given(selected=SELECTED, labelled=st.integers(0, 10), priorities=PRIORITIES, limits=CHUNKS)
@QUICK
def test_documented_park_and_move_end_in_the_same_stages_with_the_same_priorities(
    selected: list[int], labelled: int, priorities: list[float], limits: Limits
) -> None:
    documented, park, move = (
        Played(recipe, selected, labelled, priorities, limits) for recipe in (Documented(), ParkRest(), MoveRest())
    )
    assert documented.ends == park.ends == move.ends
    assert set(documented.queue) == set(park.queue) == set(move.queue) == set(park.selected)


@given(selected=SELECTED, labelled=st.integers(0, 10), priorities=PRIORITIES)
@QUICK
def test_with_priority_the_queue_begins_with_the_same_tasks_in_rank_order(
    selected: list[int], labelled: int, priorities: list[float]
) -> None:
    priority, park = (
        Played(recipe, selected, labelled, priorities, SMALL_CHUNKS) for recipe in (SetPriorities(), ParkRest())
    )
    assert priority.queue[: len(selected)] == priority.selected
    assert set(priority.queue[: len(selected)]) == set(park.queue)
    assert priority.ends == park.ends
