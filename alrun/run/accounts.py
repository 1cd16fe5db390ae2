"""Where every task of a plan ended: the proof that none was lost."""

from __future__ import annotations

from alrun.recipe.journal import Progress
from alrun.recipe.plan import Plan
from alrun.recipe.steps import Parking, Unpark, UnparkByMove
from alrun.types import Snapshot, StageType


def moved_and_restored(plan: Plan, progress: Progress) -> tuple[int, int]:
    """Return how many tasks the recipe took out of the queue so far, and how many of them it brought back."""
    parked = progress.among(progress.done, plan, Parking)
    back = progress.among(progress.done, plan, Unpark | UnparkByMove)
    return len(parked), len(back)


def account(plan: Plan, snapshot: Snapshot) -> dict[str, int]:
    """Count what became of the plan's tasks; the values add up to their number.

    Returns
    -------
    dict
        `selected_complete`, `selected_in_review` and `selected_waiting`: where the selection is.
        `others_back`: not selected, and in the stage they came from. `others_elsewhere`: not selected, and moved
        by somebody else. `gone`: no longer in the project.
    """
    now = {task.task_id: task.stage for task in snapshot.tasks}
    types = {stage.uuid: stage.type for stage in snapshot.stages}
    names = ("selected_complete", "selected_in_review", "selected_waiting", "others_back", "others_elsewhere", "gone")
    counts = dict.fromkeys(names, 0)
    for task in plan.tasks:
        stage = now.get(task.task_id)
        if stage is None:
            counts["gone"] += 1
        elif task.rank is None:
            counts["others_back" if stage == task.stage else "others_elsewhere"] += 1
        elif types[stage] is StageType.DONE:
            counts["selected_complete"] += 1
        else:
            counts["selected_in_review" if types[stage] is StageType.REVIEW else "selected_waiting"] += 1
    return counts
