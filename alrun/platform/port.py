"""The platform port: what alrun may ask of a labelling platform. No I/O here.

Reads are methods. Writes are values: a recipe sends one of :data:`RecipeWrite`, none of which can touch a
label; only an annotator sends :data:`PeopleWrite`. What a run writes beside its recipe, where the config asks for
it, are :class:`SetMetadata` and :class:`Prelabel`. An adapter translates them and raises the
:class:`~alrun.errors.PlatformError` tree, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from alrun.platform.writes import Limits, PeopleWrite, Prelabel, RecipeWrite, SetMetadata
from alrun.types import Example, ImageFile, Label, LeftOut, Ontology, Scalar, Stage, Task


@dataclass(frozen=True, slots=True)
class Project:
    """What a project is.

    Attributes
    ----------
    stages
        In workflow order.
    user
        Who we are in it.
    records_moves
        Whether a write that moves a task makes `user` its `last_actioned_by`; None if that is not known.
    """

    project_id: str
    title: str
    ontology: Ontology
    stages: tuple[Stage, ...]
    user: str
    records_moves: bool | None = True


class Platform(Protocol):
    """A workflow project on a labelling platform, as a recipe sees it.

    One call of a method is one request; `requests` counts them. Implementations pass the contract in
    `alrun.platform.testing`.
    """

    limits: Limits

    @property
    def lock(self) -> Path:
        """A file on this machine that stands for the project: who holds its lock may run a recipe on it."""
        ...

    @property
    def requests(self) -> int:
        """How many requests were sent so far, failed ones included."""
        ...

    def project(self) -> Project:
        """Return the project's facts.

        Raises
        ------
        NoAccess
            If the key, the role or the project's name does not give access.
        """
        ...

    def tasks(self, data_hashes: Sequence[str] | None = None) -> list[Task]:
        """List all tasks, uninitialised ones included, or those of `data_hashes`; sorted by data hash.

        Data hashes that the project does not (any longer) have are absent from the answer. More than
        `limits.listing` of them are `TooLarge`.
        """
        ...

    def labels(self, label_hashes: Sequence[str]) -> dict[str, Label]:
        """Return what is labelled in each of these label rows, an empty `Label` where nothing is."""
        ...

    def tags(self) -> dict[str, frozenset[str]]:
        """Return every tag with the data hashes that have it; a tag may have none."""
        ...

    def tag_names(self) -> frozenset[str]:
        """Return the names of :meth:`tags`; the images that have them are not asked for."""
        ...

    def images(self, data_hashes: Sequence[str]) -> tuple[list[ImageFile], list[LeftOut]]:
        """Bring images to this machine, content-addressed; those that cannot be had come back with the reason.

        The files are in the order of `data_hashes`.
        """
        ...

    def write(self, request: RecipeWrite) -> None:
        """Carry out one write of a recipe; at most `limits.of(type(request))` tasks.

        A request that names a task twice or one that does not exist is `Refused` as a whole.

        Raises
        ------
        Refused, TooLarge, RateLimited, NoAccess
            Nothing was applied.
        Unavailable
            It may or may not have been applied, whole.
        """
        ...

    def close(self) -> None:
        """Give back what the platform holds (connections, files). Writes that returned stay."""
        ...


@runtime_checkable
class Staffed(Protocol):
    """A platform on which this process may act as people do. For oracles and tests, never for recipes."""

    def act(self, request: PeopleWrite) -> None:
        """Carry out what a person would do; raises as `Platform.write` does, whole or not at all.

        A task in a stage where the action does not exist is `Refused`.
        """
        ...


@runtime_checkable
class KeepsMetadata(Protocol):
    """A platform that keeps client metadata with each image: not part of a label, and no recipe writes them.

    An image may be in other projects too, which then see the same metadata. One call is one request; at most
    `limits.metadata` images, else `TooLarge`.
    """

    def metadata(self, data_hashes: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return all client metadata of images as they are now, as JSON values, those that are no scalars included.

        Images that the project does not have, and data that are no single image, are absent from the answer.
        """
        ...

    def set_metadata(self, request: SetMetadata) -> None:
        """Change client metadata; raises as `Platform.write` does."""
        ...


@runtime_checkable
class TakesPrelabels(Protocol):
    """A platform on which labels can be proposed. The only way by which a run writes labels that no annotator gave."""

    def prelabel(self, request: Prelabel) -> None:
        """Propose labels for at most `limits.prelabel` tasks; raises as `Platform.write` does."""
        ...


@runtime_checkable
class TellsSkipped(Protocol):
    """A platform whose listing of some data hashes does not show which tasks were skipped, but that can be asked."""

    def skipped(self, stages: Collection[str]) -> frozenset[str]:
        """Return the ids of all tasks that are skipped in these annotation stages, given by uuid."""
        ...


@runtime_checkable
class KnowsTruth(Protocol):
    """A platform that was made from a labelled dataset, so that an oracle can answer for people."""

    def truth(self, data_hashes: Sequence[str]) -> Mapping[str, Label]:
        """Return the known labels; images without one are absent."""
        ...


@runtime_checkable
class HoldsOut(Protocol):
    """A platform that keeps labelled images apart from the project, for evaluation only."""

    def held_out(self) -> list[Example]:
        """Return the held-out images with their labels, sorted by data hash; empty if there are none."""
        ...


@runtime_checkable
class KeepsImages(Protocol):
    """A platform whose images are files in a store on this machine."""

    def look_in(self, store: Path) -> None:
        """Look for images that the project's own store has lost in another one too."""
        ...


@runtime_checkable
class Describes(Protocol):
    """A platform, or a source of projects, that can say how it is reached and what it is. For the doctor."""

    def facts(self) -> list[tuple[str, str]]:
        """Return what people may want to check, each with its name, and never a key; sends no request.

        Raises
        ------
        ConfigError
            If what it would be reached by is missing or cannot be used.
        """
        ...


@dataclass(frozen=True, slots=True)
class Finding:
    """What a probe showed of one open question about a platform.

    Attributes
    ----------
    name
        What the question is called; where it is one of the emulator's policies, `answer` is a value of that policy.
    asked, seen
        What was done, and what happened, for people.
    known
        Whether that answers the question. If not, `seen` says why, and `answer` means nothing.
    advice
        What follows for the config; empty if nothing does.
    """

    name: str
    asked: str
    seen: str
    known: bool = True
    answer: bool | int | float | str | None = None
    advice: str = ""


class Probe(Protocol):
    """The open questions of a platform, ready to be carried out on a project that is there for nothing else."""

    @property
    def platform(self) -> Platform:
        """The scratch project."""
        ...

    def announcement(self) -> list[str]:
        """Say what carrying it out will do to the project."""
        ...

    def carry_out(self, folder: Path) -> list[Finding]:
        """Ask every question, and put back every task that was used.

        Parameters
        ----------
        folder
            Takes a note of how the tasks were found, before the first write.

        Raises
        ------
        PlatformError
            If the platform does not answer, or tasks could not be put back; the message says what to do.
        """
        ...


@runtime_checkable
class OpenQuestions(Protocol):
    """A source of projects on a platform whose documentation leaves questions open."""

    def probe(self, scratch_project: str) -> Probe:
        """Open a scratch project; nothing is written yet.

        Raises
        ------
        ConfigError
            If it is the project that the config works on, or is not clearly there to be probed.
        """
        ...


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image that is to be imported; its bytes are in the image store under `digest`."""

    title: str
    digest: str
    width: int
    height: int
    label: Label | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a new project is made of.

    Attributes
    ----------
    identity
        A digest: projects with the same contents have the same identity.
    store
        The folder of the image store.
    pool, held_out
        No digest occurs twice in both together. Every `held_out` image has a label.
    """

    identity: str
    title: str
    ontology: Ontology
    store: Path
    pool: Sequence[NewImage]
    held_out: Sequence[NewImage]


@runtime_checkable
class ProjectSource(Protocol):
    """Where a run finds its project: the `platform` component of the config, a frozen dataclass."""

    def open(self, folder: Path, contents: Callable[[], Contents]) -> Platform:
        """Open the project, or create it from `contents` where this kind of platform can.

        Parameters
        ----------
        folder
            The run folder; a project that lives only for this run is kept there.
        contents
            Imports the configured dataset; called only if a project must be created.
        """
        ...
