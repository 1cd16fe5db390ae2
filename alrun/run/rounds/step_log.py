"""What each step of a recipe came to: said when it is over, and kept in the round's folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alrun.files import write_json
from alrun.recipe.apply import Applier, StepOutcome
from alrun.recipe.journal import Journal
from alrun.recipe.plan import Plan
from alrun.run.round_folder import RoundFolder

log = logging.getLogger("alrun")

REASONS = 10


def say_step(outcome: StepOutcome, plan: Plan, journal: Journal) -> None:
    """Say what a step came to, and why it left tasks alone."""
    log.info("  step %s: %s: %s", outcome.number, outcome.text, _text(outcome))
    alone: dict[str, list[str]] = {}
    for row, reason in journal.progress.skipped.get(outcome.position, {}).items():
        alone.setdefault(reason, []).append(plan.tasks[row].task_id)
    for reason, tasks in list(alone.items())[:REASONS]:
        more = f" and {len(tasks) - 1} more" if len(tasks) > 1 else ""
        log.warning("    left alone: task %s%s: %s", tasks[0], more, reason)
    if len(alone) > REASONS:
        log.warning("    and for %d other reasons; report.html names every task", len(alone) - REASONS)


@contextmanager
def kept_steps(folder: RoundFolder, applier: Applier) -> Iterator[None]:
    """Write down what the steps of the block took, added to what they took in earlier processes."""
    path = folder.steps
    earlier = _kept(path)
    try:
        yield
    finally:
        for position, outcome in applier.outcomes.items():
            step = {**asdict(outcome), "outcome": _text(outcome)}
            before = earlier.get(str(position), {"requests": 0, "seconds": 0.0})
            for count in ("requests", "seconds"):
                step[count] += before[count]
            earlier[str(position)] = step
        applier.outcomes.clear()
        write_json(path, earlier)


def _kept(path: Path) -> dict[str, Any]:
    """Return what was written down of the steps so far; figures that cannot be read must not stop a recipe."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {position: step for position, step in kept.items() if step["requests"] + step["seconds"] >= 0}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _text(outcome: StepOutcome) -> str:
    if outcome.tasks == 0:
        done = "done" if outcome.requests else "nothing to do"
    elif outcome.written or outcome.left_alone:
        done = f"{outcome.written} of {outcome.tasks} done"
    else:
        done = f"{outcome.tasks} tasks"
    alone = f", {outcome.left_alone} left alone" if outcome.left_alone else ""
    cost = f" ({outcome.requests} request{'s' if outcome.requests > 1 else ''})" if outcome.requests else ""
    return f"{done}{alone}{cost}"
