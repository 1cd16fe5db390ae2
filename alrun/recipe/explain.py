"""What a person reads before approving a plan: the same steps that `apply` carries out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from alrun.platform.writes import Limits
from alrun.recipe.plan import Plan
from alrun.recipe.steps import (
    AwaitLabels,
    Choose,
    CreateLabelRows,
    Displacing,
    RemoveTagForGood,
    Step,
    Tagging,
    Tried,
    first_rows,
    request_kind,
)
from alrun.types import LeftOut

SHOWN = 5


def explain(plan: Plan, limits: Limits) -> list[str]:
    """Return the explanation, a line a list item; plain text, untrusted titles quoted."""
    moved = sorted({row for step in plan.steps if isinstance(step, Displacing) for row in step.tasks})
    return [
        (
            f"Plan for round {plan.round} of {plan.project_title!r} ({plan.recipe} recipe): "
            f"{len(plan.selected)} tasks selected, {_others(len(plan.tasks) - len(plan.selected))}."
        ),
        *_journeys(plan, moved),
        "Steps:",
        *(_step_line(step, limits) for step in plan.steps),
        *_left_out(plan.left_out),
        f"Requests: about {sum(_requests(step, limits) for step in plan.steps)} from here to restored.",
        *_irreversible(plan.steps),
    ]


def _others(count: int) -> str:
    return f"{count} others" if count else "no other is touched"


def _journeys(plan: Plan, rows: Sequence[int]) -> list[str]:
    if not rows:
        return ["No task changes its stage."]
    origins = Counter(plan.tasks[row].stage for row in rows)
    away, then = plan.title(plan.away_stage), "to be labelled again" if plan.sends_back else "and come back"
    return [
        f"  {count} tasks go from {plan.title(stage)!r} to {away!r} {then}" for stage, count in sorted(origins.items())
    ]


def _step_line(step: Step, limits: Limits) -> str:
    requests = _requests(step, limits)
    cost = f", {requests} requests" if requests else ""
    size = f"{len(step.tasks)} tasks{cost}" if step.tasks else "1 request" if requests else "no tasks: nothing to do"
    return f"  {step.number:>3}  {step.text} ({size})"


def _requests(step: Step, limits: Limits) -> int:
    if isinstance(step, Choose | AwaitLabels):
        return 0
    if isinstance(step, RemoveTagForGood):
        return 1
    size = min(limits.of(request_kind(step)), limits.listing)
    chunks = -(-len(step.tasks) // size)
    if isinstance(step, Tried) and step.tasks:  # the first ones are sent by themselves, and looked at afterwards
        rest = max(0, len(step.tasks) - first_rows(step, limits))
        return 3 + 2 * -(-rest // size)
    return chunks if isinstance(step, Tagging) else 2 * chunks  # a listing right before each write


def _left_out(left_out: Sequence[LeftOut]) -> list[str]:
    if not left_out:
        return ["Left out: nothing."]
    shown = [f"  {item.name!r}: {item.reason}" for item in left_out[:SHOWN]]
    more = [f"  and {len(left_out) - SHOWN} more (all are in plan.json)"] if len(left_out) > SHOWN else []
    return [f"Left out: {len(left_out)} tasks.", *shown, *more]


def _irreversible(steps: Sequence[Step]) -> list[str]:
    rows = sum(len(step.tasks) for step in steps if isinstance(step, CreateLabelRows))
    return [f"Cannot be undone: {rows} empty label rows are created."] if rows else []
