"""What people changed on the platform since a plan was made."""

from __future__ import annotations

from alrun.errors import StateError
from alrun.platform.port import Platform
from alrun.platform.retry import Patience, patiently
from alrun.recipe.plan import Plan
from alrun.recipe.verdict import changed_since


def changes(plan: Plan, platform: Platform, patience: Patience) -> dict[str, str]:
    """Compare every task of the plan with the platform; return what is different, in words, by task id.

    Raises
    ------
    StateError
        If the workflow has changed.
    """
    if patiently(patience, platform.project).stages != plan.stages:
        raise StateError(
            "the workflow has changed since the plan was made. Nothing was done. Start a new run, which plans for it"
        )
    # one listing of everything is one request, many listings of some are many
    few = len(plan.tasks) <= platform.limits.listing
    hashes = [task.data_hash for task in plan.tasks] if few else None
    listed = {task.task_id: task for task in patiently(patience, platform.tasks, hashes)}
    found: dict[str, str] = {}
    for before in plan.tasks:
        now = listed.get(before.task_id)
        reason = "it is no longer in the project" if now is None else changed_since(plan, before, now)
        if reason:
            found[before.task_id] = reason
    return found
