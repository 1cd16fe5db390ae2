"""A project of any platform, copied into the file of a local one under the same names.

Images are not copied: the copy's store is empty.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid5

from alrun.errors import ConfigError
from alrun.platform import schema
from alrun.platform.port import Platform, Project
from alrun.platform.reading import labels_of
from alrun.platform.retry import Patience, patiently
from alrun.types import Answer, Label, Ontology, StageType, Task

log = logging.getLogger("alrun")


@dataclass(frozen=True)
class _Content:
    tasks: Sequence[Task]
    labels: dict[str, Label]
    tags: dict[str, frozenset[str]]


def copy_project(source: Platform, path: Path, title: str, patience: Patience) -> None:
    """Read a project and write it to `path`: stages, tasks, labels and tags, with the names that they have.

    What a local project cannot hold is left out, and told in the log: tasks that no recipe takes (of other data
    than single images, in data groups, several of one image), and labels that the ontology does not (any longer)
    have.

    Raises
    ------
    ConfigError
        If the workflow does not begin with annotation and end with its only done stage.
    PlatformError
        If the platform does not answer within the patience, or refuses.
    """
    project = patiently(patience, source.project)
    _check_workflow(project)
    content = _read(source, patience)
    labels = {name: _within(project.ontology, label) for name, label in content.labels.items()}
    lost = sum(labels[name] != label for name, label in content.labels.items())
    store = path.with_name("images")
    facts = schema.Facts(UUID(project.project_id), title, project.ontology, project.stages, store)
    schema.create(path, facts, lambda db: _fill(db, project, _Content(content.tasks, labels, content.tags)))
    log.info(
        "copied project %s: %d tasks, %d label rows, %d tags", project.title, len(content.tasks), len(labels),
        len(content.tags),
    )  # fmt: skip
    if lost:
        log.warning("left out of the copy: what the ontology does not have, of %d label rows", lost)


def _check_workflow(project: Project) -> None:
    types = [stage.type for stage in project.stages]
    if types[:1] != [StageType.ANNOTATION] or types[-1:] != [StageType.DONE] or types.count(StageType.DONE) != 1:
        listed = ", ".join(f"{stage.title} ({stage.type.value})" for stage in project.stages)
        raise ConfigError(
            f"the workflow of {project.title!r} cannot be copied: it must begin with annotation and end with its only "
            f"done stage; it has: {listed}"
        )


def _read(source: Platform, patience: Patience) -> _Content:
    listed = patiently(patience, source.tasks)
    tasks = _copyable(listed)
    rows = [task.label_hash for task in tasks if task.label_hash is not None]
    labels = labels_of(source, rows, patience)
    known = frozenset(task.data_hash for task in tasks)
    tags = {name: members & known for name, members in patiently(patience, source.tags).items()}
    return _Content(tasks, labels, tags)


def _copyable(tasks: Sequence[Task]) -> list[Task]:
    """Return what a local project can hold: one task an image, and none of anything else."""
    of_image = Counter(task.data_hash for task in tasks)
    left_out: Counter[str] = Counter()
    kept = []
    for task in tasks:
        if task.data_type != "image":
            left_out[f"of type {task.data_type!r}"] += 1
        elif task.group_hash is not None:
            left_out["in data groups"] += 1
        elif of_image[task.data_hash] > 1:
            left_out["of images that have several"] += 1
        else:
            kept.append(task)
    for reason, count in left_out.items():
        log.warning("left out of the copy: tasks %s (%d), since no recipe takes them", reason, count)
    return kept


def _within(ontology: Ontology, label: Label) -> Label:
    options = {question.name: question.options for question in ontology.questions}
    answers = []
    for answer in label.answers:
        values = tuple(v for v in answer.values if not options.get(answer.question) or v in options[answer.question])
        if answer.question in options and values:
            answers.append(Answer(answer.question, values))
    return Label(tuple(answers), tuple(item for item in label.objects if item.name in ontology.objects))


def _fill(db: sqlite3.Connection, project: Project, content: _Content) -> None:
    stages = {stage.uuid: position for position, stage in enumerate(project.stages)}
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    db.executemany(
        "INSERT INTO tasks (data_hash, task_id, title, label_hash, stage, status, last_edited_at, last_actioned_by,"
        " assignee, priority, width, height, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (
                task.data_hash, task.task_id, task.title,
                task.label_hash or str(uuid5(UUID(project.project_id), f"label {task.data_hash}")),
                stages[task.stage], task.status.value,
                None if task.label_hash is None else _with_zone(task.last_edited_at or now),
                task.last_actioned_by, task.assignee, task.priority, task.width, task.height,
                json.dumps(dict(task.metadata)) if task.metadata else None,
            )
            for task in content.tasks
        ),
    )  # fmt: skip
    db.executemany("INSERT INTO labels VALUES (?, ?)", _label_rows(content))
    db.executemany("INSERT INTO tags VALUES (?)", ((name,) for name in content.tags))
    tagged = ((name, data_hash) for name, members in content.tags.items() for data_hash in sorted(members))
    db.executemany("INSERT INTO tagged VALUES (?, ?)", tagged)


def _label_rows(content: _Content) -> Iterable[tuple[str, str]]:
    for task in content.tasks:
        label = content.labels.get(task.label_hash or "", Label())
        if not label.empty:
            yield task.data_hash, json.dumps(label.to_json())


def _with_zone(at: str) -> str:
    """Return a time as a local project writes it; the platform's times are UTC and do not say so."""
    moment = datetime.fromisoformat(at)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat(timespec="microseconds")
