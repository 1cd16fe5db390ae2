"""Where every task of a plan ended: the proof that none was lost."""

from __future__ import annotations

from collections import Counter

from alrun.recipe.plan import Plan
from alrun.types import Snapshot, StageType


def stage_counts(snapshot: Snapshot) -> list[tuple[str, int]]:
    """Return the title of each stage and how many tasks it holds, in workflow order, empty ones included."""
    counts = Counter(task.stage for task in snapshot.tasks)
    return [(stage.title, counts[stage.uuid]) for stage in snapshot.stages]


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
