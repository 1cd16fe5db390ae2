"""The label rows of a project as they were last listed: one row a task, named by its task's uuid."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from alrun.errors import Refused
from alrun.platform.encord.errors import asked, listed
from alrun.types import StageType, Task, TaskRef, TaskStatus, scalars

if TYPE_CHECKING:
    from encord import Project
    from encord.objects import LabelRowV2

log = logging.getLogger("alrun")


class Rows:
    """What the SDK's writes start from: its own row objects, which a listing gives and nothing else does.

    A write names its tasks by the references of an earlier listing; a task that was not listed in this process
    yet is listed then.
    """

    def __init__(self, project: Project, stages: Mapping[str, StageType]) -> None:
        self._project = project
        self._stages = stages
        self._rows: dict[str, LabelRowV2] = {}
        self._tasks: dict[str, Task] = {}

    def listed(self, data_hashes: Sequence[str] | None = None) -> list[Task]:
        """List all tasks, or those of some data hashes, in one request.

        Skipped tasks are asked for only when all are listed, by :meth:`skipped`.
        """
        wanted = None if data_hashes is None else list(dict.fromkeys(data_hashes))
        if wanted == []:
            return []  # an empty filter may be none to the server
        rows = asked(
            "listing the label rows",
            lambda: self._project.list_label_rows_v2(data_hashes=wanted, include_client_metadata=True),
        )
        tasks = asked("reading the listing", self._converted, rows)
        self._drop_gone(wanted, tasks)
        if wanted is None:
            tasks = self._with_skipped(tasks)
        return sorted(tasks, key=lambda task: (task.data_hash, task.task_id))

    def skipped(self, stages: Collection[str]) -> frozenset[str]:
        """Return the ids of the tasks that are skipped in these annotation stages: one request each, or one a page.

        A listing of label rows does not show them. All of a stage are asked for, for to ask for some the address would
        have to name each one.
        """
        from encord.workflow.stages.annotation import AnnotationTaskStatus

        found: set[str] = set()
        for uuid in sorted(stages):
            stage: Any = self._project.workflow.get_stage(uuid=UUID(uuid))
            tasks = listed("listing the skipped tasks", stage.get_tasks, status=AnnotationTaskStatus.SKIPPED)
            found |= {str(task.uuid) for task in tasks}
        return frozenset(found)

    def of(self, refs: Sequence[TaskRef]) -> list[LabelRowV2]:
        """Return the row of each reference.

        Raises
        ------
        Refused
            If a task is named twice, or the project has it not, or not with this label row.
        """
        self._know([ref.data_hash for ref in refs if ref.task_id not in self._tasks])
        for ref in refs:
            task = self._tasks.get(ref.task_id)
            if task is None or task.data_hash != ref.data_hash:
                raise Refused(f"the project has no task {ref.task_id} of the data {ref.data_hash}")
            if ref.label_hash not in (None, self._rows[ref.task_id].label_hash):
                raise Refused(f"the task {ref.task_id} has no label row {ref.label_hash}")
        if len({ref.task_id for ref in refs}) != len(refs):
            raise Refused("a task is named twice in one request: name each once")
        return [self._rows[ref.task_id] for ref in refs]

    def task(self, ref: TaskRef) -> Task:
        """Return the task of a reference that :meth:`of` accepted, as it was last listed."""
        return self._tasks[ref.task_id]

    def of_images(self, data_hashes: Sequence[str]) -> dict[str, LabelRowV2]:
        """Return a row for each data hash that the project has."""
        known = {task.data_hash for task in self._tasks.values()}
        self._know([data_hash for data_hash in data_hashes if data_hash not in known])
        return {task.data_hash: self._rows[task_id] for task_id, task in self._tasks.items()}

    def other_than_images(self) -> frozenset[str]:
        """Return the label hashes of the rows that are known to be no single images."""
        others = (task.label_hash for task in self._tasks.values() if task.data_type != "image")
        return frozenset(label_hash for label_hash in others if label_hash is not None)

    def _know(self, data_hashes: Sequence[str]) -> None:
        if data_hashes:
            self.listed(data_hashes)

    def _with_skipped(self, tasks: Sequence[Task]) -> list[Task]:
        stages = {task.stage for task in tasks if self._stages.get(task.stage) is StageType.ANNOTATION}
        skipped = self.skipped(stages)
        return [
            replace(task, status=TaskStatus.SKIPPED) if task.task_id in skipped and task.stage in stages else task
            for task in tasks
        ]

    def _drop_gone(self, wanted: Sequence[str] | None, tasks: Sequence[Task]) -> None:
        """Drop what was listed before and is no longer in the project."""
        now = {task.task_id for task in tasks}
        asked_for = None if wanted is None else set(wanted)
        for task_id, task in list(self._tasks.items()):
            if task_id not in now and (asked_for is None or task.data_hash in asked_for):
                del self._tasks[task_id], self._rows[task_id]

    def _converted(self, rows: Sequence[LabelRowV2]) -> list[Task]:
        tasks: list[Task] = []
        outside = 0
        for row in rows:
            if row.workflow_graph_node is None or row.task_uuid is None:
                outside += 1
                continue
            task = self._task(row, str(row.task_uuid), str(row.workflow_graph_node.uuid))
            self._rows[task.task_id], self._tasks[task.task_id] = row, task
            tasks.append(task)
        if outside:
            log.warning("%d label rows are in no stage of the workflow and were left out", outside)
        return tasks

    def _task(self, row: LabelRowV2, task_id: str, stage: str) -> Task:
        assignee = row.assigned_user_email
        return Task(
            task_id=task_id,
            data_hash=str(row.data_hash),
            title=row.data_title,
            stage=stage,
            status=_status(self._stages.get(stage), assignee),
            label_hash=None if row.label_hash is None else str(row.label_hash),
            last_edited_at=None if row.last_edited_at is None else row.last_edited_at.isoformat(),
            last_actioned_by=row.last_actioned_by_user_email,
            assignee=assignee,
            priority=row.priority,
            data_type=row.data_type.value,
            group_hash=None if row.group_hash is None else str(row.group_hash),
            width=row.width,
            height=row.height,
            metadata=scalars(row.client_metadata or {}),
        )


def _status(stage: StageType | None, assignee: str | None) -> TaskStatus:
    """Return what a row shows of a task's status: whether it is done, in somebody's hands, or neither."""
    if stage is StageType.DONE:
        return TaskStatus.COMPLETED
    return TaskStatus.NEW if assignee is None else TaskStatus.ASSIGNED
