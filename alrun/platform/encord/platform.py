"""A project on the Encord platform, as the port describes one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from alrun.errors import Refused, TooLarge
from alrun.parts import in_parts
from alrun.platform.encord.auth import Trace
from alrun.platform.encord.errors import asked
from alrun.platform.encord.images import Images
from alrun.platform.encord.labels import Vocabulary, read_label
from alrun.platform.encord.metadata import Metadata
from alrun.platform.encord.people import People
from alrun.platform.encord.rows import Rows
from alrun.platform.encord.tags import Tags
from alrun.platform.port import Project
from alrun.platform.writes import (
    AddTag,
    Complete,
    DropTag,
    InitialiseLabels,
    Limits,
    Move,
    PeopleWrite,
    Prelabel,
    RecipeWrite,
    RemoveTag,
    Reopen,
    SetMetadata,
    SetPriority,
)
from alrun.types import ImageFile, Label, LeftOut, StageType, Task

if TYPE_CHECKING:
    from encord import Project as SdkProject
    from encord.client import EncordClientProject
    from encord.http.bundle import Bundle
    from encord.http.v2.api_client import ApiClient
    from encord.objects import LabelRowV2


@dataclass(frozen=True)
class Connection:
    """What the SDK gives for one project: its object, the client beneath it, the v2 client, and the request count."""

    project: SdkProject
    client: EncordClientProject
    api: ApiClient
    trace: Trace


class EncordPlatform:
    """An open project. For one thread, and for one process that writes.

    A write is one request, with these exceptions: label rows that exist are not created again; the first use of a
    tag looks it up, and creates it in two requests; tasks that were not listed before are listed.
    """

    def __init__(
        self, connection: Connection, facts: Project, vocabulary: Vocabulary, images: Images, limits: Limits
    ) -> None:
        self.limits = limits
        self._connection = connection
        self._facts = facts
        self._vocabulary = vocabulary
        self._images = images
        self._stages = {stage.uuid: stage.type for stage in facts.stages}
        self._rows = Rows(connection.project, self._stages)
        self._tags = Tags(connection.project)
        self._people = People(connection.project, facts, self._rows)
        self._metadata = Metadata(connection.project, connection.api, self._rows)

    @property
    def lock(self) -> Path:
        """A file in the cache folder, one for the project."""
        self._images.folder.mkdir(parents=True, exist_ok=True)
        return self._images.folder / "lock"

    @property
    def requests(self) -> int:
        """How many requests the SDK sent to the platform; downloads of images come from elsewhere."""
        return self._connection.trace.requests

    @property
    def connection(self) -> Connection:
        """What the SDK gives, for what the port has no word for."""
        return self._connection

    def facts(self) -> list[tuple[str, str]]:
        """Return what kind of project it is, and who we are in it, as far as the SDK says it."""
        project, user = self._connection.project, self._facts.user
        role = None if project.user_role is None else project.user_role.name.lower().replace("_", " ")
        return [
            ("type", project.project_type.value),
            (
                "user",
                f"{user}, as the config says" if "@" in user else "unknown: the SDK does not tell, nor the config",
            ),
            ("role", role or "unknown: perhaps an organisation's admin"),
        ]

    def project(self) -> Project:
        """Return the project's facts as they were when it was opened."""
        return self._facts

    def tasks(self, data_hashes: Sequence[str] | None = None) -> list[Task]:
        """List all tasks, or those of some data hashes, in one request.

        Of a task's status, a listing shows `completed`, `assigned` and, for everything else, `new`: a released or
        reopened task that nobody has in hand cannot be told from a new one. The full listing also shows `skipped`, by
        one more request for each annotation stage that holds tasks, or for each page of skipped ones. That of some
        data hashes, which comes before each write, does not: a task that is skipped between the snapshot and a write
        looks `new`.
        """
        if data_hashes is not None:
            _fits(len(data_hashes), self.limits.listing)
        return self._rows.listed(data_hashes)

    def skipped(self, stages: Collection[str]) -> frozenset[str]:
        """Return the ids of the tasks that people skipped in these annotation stages, in one request each."""
        return self._rows.skipped(stages)

    def labels(self, label_hashes: Sequence[str]) -> dict[str, Label]:
        """Return what is labelled, in one request unless the platform takes fewer rows at once.

        Rows of anything but single images, and rows that do not exist, are absent.
        """
        others = self._rows.other_than_images()
        return self._read_labels([label_hash for label_hash in label_hashes if label_hash not in others])

    def tags(self) -> dict[str, frozenset[str]]:
        """Return the collections of images, by name."""
        return self._tags.read()

    def tag_names(self) -> frozenset[str]:
        """Return the names of the collections of images, in one request."""
        return self._tags.names()

    def images(self, data_hashes: Sequence[str]) -> tuple[list[ImageFile], list[LeftOut]]:
        """Download what is not here yet; one request for each 1,000 addresses."""
        return self._images.fetch(data_hashes, self._rows.of_images(data_hashes))

    def write(self, request: RecipeWrite) -> None:
        """Carry out one write of a recipe.

        If the platform refuses some of the images of a tag, the others have changed all the same: to give or take
        a tag twice is the same as once.
        """
        _fits(len(request.tasks), self.limits.of(type(request)))
        rows = self._rows.of(request.tasks)
        match request:
            case InitialiseLabels():
                new = [row for row in rows if row.label_hash is None]
                self._bundled("creating label rows", new, lambda row, bundle: row.initialise_labels(bundle=bundle))
            case Complete():
                self._complete(request, rows)
            case Reopen():
                named = zip(request.tasks, rows, strict=True)
                begun = [row for ref, row in named if ref.label_hash is not None]
                self._bundled("reopening tasks", begun, lambda row, bundle: row.workflow_reopen(bundle))
            case Move():
                self._move(request)
            case SetPriority():
                self._set_priority(request, rows)
            case AddTag():
                self._tags.add(request.name, [ref.data_hash for ref in request.tasks])
            case RemoveTag():
                self._tags.remove(request.name, [ref.data_hash for ref in request.tasks])
            case DropTag():
                self._tags.drop(request.name)

    def act(self, request: PeopleWrite) -> None:
        """Carry out what a person would do, as the owner of the key, who alone can act through it."""
        self._people.act(request)

    def metadata(self, data_hashes: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return all client metadata of at most `limits.metadata` images."""
        _fits(len(data_hashes), self.limits.metadata)
        return self._metadata.read(data_hashes)

    def set_metadata(self, request: SetMetadata) -> None:
        """Change client metadata. The SDK cannot make that depend on what they are: `request.before` is not looked at.

        Where the server replaces metadata rather than merging them, a key that somebody adds between the reading and
        this request is lost.
        """
        _fits(len(request.tasks), self.limits.metadata)
        self._metadata.write(request)

    def prelabel(self, request: Prelabel) -> None:
        """Propose labels where the server shows none right before.

        The SDK saves a label row whole and unconditionally: what somebody saves between the reading of these rows and
        the saving of their pre-labels is lost. Few tasks a request keep that moment short.
        """
        _fits(len(request.tasks), self.limits.prelabel)
        self._people.prelabel(request)

    def close(self) -> None:
        """Nothing is held: the SDK opens a connection for each request."""

    def _read_labels(self, label_hashes: Sequence[str]) -> dict[str, Label]:
        if not label_hashes:
            return {}
        client = self._connection.client
        try:
            rows = asked("reading labels", client.get_label_rows, list(label_hashes), get_signed_url=False)
        except TooLarge as error:
            if len(label_hashes) == 1:
                raise
            size = min(error.limit or len(label_hashes), (len(label_hashes) + 1) // 2)
            parts = in_parts(label_hashes, size)
            return {name: label for part in parts for name, label in self._read_labels(part).items()}
        return {str(row["label_hash"]): self._label(row) for row in rows}

    def _label(self, row: Mapping[str, Any]) -> Label:
        try:
            return read_label(row, self._vocabulary)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Refused(
                f"the label row {row['label_hash']} is not as documented ({type(error).__name__}): open it in "
                "the product, or take its image out of the project"
            ) from None

    def _bundled(self, what: str, rows: Sequence[LabelRowV2], add: Callable[[LabelRowV2, Bundle], None]) -> None:
        """Send one request for all rows: a fresh bundle that is exactly as large as they are."""
        if not rows:
            return

        def send() -> None:
            with self._connection.project.create_bundle(bundle_size=len(rows)) as bundle:
                for row in rows:
                    add(row, bundle)

        asked(what, send)

    def _complete(self, request: Complete, rows: Sequence[LabelRowV2]) -> None:
        for ref in request.tasks:
            if ref.label_hash is None:
                raise Refused(f"the task {ref.task_id} cannot be completed: it was listed without a label row")
        self._bundled("completing tasks", rows, lambda row, bundle: row.workflow_complete(bundle))

    def _move(self, request: Move) -> None:
        from encord.workflow.common import WorkflowClient

        for uuid in (request.origin, request.destination):
            if uuid not in self._stages:
                raise Refused(f"the project has no stage {uuid}")
        if request.origin == request.destination:
            raise Refused("the origin and the destination of a move are the same stage")
        if not request.tasks:
            return
        client = WorkflowClient(self._connection.api, UUID(self._facts.project_id))
        move = partial(
            client.move,
            origin_stage_uuid=UUID(request.origin),
            destination_stage_uuid=UUID(request.destination),
            task_uuids=[UUID(ref.task_id) for ref in request.tasks],
        )
        asked("moving tasks", move)

    def _set_priority(self, request: SetPriority, rows: Sequence[LabelRowV2]) -> None:
        if len(request.priorities) != len(rows):
            raise Refused(f"{len(request.priorities)} priorities were given for {len(rows)} tasks")
        wanted = dict(zip([ref.data_hash for ref in request.tasks], request.priorities, strict=True))
        for ref in request.tasks:
            priority = wanted[ref.data_hash]
            if not isfinite(priority) or not 0 <= priority <= 1:
                raise Refused(f"the priority {priority} of the task {ref.task_id} is not in 0..1")
            if self._stages.get(self._rows.task(ref).stage) is StageType.DONE:
                raise Refused(f"the task {ref.task_id} is complete: a complete task has no priority")
        self._bundled("setting priorities", rows, lambda r, bundle: r.set_priority(wanted[r.data_hash], bundle))


def _fits(given: int, limit: int) -> None:
    if given > limit:
        raise TooLarge(f"{given} tasks are too many for one request: send at most {limit}", limit)
