"""Frozen values that every layer shares: tasks, stages, labels, snapshots and picks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from alrun.files import digest

Scalar = str | int | float | bool


def scalars(metadata: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the client metadata that a listing shows: texts, numbers and yes-or-no, nothing nested."""
    return {str(key): value for key, value in metadata.items() if isinstance(value, Scalar)}


class Need(StrEnum):
    """What a metric or a strategy asks for; only what is asked for is computed."""

    EMBEDDINGS = "embeddings"
    IMAGES = "images"
    PROBABILITIES = "probabilities"
    SAMPLES = "samples"
    PREDICT = "predict"
    DETECTIONS = "detections"
    OUT_OF_SAMPLE = "out_of_sample"
    CROPS = "crops"


OF_A_MODEL = frozenset({Need.PROBABILITIES, Need.SAMPLES, Need.PREDICT, Need.DETECTIONS})
"""What only a model can give, one that is trained or one whose predictions are imported."""


class StageType(StrEnum):
    """What happens in a workflow stage; the names are the official SDK's."""

    ANNOTATION = "annotation"
    REVIEW = "review"
    DONE = "done"
    CONSENSUS_ANNOTATION = "consensus_annotation"
    CONSENSUS_REVIEW = "consensus_review"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a project's workflow."""

    uuid: str
    title: str
    type: StageType


class TaskStatus(StrEnum):
    """Where a task stands within its stage; the names are the official SDK's."""

    NEW = "new"
    ASSIGNED = "assigned"
    RELEASED = "released"
    SKIPPED = "skipped"
    REOPENED = "reopened"
    COMPLETED = "completed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class TaskRef:
    """The three names of one task; each kind of request wants another of them."""

    task_id: str
    data_hash: str
    label_hash: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """One task as the platform listed it.

    Attributes
    ----------
    stage
        The uuid of its stage.
    label_hash
        None until a label row was created for it ("initialised").
    last_edited_at
        When its labels were last saved, as the platform writes it: compared, never parsed. None until
        initialised.
    last_actioned_by
        Who last moved it, as the platform says.
    assignee, priority
        None where the platform has none. Priority is in 0..1, 1 is served first; None in a done stage.
    metadata
        Client metadata of the image.
    """

    task_id: str
    data_hash: str
    title: str
    stage: str
    status: TaskStatus
    label_hash: str | None = None
    last_edited_at: str | None = None
    last_actioned_by: str | None = None
    assignee: str | None = None
    priority: float | None = None
    data_type: str = "image"
    group_hash: str | None = None
    width: int | None = None
    height: int | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def ref(self) -> TaskRef:
        """The task's names, for a request."""
        return TaskRef(self.task_id, self.data_hash, self.label_hash)

    def fingerprint(self) -> tuple[str | float | None, ...]:
        """Return what would differ if anybody had moved, assigned, edited or re-prioritised the task."""
        return (
            self.stage, self.status, self.label_hash, self.last_edited_at,
            self.last_actioned_by, self.assignee, self.priority,
        )  # fmt: skip


class QuestionKind(StrEnum):
    """How an image-level question is answered."""

    RADIO = "radio"
    CHECKLIST = "checklist"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Question:
    """An image-level classification of the ontology; `options` is empty for text."""

    name: str
    kind: QuestionKind
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ontology:
    """What can be labelled: object classes, and questions about the whole image."""

    objects: tuple[str, ...] = ()
    questions: tuple[Question, ...] = ()

    @property
    def target(self) -> Question | None:
        """The question that a classifier learns: the first radio question, if there is one."""
        return next((q for q in self.questions if q.kind is QuestionKind.RADIO), None)

    @property
    def classes(self) -> list[str]:
        """Every object class and every option, as `Label.classes` names them."""
        return [*self.objects, *(option for question in self.questions for option in question.options)]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return asdict(self)

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Ontology:
        """Read what :meth:`to_json` wrote."""
        questions = tuple(
            Question(q["name"], QuestionKind(q["kind"]), tuple(q["options"])) for q in content["questions"]
        )
        return Ontology(tuple(content["objects"]), questions)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one question: the chosen options, or the one text."""

    question: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LabelledObject:
    """One object in an image: its class and its outline.

    `points` holds (x, y) relative to the image, each in 0..1: two corners for a box (top left, bottom right),
    three or more for a polygon.
    """

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Label:
    """Everything that was labelled in one image."""

    answers: tuple[Answer, ...] = ()
    objects: tuple[LabelledObject, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing at all was labelled."""
        return not self.answers and not self.objects

    @property
    def classes(self) -> tuple[str, ...]:
        """The object classes and chosen options that occur, sorted, each once."""
        chosen = {value for answer in self.answers for value in answer.values}
        return tuple(sorted(chosen | {o.name for o in self.objects}))

    def answer(self, question: str) -> tuple[str, ...]:
        """Return the answer to `question`; empty if it was not answered."""
        return next((a.values for a in self.answers if a.question == question), ())

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form, as `asdict` does: that takes ten times as long, and a project has many labels."""
        return {
            "answers": [{"question": a.question, "values": a.values} for a in self.answers],
            "objects": [{"name": o.name, "points": o.points} for o in self.objects],
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Label:
        """Read what :meth:`to_json` wrote."""
        answers = tuple(Answer(a["question"], tuple(a["values"])) for a in content["answers"])
        objects = tuple(
            LabelledObject(o["name"], tuple((float(x), float(y)) for x, y in o["points"])) for o in content["objects"]
        )
        return Label(answers, objects)


@dataclass(frozen=True, slots=True)
class ImageFile:
    """An image on this machine: the task's data hash, the path, and a digest of the bytes."""

    data_hash: str
    path: Path
    digest: str


@dataclass(frozen=True, slots=True)
class Example:
    """An image whose label is known: for evaluation, or an oracle."""

    image: ImageFile
    label: Label


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was not used, and why: a file at import, a task at preflight."""

    name: str
    reason: str


@dataclass(frozen=True)
class Snapshot:
    """What the platform said at one moment.

    `tasks` are sorted by data hash, then task id. `labels` maps label hashes to what is labelled; a row
    without any label maps to an empty :class:`Label`. `tags` maps tag names to data hashes. `parked` are the ids of
    tasks that are complete only because an unfinished run parked them.
    """

    project_id: str
    project_title: str
    ontology: Ontology
    stages: tuple[Stage, ...]
    tasks: tuple[Task, ...]
    labels: Mapping[str, Label]
    tags: Mapping[str, frozenset[str]]
    parked: frozenset[str] = frozenset()

    @cached_property
    def digest(self) -> str:
        """A digest of the project, its stages and every task's fingerprint."""
        tasks = [[t.task_id, t.data_hash, *t.fingerprint()] for t in self.tasks]
        return digest([self.project_id, [asdict(s) for s in self.stages], tasks])

    def stage(self, uuid: str) -> Stage:
        """Return the stage with this uuid."""
        return next(s for s in self.stages if s.uuid == uuid)


@dataclass(frozen=True, slots=True)
class Pick:
    """One selected task: `rank` counts from 1 (label first); `score` is the strategy's own number."""

    rank: int
    task_id: str
    data_hash: str
    title: str
    score: float
    reason: str


def count_stages(stages: Iterable[Stage], tasks: Iterable[Task]) -> list[tuple[str, int]]:
    """Return the title of each stage and how many of the tasks it holds, in workflow order, empty ones included."""
    counts = Counter(task.stage for task in tasks)
    return [(stage.title, counts[stage.uuid]) for stage in stages]
