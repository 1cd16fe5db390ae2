"""The embedded platform: a workflow project in one SQLite file, for work without an account or a network.

It behaves as the official SDK and product show. Where they leave it open, this platform is the one that asks
most of a recipe:

- the done stage takes a task's assignee and priority, and they do not come back: a reopened task has the
  default priority, 0.5;
- a complete task has no priority, and setting one is `Refused`;
- `Complete` and `Reopen` go by the label hash that the reference carries: one that was listed before its label
  row was created counts as uninitialised;
- a task that is moved back to an annotation stage from review or done has status `reopened`, otherwise `new`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from alrun.errors import Refused, TooLarge
from alrun.faults import reach
from alrun.platform import actions, people, schema
from alrun.platform.port import NewImage, Project
from alrun.platform.store import ImageStore
from alrun.platform.writes import Limits, PeopleWrite, Prelabel, RecipeWrite, SetMetadata
from alrun.types import (
    Example,
    ImageFile,
    Label,
    LeftOut,
    Ontology,
    Scalar,
    Stage,
    StageType,
    Task,
    TaskRef,
    TaskStatus,
    scalars,
)


class LocalPlatform:
    """An open local project. Safe beside other processes; for one thread.

    Parameters
    ----------
    path
        The project's file, made by :class:`LocalProject`.
    user
        Who acts: recorded with each workflow action of a recipe.
    limits
        How many tasks one request may name. People's actions have no limit.
    """

    def __init__(self, path: Path, user: str, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._path = path.resolve()  # by whatever name it is opened, its lock is one
        self._requests = 0
        self._known: tuple[tuple[int, int], list[Task]] | None = None
        self._db = schema.connect(self._path)
        try:
            self._project, store = self._facts(user)
        except BaseException:
            self._db.close()
            raise
        self._store = ImageStore(store)
        self._others: list[ImageStore] = []

    @property
    def lock(self) -> Path:
        """The lock file, beside the project's."""
        return self._path.with_name(self._path.name + ".lock")

    @property
    def requests(self) -> int:
        """How many calls there were, failed ones included."""
        return self._requests

    def project(self) -> Project:
        """Return the project's facts."""
        self._requests += 1
        return self._project

    def tasks(self, data_hashes: Sequence[str] | None = None) -> list[Task]:
        """List all tasks, or those of at most `limits.listing` data hashes, sorted by data hash."""
        if data_hashes is None:
            return self._everything()
        if len(data_hashes) > self.limits.listing:
            self._requests += 1
            raise _too_large(len(data_hashes), self.limits.listing)
        return self._listed(f"WHERE {actions.AMONG}", actions.keys(data_hashes))

    def labels(self, label_hashes: Sequence[str]) -> dict[str, Label]:
        """Return what is labelled; a label row that does not exist is absent."""
        query = (
            "SELECT label_hash, label FROM tasks LEFT JOIN labels USING (data_hash)"
            " WHERE last_edited_at IS NOT NULL AND label_hash IN (SELECT value FROM json_each(?))"
        )
        rows = self._read(query, actions.keys(label_hashes))
        return {name: _label(text) if text else Label() for name, text in rows}

    def tags(self) -> dict[str, frozenset[str]]:
        """Return every tag with the data hashes that have it."""
        members: dict[str, set[str]] = {}
        for name, data_hash in self._read("SELECT name, data_hash FROM tags LEFT JOIN tagged USING (name)"):
            tagged = members.setdefault(name, set())
            if data_hash is not None:
                tagged.add(data_hash)
        return {name: frozenset(tagged) for name, tagged in members.items()}

    def tag_names(self) -> frozenset[str]:
        """Return the names of the tags."""
        return frozenset(name for (name,) in self._read("SELECT name FROM tags"))

    def look_in(self, store: Path) -> None:
        """Look for images that the project's own store has lost in another one too, such as another machine's cache."""
        self._others.append(ImageStore(store))

    def images(self, data_hashes: Sequence[str]) -> tuple[list[ImageFile], list[LeftOut]]:
        """Return where the images are in the store."""
        query = f"SELECT data_hash FROM tasks WHERE {actions.AMONG}"  # noqa: S608
        known = {data_hash for (data_hash,) in self._read(query, actions.keys(data_hashes))}
        files: list[ImageFile] = []
        left_out: list[LeftOut] = []
        for data_hash in data_hashes:
            if data_hash not in known:
                left_out.append(LeftOut(data_hash, "the project has no such image"))
                continue
            file = self._file(data_hash)
            if file.path.is_file():
                files.append(file)
            else:
                left_out.append(LeftOut(data_hash, f"its file is gone: {file.path}"))
        return files, left_out

    def write(self, request: RecipeWrite) -> None:
        """Carry out one write of a recipe, whole or not at all."""
        with self._writing() as tasks:
            limit = self.limits.of(type(request))
            if len(request.tasks) > limit:
                raise _too_large(len(request.tasks), limit)
            actions.write(tasks, request)

    def act(self, request: PeopleWrite) -> None:
        """Carry out one action of a person, whole or not at all."""
        with self._writing() as tasks:
            people.act(tasks, request)

    def metadata(self, data_hashes: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return all client metadata of at most `limits.metadata` images."""
        if len(data_hashes) > self.limits.metadata:
            self._requests += 1
            raise _too_large(len(data_hashes), self.limits.metadata)
        query = f"SELECT data_hash, metadata FROM tasks WHERE {actions.AMONG}"  # noqa: S608
        rows = self._read(query, actions.keys(data_hashes))
        return {name: json.loads(text) if text else {} for name, text in rows}

    def set_metadata(self, request: SetMetadata) -> None:
        """Change client metadata, whole or not at all; `Refused` if an image has other ones than `request.before`."""
        with self._writing() as tasks:
            if len(request.tasks) > self.limits.metadata:
                raise _too_large(len(request.tasks), self.limits.metadata)
            actions.set_metadata(tasks, request)

    def prelabel(self, request: Prelabel) -> None:
        """Propose labels, whole or not at all."""
        with self._writing() as tasks:
            if len(request.tasks) > self.limits.prelabel:
                raise _too_large(len(request.tasks), self.limits.prelabel)
            people.prelabel(tasks, request)

    def truth(self, data_hashes: Sequence[str]) -> Mapping[str, Label]:
        """Return the labels that the dataset came with; images without one are absent."""
        query = f"SELECT * FROM truth WHERE {actions.AMONG}"  # noqa: S608
        return {name: _label(text) for name, text in self._read(query, actions.keys(data_hashes))}

    def held_out(self) -> list[Example]:
        """Return the dataset's test images with their labels, sorted by data hash."""
        rows = self._read("SELECT * FROM held_out ORDER BY data_hash")
        return [Example(self._file(data_hash), _label(text)) for data_hash, text in rows]

    def add_images(self, images: Sequence[NewImage]) -> None:
        """Add new tasks, in the first stage; `Refused` as a whole if the project or its test set has one."""
        self._store.sync()
        with self._writing() as tasks:
            names = [schema.data_hash(image.digest) for image in images]
            query = "SELECT value FROM json_each(?) WHERE value IN (SELECT data_hash FROM tasks"
            query += " UNION ALL SELECT data_hash FROM held_out)"
            known = tasks.db.execute(query, (actions.keys(names),)).fetchone()
            if known is not None or len(set(names)) != len(names):
                raise Refused(f"an image is in the project already, or given twice: {known[0] if known else ''}")
            schema.insert_images(tasks.db, UUID(self._project.project_id), images)

    def delete_tasks(self, refs: Sequence[TaskRef]) -> None:
        """Delete tasks with their labels and tags; `Refused` as a whole if one does not exist."""
        with self._writing() as tasks:
            rows = tasks.find(refs)
            names = actions.keys(row.data_hash for row in rows)
            for table in ("tasks", "labels", "tagged", "truth"):
                tasks.db.execute(f"DELETE FROM {table} WHERE {actions.AMONG}", (names,))  # noqa: S608

    def close(self) -> None:
        """Close the file."""
        with schema.translated(self._path):
            self._db.close()

    def _facts(self, user: str) -> tuple[Project, Path]:
        with schema.translated(self._path):
            project_id, title, ontology, store = self._db.execute("SELECT * FROM project").fetchone()
            rows = self._db.execute("SELECT uuid, title, type FROM stages ORDER BY position").fetchall()
        stages = tuple(Stage(uuid, name, StageType(kind)) for uuid, name, kind in rows)
        return Project(project_id, title, Ontology.from_json(json.loads(ontology)), stages, user), Path(store)

    def _everything(self) -> list[Task]:
        """List all tasks; read again only if this or any other connection has written to the file since."""
        with schema.translated(self._path):
            (others,) = self._db.execute("PRAGMA data_version").fetchone()
        state = others, self._db.total_changes
        if self._known is None or self._known[0] != state:
            self._known = state, self._listed("")
        else:
            self._requests += 1
        return list(self._known[1])

    def _listed(self, condition: str, *parameters: str) -> list[Task]:
        stages = [stage.uuid for stage in self._project.stages]
        statuses: dict[str, TaskStatus] = {status.value: status for status in TaskStatus}
        columns = (
            "task_id, data_hash, title, stage, status, label_hash, last_edited_at, last_actioned_by,"
            " assignee, priority, width, height, metadata"
        )
        rows = self._read(f"SELECT {columns} FROM tasks {condition} ORDER BY data_hash", *parameters)  # noqa: S608
        return [
            Task(
                task_id, data_hash, title, stages[stage], statuses[status], label_hash if edited else None, edited,
                actioned, assignee, priority, "image", None, width, height, _metadata(metadata),
            )
            for task_id, data_hash, title, stage, status, label_hash, edited, actioned,
                assignee, priority, width, height, metadata in rows
        ]  # fmt: skip

    def _file(self, data_hash: str) -> ImageFile:
        image_digest = UUID(data_hash).hex
        path = self._store.path(image_digest)
        if not path.is_file():
            elsewhere = (store.path(image_digest) for store in self._others)
            path = next((other for other in elsewhere if other.is_file()), path)
        return ImageFile(data_hash, path, image_digest)

    def _read(self, query: str, *parameters: str) -> list[tuple[Any, ...]]:
        self._requests += 1
        with schema.translated(self._path):
            return self._db.execute(query, parameters).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[actions.Tasks]:
        self._requests += 1
        with schema.translated(self._path):
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield actions.Tasks(self._db, self._project)
                reach("local.before_commit")
                self._db.execute("COMMIT")
                reach("local.after_commit")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise


def _metadata(text: str | None) -> dict[str, Scalar]:
    return scalars(json.loads(text)) if text else {}


@lru_cache(maxsize=10_000)  # classes are few, and images many
def _label(text: str) -> Label:
    return Label.from_json(json.loads(text))


def _too_large(given: int, limit: int) -> TooLarge:
    return TooLarge(f"{given} tasks are too many for one request: send at most {limit}", limit)
