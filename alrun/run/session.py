"""What every action of one run shares: its job, its platform, its folder, and what was computed so far."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from alrun.datasets.importer import IMAGES
from alrun.embeddings.cache import EmbeddedImages
from alrun.errors import BadImages, ConfigError, StateError, Waiting
from alrun.files import locked
from alrun.models.base import Array, ImageModel, Model
from alrun.models.imported import ImportedModel
from alrun.numeric.blocks import Doubles
from alrun.numeric.projection import principal_plane
from alrun.platform.port import HoldsOut, KeepsImages, Platform
from alrun.platform.retry import Patience, patiently
from alrun.pool.images import load_pixels
from alrun.pool.snapshot import take_snapshot
from alrun.run.folder import RunFolder, command_line, of_another_config
from alrun.run.job import Job, choice
from alrun.run.source import Source, warn_of
from alrun.types import Example, ImageFile, LeftOut, Snapshot, count_stages

log = logging.getLogger("alrun")

T = TypeVar("T")

LOCK = ".lock"


class Access(Enum):
    """What an action writes to: one process at a time may."""

    NOTHING = auto()
    FOLDER = auto()
    """The run folder."""
    PROJECT = auto()
    """The run folder and the project on the platform."""


@dataclass
class Session:
    """An open run.

    Attributes
    ----------
    images
        The image of every task that was asked for so far, by data hash.
    missing
        Why an image could not be had or decoded, by data hash.
    """

    job: Job
    platform: Platform
    folder: RunFolder
    patience: Patience = field(default_factory=Patience)
    images: dict[str, ImageFile] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    _vectors: EmbeddedImages = field(init=False)
    _held_out: list[Example] | None = None
    _plane: tuple[tuple[str, ...], Doubles] | None = None

    def __post_init__(self) -> None:
        self._vectors = EmbeddedImages(self.job.embedding, self.job.cache, compute=self.job.compute)

    def phase(self, name: str, round_number: int = 0) -> AbstractContextManager[dict[str, Any]]:
        """Time a phase of a round and count its requests; goes into `run.json`."""
        return self.folder.phase(name, round_number, lambda: self.platform.requests)

    def snapshot(self) -> Snapshot:
        """Ask the platform for everything."""
        return take_snapshot(self.platform, self.patience)

    def stage_counts(self) -> list[tuple[str, int]]:
        """Ask the platform how many tasks each stage holds now, in workflow order."""
        stages = patiently(self.patience, self.platform.project).stages
        return count_stages(stages, patiently(self.patience, self.platform.tasks))

    def held_out(self) -> list[Example]:
        """Return the labelled images that are kept apart for evaluation."""
        if self._held_out is None:
            self._held_out = self.platform.held_out() if isinstance(self.platform, HoldsOut) else []
            self.images.update((example.image.data_hash, example.image) for example in self._held_out)
        return self._held_out

    def fetch(self, data_hashes: Sequence[str]) -> None:
        """Bring the images that are not here yet to this machine."""
        wanted = [h for h in data_hashes if h not in self.images and h not in self.missing]
        if not wanted:
            return
        found, failed = patiently(self.patience, self.platform.images, wanted)
        self.images.update((image.data_hash, image) for image in found)
        self.leave_out(failed)

    def leave_out(self, failed: Iterable[LeftOut]) -> None:
        """Do without images (data hashes) that cannot be had or decoded."""
        items = list(failed)
        for item in items:
            self.images.pop(item.name, None)
            self.missing[item.name] = item.reason
        warn_of("left out: image %s: %s", items)

    def without_bad_images(self, work: Callable[[], T]) -> T:
        """Do `work`; images that turn out to be bad are left out, and it is done anew with what is there then."""
        while True:
            try:
                return work()
            except BadImages as error:
                if not error.reasons.keys() & self.images.keys():
                    raise
                self.leave_out(LeftOut(name, reason) for name, reason in error.reasons.items())

    def embed(self, data_hashes: Sequence[str]) -> None:
        """Embed images that were fetched, each once a run.

        Raises
        ------
        BadImages
            If images cannot be decoded; it names all of them.
        """
        new = [self.images[h] for h in dict.fromkeys(data_hashes) if h not in self._vectors]
        if new:
            computed = self._vectors.embed(new)
            log.info("embeddings: %d computed, %d from the cache", computed, len(new) - computed)

    def embeddings(self, data_hashes: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return float32 of shape (N, D) for images that were fetched; raise `BadImages` as `embed` does.

        From 256 MB on it is read-only and on disk, mapped into memory.
        """
        self.embed(data_hashes)
        return self._vectors.of(data_hashes)

    def is_embedded(self, data_hash: str) -> bool:
        """Return whether an image was embedded in this run."""
        return data_hash in self._vectors

    def plane(self, data_hashes: Sequence[str]) -> Doubles:
        """Return where images are in the plane, float64 of shape (N, 2); of the same images it is computed once."""
        names = tuple(data_hashes)
        if self._plane is None or self._plane[0] != names:
            self._plane = names, principal_plane(self.embeddings(names))
        return self._plane[1]

    def model_inputs(self, model: Model | ImportedModel, data_hashes: Sequence[str]) -> Array:
        """Return what `model` takes for images that were fetched; raise `BadImages` as `embeddings` does."""
        if isinstance(model, ImportedModel):
            return np.array(data_hashes, np.str_)
        if model.inputs == "embeddings":
            return self.embeddings(data_hashes)
        if model.inputs == "files":
            return np.array([self.images[h] for h in data_hashes], object)
        if not isinstance(model, ImageModel):
            raise ConfigError(f"model={choice(model)} takes images but has no field `image_size`: add it")
        return load_pixels([self.images[h] for h in data_hashes], model.image_size)

    def good_inputs(self, model: Model | ImportedModel, data_hashes: Sequence[str]) -> tuple[list[int], Array]:
        """Return which of the images, by their place, can be had and decoded, and what `model` takes for these."""
        return self.of_good_images(data_hashes, lambda here: self.model_inputs(model, here))

    def of_good_images(self, data_hashes: Sequence[str], work: Callable[[list[str]], T]) -> tuple[list[int], T]:
        """Return which of the images, by their place, can be had and decoded, and what `work` makes of these."""

        def attempt() -> tuple[list[int], T]:
            here = [row for row, data_hash in enumerate(data_hashes) if data_hash in self.images]
            return here, work([data_hashes[row] for row in here])

        return self.without_bad_images(attempt)


@contextmanager
def opened(job: Job, access: Access = Access.FOLDER) -> Iterator[Session]:
    """Open the job's platform, and its run folder anew or as it is.

    Raises
    ------
    Waiting
        If another process writes to the same project or run folder at this moment.
    StateError
        If the folder holds a run of another config.
    """
    began = monotonic()
    source = Source(job)
    platform = job.platform.open(job.folder, source.contents)
    if isinstance(platform, KeepsImages):
        platform.look_in(job.cache / IMAGES)
    try:
        with _seldom_collected(), _alone(platform, job.folder, access):
            session = Session(job, platform, _run_folder(job, platform, access))
            session.folder.add_phase("open", 0, monotonic() - began, platform.requests)
            for note in source.differences(platform):
                session.folder.note(note)
            yield session
            session.folder.save()
    finally:
        platform.close()


@contextmanager
def _alone(platform: Platform, folder: Path, access: Access) -> Iterator[None]:
    """Keep other processes off what the action writes to; those on other machines may share only the run folder."""
    of_project, of_folder = (platform.lock, "on this project"), (folder / LOCK, "in this run folder")
    wanted = {Access.NOTHING: (), Access.FOLDER: (of_folder,), Access.PROJECT: (of_project, of_folder)}
    with ExitStack() as locks:
        for path, what in wanted[access]:
            if not locks.enter_context(locked(path)):
                raise Waiting(
                    f"another process is working {what} (it holds {path}): nothing was done. Try again when it is done"
                )
        yield


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """Search for garbage in cycles more seldom: a snapshot is tens of thousands of objects that are in none."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _run_folder(job: Job, platform: Platform, access: Access) -> RunFolder:
    project = patiently(Patience(), platform.project)
    facts = _facts(job, {"id": project.project_id, "title": project.title})
    folder = RunFolder.create(job.folder, facts, looks=access is Access.NOTHING)
    if folder.record["config_digest"] != job.config_digest:
        raise StateError(of_another_config(job.folder, folder.record["config_digest"], job.config_digest))
    if folder.record["project"]["id"] != project.project_id:
        raise StateError(
            f"the run in {job.folder} works on the project {folder.record['project']['title']!r} "
            f"({folder.record['project']['id']}), but the platform shows {project.title!r} ({project.project_id}): "
            "nothing was done. Point the platform at the right project"
        )
    return folder


def _facts(job: Job, project: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": job.name,
        "action": job.action,
        "command": command_line(job.command[1:]),
        "config_digest": job.config_digest,
        "seed": job.seed,
        "threads": job.threads,
        "project": project,
    }
