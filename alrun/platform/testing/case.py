"""A small project, fresh for each test of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from alrun.errors import PlatformError, Refused
from alrun.files import digest
from alrun.platform.port import Contents, NewImage, Platform, Staffed
from alrun.platform.store import ImageStore
from alrun.platform.writes import InitialiseLabels
from alrun.types import (
    Answer,
    Label,
    LabelledObject,
    Ontology,
    Question,
    QuestionKind,
    Scalar,
    Stage,
    StageType,
    Task,
    TaskRef,
    TaskStatus,
)

NOWHERE = "00000000-0000-0000-0000-000000000000"
ONTOLOGY = Ontology(
    objects=("car", "sign"),
    questions=(
        Question("weather", QuestionKind.RADIO, ("sun", "rain")),
        Question("on the road", QuestionKind.CHECKLIST, ("ice", "leaves", "oil")),
        Question("note", QuestionKind.TEXT),
    ),
)
LABEL = Label(
    (Answer("weather", ("rain",)), Answer("on the road", ("ice", "oil")), Answer("note", ("<b>wet</b>",))),
    (LabelledObject("car", ((0.1, 0.2), (0.5, 1.0))),),
)


def small_contents(store: Path, pool: int = 6, held_out: int = 2) -> Contents:
    """Return a project of a few tiny images; every one is labelled, but for the last of the pool."""
    images = [_new_image(ImageStore(store), number) for number in range(pool + held_out)]
    if pool:
        last = images[pool - 1]
        images[pool - 1] = NewImage(last.title, last.digest, last.width, last.height)
    identity = digest([image.digest for image in images])
    return Contents(identity, "Small", ONTOLOGY, store, images[:pool], images[pool:])


class PlatformCase:
    """A fresh project for each test of a contract, and how to look at it."""

    folder: Path
    contents: Contents
    platform: Platform

    def create(self, contents: Contents, folder: Path) -> Platform:
        """Return a platform on a fresh project with these contents and stages of types annotation, review, done.

        `folder` exists, is empty, and goes after the test.
        """
        raise NotImplementedError

    def setup_method(self) -> None:
        """Create the project."""
        self._temporary = TemporaryDirectory()
        self.folder = Path(self._temporary.name) / "project"
        self.folder.mkdir()
        self.contents = small_contents(Path(self._temporary.name) / "images")
        self.platform = self.create(self.contents, self.folder)

    def teardown_method(self) -> None:
        """Give the project back."""
        self.platform.close()
        self._temporary.cleanup()

    def refs(self, *places: int) -> tuple[TaskRef, ...]:
        """Return what now names the tasks at these places of the listing; all of them without places."""
        tasks = self.platform.tasks()
        return tuple(tasks[place].ref for place in places or range(len(tasks)))

    def initialised(self, *places: int) -> tuple[TaskRef, ...]:
        """Initialise all tasks and return those at these places."""
        self.platform.write(InitialiseLabels(self.refs()))
        return self.refs(*places)

    def stage(self, kind: StageType) -> Stage:
        """Return the first stage of a type."""
        return next(stage for stage in self.platform.project().stages if stage.type is kind)

    def state(self) -> tuple[list[Task], dict[str, Label], dict[str, frozenset[str]]]:
        """Return everything that can be seen of the tasks."""
        tasks = self.platform.tasks()
        labels = self.platform.labels([task.label_hash for task in tasks if task.label_hash is not None])
        return tasks, labels, self.platform.tags()

    @contextmanager
    def nothing_changes(self) -> Iterator[None]:
        """Assert that the block leaves every task, label and tag as it was."""
        before = self.state()
        yield
        assert self.state() == before

    @contextmanager
    def refused(self, error: type[PlatformError] = Refused) -> Iterator[None]:
        """Assert that the block raises and changes nothing."""
        import pytest

        with self.nothing_changes(), pytest.raises(error):
            yield

    def shows(self, status: TaskStatus) -> TaskStatus:
        """Return what a listing of this platform shows of a status; override it where a listing shows less."""
        return status

    def staff(self) -> Staffed:
        """Return the platform as one on which people can be played; skip the test if it is none."""
        import pytest

        if not isinstance(self.platform, Staffed):
            pytest.skip("people cannot be played on this platform")
        return self.platform


def _new_image(store: ImageStore, number: int) -> NewImage:
    from PIL import Image

    content = BytesIO()
    Image.new("RGB", (4 + number, 3), (number, 40, 80)).save(content, "PNG")
    label = Label(LABEL.answers, LABEL.objects * (number % 3))
    metadata: Mapping[str, Scalar] = {"camera": "left", "night": True} if number == 0 else {}
    return NewImage(f"<i>{number}</i>.png", store.put(content.getvalue()), 4 + number, 3, label, metadata)
