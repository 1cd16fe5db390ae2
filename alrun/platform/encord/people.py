"""What people do, through the SDK: for simulations and tests. A key acts as its owner, and as nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from alrun.errors import Refused
from alrun.parts import in_parts
from alrun.platform.encord.errors import asked, listed
from alrun.platform.encord.labels import write_label
from alrun.platform.encord.rows import Rows
from alrun.platform.people import fault
from alrun.platform.port import Project
from alrun.platform.writes import Approve, Assign, PeopleWrite, Prelabel, Reject, Release, SaveLabels, Skip, Submit
from alrun.types import StageType, TaskRef

if TYPE_CHECKING:
    from encord import Project as SdkProject
    from encord.http.bundle import Bundle
    from encord.objects import LabelRowV2

LISTED = 100
"""How many tasks to look up by one request, whose address names each of them."""

_STAGES: dict[type[PeopleWrite], tuple[StageType, ...]] = {
    Assign: (StageType.ANNOTATION, StageType.REVIEW),
    Release: (StageType.ANNOTATION, StageType.REVIEW),
    Submit: (StageType.ANNOTATION,),
    Approve: (StageType.REVIEW,),
    Reject: (StageType.REVIEW,),
}


class People:
    """The actions of the key's owner in one project. All tasks of a request must be in one stage."""

    def __init__(self, project: SdkProject, facts: Project, rows: Rows) -> None:
        self._project = project
        self._facts = facts
        self._rows = rows

    def act(self, request: PeopleWrite) -> None:
        """Carry out one action.

        Raises
        ------
        Refused
            If somebody else is to act, the stage does not have the action, or the SDK has not.
        """
        if isinstance(request, Skip):
            raise Refused("the SDK cannot skip a task: skip it in the product")
        if not isinstance(request, Assign | Release) and request.actor != self._facts.user:
            raise Refused(
                f"the key acts as {self._facts.user}, not as {request.actor}: use the key of whoever is to act"
            )
        self._rows.of(request.tasks)
        self._rows.listed([ref.data_hash for ref in request.tasks])  # where they are now
        if isinstance(request, SaveLabels):
            self._save(request)
        elif request.tasks:
            self._send(request)

    def prelabel(self, request: Prelabel) -> None:
        """Save proposed labels where there is none yet and nobody has the task in hand."""
        self._rows.of(request.tasks)
        self._rows.listed([ref.data_hash for ref in request.tasks])  # where they are now
        types = {stage.uuid: stage.type for stage in self._facts.stages}
        for ref in request.tasks:
            task = self._rows.task(ref)
            if types.get(task.stage) is not StageType.ANNOTATION or task.assignee is not None:
                who = "in no annotation stage" if task.assignee is None else f"in the hands of {task.assignee}"
                raise Refused(f"the task {ref.task_id} is {who}: a pre-label never takes a person's place")
        self._save(request)

    def _save(self, request: SaveLabels | Prelabel) -> None:
        if len(request.labels) != len(request.tasks):
            raise Refused(f"{len(request.labels)} labels were given for {len(request.tasks)} tasks")
        for ref, label in zip(request.tasks, request.labels, strict=True):
            reason = fault(label, self._facts.ontology)
            if reason is not None:
                raise Refused(f"the label of the task {ref.task_id} does not fit the ontology: {reason}")
        rows = self._rows.of(request.tasks)
        begun, new = ([row for row in rows if (row.label_hash is None) is none] for none in (False, True))
        self._load(begun)
        if isinstance(request, Prelabel):
            labelled = [r for r in begun if r.get_object_instances() or r.get_classification_instances()]
            if labelled:
                raise Refused(
                    f"the image {labelled[0].data_hash} is labelled already: a pre-label never takes a person's place"
                )
        self._load(new)

        def save() -> None:
            with self._project.create_bundle(bundle_size=len(rows)) as bundle:
                for row, label in zip(rows, request.labels, strict=True):
                    write_label(row, label)
                    row.save(bundle)

        asked("saving labels", save)

    def _load(self, rows: Sequence[LabelRowV2]) -> None:
        """Read label rows, or create those that do not exist."""
        if not rows:
            return

        def load() -> None:
            with self._project.create_bundle(bundle_size=len(rows)) as bundle:
                for row in rows:
                    row.initialise_labels(overwrite=True, bundle=bundle)

        asked("loading label rows", load)

    def _send(self, request: PeopleWrite) -> None:
        stage = self._stage(request)
        tasks = self._listed(stage, request.tasks)

        def send() -> None:
            with self._project.create_bundle(bundle_size=len(tasks)) as bundle:
                for task in tasks:
                    _add(request, task, bundle)

        asked(f"{type(request).__name__.lower()} of tasks", send)

    def _stage(self, request: PeopleWrite) -> str:
        """Return the one stage that all tasks are in."""
        stages = {stage.uuid: stage for stage in self._facts.stages}
        found = {self._rows.task(ref).stage for ref in request.tasks}
        for uuid in found:
            if stages[uuid].type not in _STAGES[type(request)]:
                raise Refused(f"{type(request).__name__} does not exist in the stage {stages[uuid].title!r}")
        if len(found) > 1:
            raise Refused(f"the tasks are in {len(found)} stages: {type(request).__name__} those of one at a time")
        return found.pop()

    def _listed(self, stage: str, refs: Sequence[TaskRef]) -> list[Any]:
        """Return the SDK's own task objects, which alone have the actions."""
        wanted = {ref.task_id for ref in refs}
        found: dict[str, Any] = {}
        for part in in_parts([ref.data_hash for ref in refs], LISTED):
            workflow: Any = self._project.workflow.get_stage(uuid=UUID(stage))
            tasks = listed("listing the tasks of a stage", workflow.get_tasks, data_hash=list(part))
            found |= {str(task.uuid): task for task in tasks if str(task.uuid) in wanted}
        if missing := wanted - found.keys():
            raise Refused(f"{len(missing)} tasks are no longer in the stage, such as {min(missing)}")
        return [found[ref.task_id] for ref in refs]


def _add(request: PeopleWrite, task: Any, bundle: Bundle) -> None:
    match request:
        case Assign():
            task.assign(request.assignee, bundle=bundle)
        case Release():
            task.release(bundle=bundle)
        case Submit():
            task.submit(bundle=bundle)
        case Approve():
            task.approve(bundle=bundle)
        case Reject():
            task.reject(bundle=bundle)
