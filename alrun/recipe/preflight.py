"""Which tasks a recipe may touch at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from alrun.errors import StateError
from alrun.recipe.plan import done_stage
from alrun.types import LeftOut, Snapshot, Stage, StageType, Task, TaskStatus

IDLE = {
    StageType.ANNOTATION: frozenset({TaskStatus.NEW, TaskStatus.RELEASED, TaskStatus.REOPENED}),
    StageType.DONE: frozenset({TaskStatus.COMPLETED}),
}
"""By the type of stage that a recipe takes tasks from: the statuses of a task that nobody has in hand."""


def preflight(
    snapshot: Snapshot, candidates: Collection[str], takes: StageType = StageType.ANNOTATION
) -> tuple[list[Task], list[LeftOut]]:
    """Split the candidates (task ids) into those that a recipe may touch and those it must leave alone.

    Left out, with the reason: a task with an assignee or in progress, anything but a single image, a row of a
    data group, two tasks of one image, and whatever is not in a stage of the type that the recipe `takes`. Of done
    stages only the last one counts: to no other can a task be completed again.

    Raises
    ------
    StateError
        If the workflow has a consensus stage, from whose end a task may not come back, or lacks a stage that
        every recipe needs.
    """
    _check_stages(snapshot.stages)
    per_image = Counter(task.data_hash for task in snapshot.tasks)
    stages = {stage.uuid: stage for stage in snapshot.stages}
    here = {s.uuid for s in snapshot.stages if s.type is takes}
    if takes is StageType.DONE:
        here = {done_stage(snapshot.stages).uuid}
    allowed: list[Task] = []
    left_out: list[LeftOut] = []
    for task in snapshot.tasks:
        if task.task_id not in candidates:
            continue
        reason = _misplaced(stages[task.stage], takes, here) or _objection(task, takes, per_image[task.data_hash])
        if reason is None:
            allowed.append(task)
        else:
            left_out.append(LeftOut(task.title, reason))
    return allowed, left_out


def _misplaced(stage: Stage, takes: StageType, here: Collection[str]) -> str | None:
    if stage.uuid in here:
        return None
    wanted = "an annotation stage" if takes is StageType.ANNOTATION else "where complete tasks are"
    return f"it is in {stage.title!r}, which is not {wanted}"


def _objection(task: Task, takes: StageType, tasks_of_image: int) -> str | None:
    if task.assignee is not None:
        return f"it is assigned to {task.assignee}"
    if task.status not in IDLE[takes]:
        return f"its status is {task.status.value!r}: somebody has it in hand"
    if task.data_type != "image":
        return f"it is of type {task.data_type!r}: recipes move single images only"
    if task.group_hash is not None:
        return "it belongs to a data group"
    if tasks_of_image > 1:
        return f"its image has {tasks_of_image} tasks"
    return None


def _check_stages(stages: tuple[Stage, ...]) -> None:
    consensus = [s.title for s in stages if s.type in {StageType.CONSENSUS_ANNOTATION, StageType.CONSENSUS_REVIEW}]
    if consensus:
        raise StateError(
            f"the workflow has consensus stages ({', '.join(consensus)}): a task that is completed there may not "
            "come back. Use a project without consensus"
        )
    listed = ", ".join(f"{s.title} ({s.type.value})" for s in stages)
    for needed in (StageType.ANNOTATION, StageType.DONE):
        if not any(s.type is needed for s in stages):
            raise StateError(f"the workflow has no {needed.value} stage; it has: {listed}")
    if stages[0].type is StageType.AGENT:
        raise StateError(
            f"the workflow begins with the agent stage {stages[0].title!r}: a reopened task would go through the "
            f"agent again. Stages: {listed}"
        )
