"""Whether an approved plan is still a plan for the project as it is now."""

from __future__ import annotations

from alrun.errors import StateError
from alrun.platform.port import Platform
from alrun.platform.retry import Patience, patiently
from alrun.recipe.plan import Plan
from alrun.recipe.verdict import changed_since


def check_unchanged(plan: Plan, platform: Platform, patience: Patience) -> None:
    """Compare the workflow and every task of the plan with the platform, before the first write of an approved plan.

    Raises
    ------
    StateError
        If anything differs; the message says what and how.
    """
    if patiently(patience, platform.project).stages != plan.stages:
        raise StateError("the workflow has changed since the plan was made. Nothing was done. Plan again")
    # one listing of everything is one request, many listings of some are many
    few = len(plan.tasks) <= platform.limits.listing
    hashes = [task.data_hash for task in plan.tasks] if few else None
    listed = {task.task_id: task for task in patiently(patience, lambda: platform.tasks(hashes))}
    reasons: dict[str, str] = {}
    for before in plan.tasks:
        now = listed.get(before.task_id)
        reason = "it is no longer in the project" if now is None else changed_since(plan, before, now)
        if reason:
            reasons[before.task_id] = reason
    if reasons:
        shown = "".join(f"\n  {task}: {reason}" for task, reason in list(reasons.items())[:10])
        more = f"\n  and {len(reasons) - 10} more" if len(reasons) > 10 else ""
        raise StateError(
            f"{len(reasons)} of the plan's {len(plan.tasks)} tasks have changed since it was made:{shown}{more}\n"
            "Nothing was done. Plan again, and approve the new plan"
        )
