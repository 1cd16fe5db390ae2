"""The project behind the protocol: the local platform's tasks under the names that clients use.

Everything here runs on one thread, as the local platform demands, so that one request sees no half of another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from uuid import UUID, uuid5

from alrun.emulator.ontology import Served
from alrun.emulator.policies import Policies
from alrun.emulator.rejection import Rejection
from alrun.emulator.sidecar import Moved, Sidecar
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Project
from alrun.platform.writes import Limits, PeopleWrite, RecipeWrite
from alrun.types import Stage, StageType, Task

UNLIMITED = 1_000_000_000  # the policies say what a request may hold


class Backend:
    """A local project and its sidecar, for whichever user asks.

    Parameters
    ----------
    path
        The project's file.
    owner
        Whom the project and its images belong to.

    Attributes
    ----------
    project_type
        What the protocol calls the kind of project; one without a workflow shows no stages.
    kinds
        The data type and group of tasks, by data hash, that are shown as something else than the single images that
        they are in the local project.
    """

    def __init__(self, path: Path, owner: str, policies: Policies) -> None:
        self.path = path
        self.owner = owner
        self.policies = policies
        self._platforms: dict[str, LocalPlatform] = {}
        self.project: Project = self._as(owner).project()
        self.served = Served(self.project.ontology)
        self.sidecar = Sidecar(path.with_name(path.name + ".emulator"), now())
        self.project_type = "workflow"
        self.kinds: dict[str, tuple[str, str | None]] = {}
        self._data_hashes: dict[str, str] = {}
        self._mime_types: dict[str, str] = {}

    def close(self) -> None:
        """Close both files."""
        for platform in self._platforms.values():
            platform.close()
        self.sidecar.close()

    def name(self, what: str) -> str:
        """Return the uuid of something that the project has one of, or one for each image."""
        return str(uuid5(UUID(self.project.project_id), f"emulator {what}"))

    @cached_property
    def stages(self) -> dict[str, Stage]:
        """The stages by uuid."""
        return {stage.uuid: stage for stage in self.project.stages}

    def stage(self, uuid: str) -> Stage:
        """Return a stage; a 404 if there is none."""
        if uuid not in self.stages:
            raise Rejection(404, f"the project has no stage {uuid}")
        return self.stages[uuid]

    def next_stage(self, uuid: str) -> Stage:
        """Return the stage that follows one that is not the last."""
        return self.project.stages[[stage.uuid for stage in self.project.stages].index(uuid) + 1]

    def done(self, task: Task) -> bool:
        """Whether the task is in a done stage."""
        return self.stages[task.stage].type is StageType.DONE

    def tasks(self, data_hashes: Sequence[str] | None = None) -> list[Task]:
        """List tasks as the platform shows them."""
        tasks = [self._of_its_kind(task) for task in self._as(self.owner).tasks(data_hashes)]
        if self.policies.moves_record_actor and not self.policies.moves_touch_labels:
            return tasks
        moved = self.sidecar.moved(data_hashes)
        return [self._shown(task, moved[task.data_hash]) if task.data_hash in moved else task for task in tasks]

    def found(self, names: Iterable[str], name_of: Callable[[Task], str | None]) -> dict[str, Task]:
        """Return the tasks that have these names, by name; names of no task are absent.

        `name_of` says which name of a task is meant: its task id, label hash, data hash or item.
        """
        names = list(dict.fromkeys(names))
        if any(name not in self._data_hashes for name in names):
            for task in self._as(self.owner).tasks():
                for name in (task.data_hash, task.task_id, self.item(task.data_hash), task.label_hash):
                    if name is not None:
                        self._data_hashes[name] = task.data_hash
        known = {self._data_hashes[name] for name in names if name in self._data_hashes}
        by_name = {name_of(task): task for task in self.tasks(list(known))}
        return {name: by_name[name] for name in names if name in by_name}

    def all_found(self, names: Iterable[str], name_of: Callable[[Task], str | None], status: int) -> list[Task]:
        """Return the tasks that have these names, in order; reject the request if one has none."""
        names = list(names)
        found = self.found(names, name_of)
        unknown = next((name for name in names if name not in found), None)
        if unknown is not None:
            raise Rejection(status, f"the project has no {unknown}")
        return [found[name] for name in names]

    def item(self, data_hash: str) -> str:
        """Return the uuid of the storage item behind an image."""
        return self.name(f"item {data_hash}")

    def write(self, request: RecipeWrite, user: str) -> None:
        """Carry out a write as a user."""
        self._as(user).write(request)

    def act(self, request: PeopleWrite, user: str) -> None:
        """Carry out a person's action as a user."""
        self._as(user).act(request)

    def platform(self) -> LocalPlatform:
        """Return the local platform, to read."""
        return self._as(self.owner)

    def image(self, data_hash: str) -> Path | None:
        """Return where an image is; None if it is lost."""
        files, _ = self._as(self.owner).images([data_hash])
        return files[0].path if files else None

    def mime_types(self, data_hashes: Sequence[str]) -> dict[str, str]:
        """Return what kinds of file images are, by their first bytes."""
        new = [name for name in data_hashes if name not in self._mime_types]
        files, lost = self._as(self.owner).images(new) if new else ([], [])
        for file in files:
            with file.path.open("rb") as content:
                self._mime_types[file.data_hash] = _mime_type(content.read(12))
        for item in lost:
            self._mime_types[item.name] = "application/octet-stream"
        return {name: self._mime_types[name] for name in data_hashes}

    def sizes(self, data_hashes: Sequence[str]) -> dict[str, int | None]:
        """Return how many bytes images have; None for a lost one."""
        files, _ = self._as(self.owner).images(data_hashes)
        known = {file.data_hash: file.path.stat().st_size for file in files}
        return {name: known.get(name) for name in data_hashes}

    def _of_its_kind(self, task: Task) -> Task:
        if task.data_hash not in self.kinds:
            return task
        data_type, group = self.kinds[task.data_hash]
        return replace(task, data_type=data_type, group_hash=group)

    def _shown(self, task: Task, move: Moved) -> Task:
        actor, edited = task.last_actioned_by, task.last_edited_at
        if not self.policies.moves_record_actor and actor == move.mover:
            actor = move.person
        if self.policies.moves_touch_labels and edited is not None:
            edited = max(edited, move.at)
        return replace(task, last_actioned_by=actor, last_edited_at=edited)

    def _as(self, user: str) -> LocalPlatform:
        if user not in self._platforms:
            limits = Limits(*[UNLIMITED] * 6)
            self._platforms[user] = LocalPlatform(self.path, user, limits)
        return self._platforms[user]


def by_data(task: Task) -> str:
    """Return a task's data hash."""
    return task.data_hash


def by_task(task: Task) -> str:
    """Return a task's id."""
    return task.task_id


def by_label(task: Task) -> str | None:
    """Return a task's label hash."""
    return task.label_hash


def now() -> str:
    """Return the time as the local platform writes it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def _mime_type(head: bytes) -> str:
    if head.startswith(b"\x89PNG"):
        return "image/png"
    if head.startswith(b"\xff\xd8"):
        return "image/jpeg"
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return "image/webp"
    if head.startswith((b"BM", b"GIF8", b"II*\0", b"MM\0*")):
        return {b"B": "image/bmp", b"G": "image/gif"}.get(head[:1], "image/tiff")
    return "application/octet-stream"
