"""A run that publishes and proposes labels, stopped anywhere before people are asked, goes on as if it had not been."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alrun import faults
from alrun.errors import Waiting
from alrun.platform.local_platform import LocalPlatform
from alrun.pool.tags import PRELABELLED
from tests.run.harness import platform_of, play, selection

SMALL = ("dataset.test_size=1500", "metrics=random", "strategy=random")
PUBLISH = ("budget=9", "annotator=human", "publish.metadata=[random,score,predicted]", "publish.prelabel=0.3")


class Killed(BaseException):
    """Nothing that this process may do any more."""


def kill() -> None:
    raise Killed


def state(platform: LocalPlatform) -> Any:
    """Return all that a run may have changed, but for what names the run itself."""
    tasks = platform.tasks()
    labels = platform.labels([task.label_hash for task in tasks if task.label_hash is not None])
    places = [(t.data_hash, t.stage, t.status, t.priority, t.metadata, labels.get(t.label_hash or "")) for t in tasks]
    tags = platform.tags()
    return places, tags[PRELABELLED], sorted(map(sorted, tags.values()))


class Stage:
    """A project in which 40 images are labelled, and runs on copies of it."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder, self.cache = folder, cache
        play(folder / "before", cache, *SMALL, "budget=40", f"platform.path={folder / 'project.sqlite'}")
        platform_of(folder / "project.sqlite").close()
        faults.record()
        self.undisturbed = self.copy("undisturbed")
        self.play(self.undisturbed)
        self.points = faults.reached()
        faults.reset()

    def copy(self, name: str) -> Path:
        path = self.folder / name
        path.mkdir()
        shutil.copyfile(self.folder / "project.sqlite", path / "project.sqlite")
        return path

    def play(self, path: Path) -> None:
        given = (*SMALL, *PUBLISH, f"platform.path={path / 'project.sqlite'}")
        with pytest.raises(Waiting, match="0 of 9 labelled"):
            play(path / "run", self.cache, *given)

    def check(self, point: str, nth: int) -> None:
        path = self.copy(f"{point} {nth}")
        faults.arm(point, nth, kill)
        with pytest.raises(Killed):
            self.play(path)
        faults.reset()
        self.play(path)
        assert selection(path / "run") == selection(self.undisturbed / "run")
        before, after = (state(platform_of(p / "project.sqlite")) for p in (self.undisturbed, path))
        assert after == before


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Stage]:
    yield Stage(tmp_path_factory.mktemp("stage"), cache)
    faults.reset()


@pytest.mark.parametrize("which", ["first", "last"])
def test_stopped_at_the_first_and_the_last_write(which: str, stage: Stage) -> None:
    stage.check("local.after_commit", 1 if which == "first" else stage.points["local.after_commit"])


@pytest.mark.slow
def test_stopped_at_every_point(stage: Stage) -> None:
    cases = [(point, nth) for point, count in sorted(stage.points.items()) for nth in range(1, count + 1)]
    assert len(cases) > 30
    for point, nth in cases:
        stage.check(point, nth)
