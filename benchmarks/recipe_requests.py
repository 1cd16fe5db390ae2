"""How many requests and seconds each recipe takes from its plan to restored, on the local platform.

``python benchmarks/recipe_requests.py [TASKS]``, by default 10,000 and 100,000 tasks of which 500 are selected. The
local platform takes as many tasks in a request as Encord does.

`expected` is the sum over a recipe's steps of ceil(tasks / chunk limit) writes, and as many listings for steps that
move or order tasks or create label rows, three for the few tasks that a step which takes tasks out of their stage or
puts them in order is tried on, one for each tag to drop and one to ask for the project.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from alrun.platform.writes import Limits
from alrun.recipe.apply import Applier
from alrun.recipe.base import Recipe
from alrun.recipe.documented import Documented
from alrun.recipe.journal import Journal
from alrun.recipe.move import MoveRest
from alrun.recipe.park import ParkRest
from alrun.recipe.plan import Plan
from alrun.recipe.priority import SetPriorities
from alrun.recipe.steps import AwaitLabels, Choose, RemoveTagForGood, Tag, Tried, Untag, request_kind
from alrun.recipe.testing import impatient, make_plan, new_project

RECIPES: dict[str, Recipe] = {
    "documented": Documented(),
    "park": ParkRest(),
    "move": MoveRest(),
    "priority": SetPriorities(),
}
SELECTED = 500


@dataclass(frozen=True)
class Measured:
    """The requests and seconds of one recipe on one project, plan made, saved and read again included."""

    recipe: str
    tasks: int
    requests: int
    expected: int
    plan_seconds: float
    apply_seconds: float
    restore_seconds: float


def expected(plan: Plan, limits: Limits) -> int:
    """Return the number of requests that a recipe's writes need, by the formula above."""
    total = 1
    for step in plan.steps:
        if isinstance(step, RemoveTagForGood):
            total += 1
        elif not isinstance(step, Choose | AwaitLabels):
            writes = ceil(len(step.tasks) / limits.of(request_kind(step)))
            total += writes if isinstance(step, Tag | Untag) else 2 * writes
            total += 3 if isinstance(step, Tried) and step.tasks else 0
    return total


def measure(name: str, tasks: int, folder: Path) -> Measured:
    """Plan, apply and restore on a fresh project."""
    platform = new_project(folder / f"{name}-{tasks}.sqlite", tasks, Limits())
    began = perf_counter()
    plan = make_plan(RECIPES[name], platform, range(SELECTED))
    plan.save(folder / "plan.json")
    plan = Plan.load(folder / "plan.json")
    planned, requests = perf_counter(), platform.requests
    applier = Applier(plan, platform, Journal(folder / f"{name}-{tasks}.jsonl", plan), impatient())
    applier.prepare()
    prepared = perf_counter()
    applier.restore()
    restored = perf_counter()
    sent = platform.requests - requests
    platform.close()
    seconds = (planned - began, prepared - planned, restored - prepared)
    return Measured(name, tasks, sent, expected(plan, Limits()), *seconds)


def main(sizes: list[int]) -> None:
    print(f"{'recipe':<11}{'tasks':>8}{'requests':>10}{'expected':>10}{'plan s':>9}{'apply s':>9}{'restore s':>11}")
    for tasks in sizes:
        for name in RECIPES:
            with TemporaryDirectory() as folder:
                m = measure(name, tasks, Path(folder))
            seconds = f"{m.plan_seconds:>9.2f}{m.apply_seconds:>9.2f}{m.restore_seconds:>11.2f}"
            print(f"{m.recipe:<11}{m.tasks:>8}{m.requests:>10}{m.expected:>10}{seconds}")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [10_000, 100_000])
