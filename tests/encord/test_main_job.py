"""The main job over the SDK and the emulator is the main job on the local platform: selection, stages, curve."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from alrun.emulator import OWNER, Emulator
from alrun.errors import Waiting
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Contents, Platform
from alrun.run.actions import ACTIONS
from tests.encord.world import Crew
from tests.run.harness import label, make_job, platform_of, play, record, result, selection, stages

BUDGET = 50
MAIN = ("strategy=diversity", f"budget={BUDGET}", "recipe=park", "dataset.test_size=1500", "approve=auto")
POOL = 297


@dataclass(frozen=True)
class Rehearsal:
    """A project that was made from a dataset here, over the SDK: its known labels do not come from the platform."""

    emulator: Emulator
    known: LocalPlatform

    def open(self, folder: Path, contents: Callable[[], Contents]) -> Platform:  # noqa: ARG002
        crew = Crew(self.emulator, folder)
        crew.truth, crew.held_out = self.known.truth, self.known.held_out
        return crew


@dataclass(frozen=True)
class Played:
    """What a run on the local platform left, and a copy of the project as it was before."""

    folder: Path
    project: Path
    copy: Path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Played:
    folder = tmp_path_factory.mktemp("local")
    project, copy = folder / "project.sqlite", folder / "copy.sqlite"
    play(folder / "nothing", cache, *MAIN, f"platform.path={project}", "action=plan")
    shutil.copyfile(project, copy)
    assert play(folder / "run", cache, *MAIN, f"platform.path={project}") == 0
    return Played(folder / "run", project, copy)


def titles(folder: Path) -> list[str]:
    return [row["title"] for row in selection(folder)]


def test_it_gives_the_same_selection_stages_and_curve(local: Played, tmp_path: Path, cache: Path) -> None:
    project = shutil.copyfile(local.copy, tmp_path / "project.sqlite")
    with Emulator(project) as emulator:
        source = Rehearsal(emulator, LocalPlatform(project, OWNER))
        job = make_job(tmp_path / "run", cache, *MAIN)
        assert ACTIONS["run"](replace(job, platform=source)) == 0
        downloaded = emulator.log.counts()["GET image"]

    assert downloaded == POOL
    assert titles(tmp_path / "run") == titles(local.folder)
    assert (tmp_path / "run/selection.csv").read_bytes() == (local.folder / "selection.csv").read_bytes()
    curve = (tmp_path / "run/curve.csv").read_text()
    assert curve == (local.folder / "curve.csv").read_text()
    assert len(curve.splitlines()) == 2
    assert (
        stages(platform_of(project))
        == stages(platform_of(local.project))
        == {
            "Annotate 1": POOL - BUDGET,
            "Complete": BUDGET,
        }
    )
    assert result(tmp_path / "run") == result(local.folder)


def test_people_label_between_the_run_and_its_resumption(local: Played, tmp_path: Path, cache: Path) -> None:
    project = shutil.copyfile(local.copy, tmp_path / "project.sqlite")
    run = tmp_path / "run"
    with Emulator(project) as emulator:
        over_the_sdk = (
            *MAIN, "platform=encord", f"platform.project={emulator.project_hash}", f"platform.domain={emulator.url}",
            f"platform.user={OWNER}", f"platform.key_file={emulator.private_key_path}", "annotator=human",
        )  # fmt: skip
        with pytest.raises(Waiting, match=f"0 of {BUDGET} labelled"):
            play(run, cache, *over_the_sdk)
        people = platform_of(project)
        assert stages(people) == {"Annotate 1": BUDGET, "Complete": POOL - BUDGET}
        label(people, [row["data_hash"] for row in selection(run)])
        assert play(run, cache, *over_the_sdk, "action=resume", f"run={run}") == 0

    assert titles(run) == titles(local.folder)
    assert stages(people) == stages(platform_of(local.project))
    assert record(run)["status"] == "done"
    for part in ("labelled", "counts", "labels", "account"):
        assert result(run)[part] == result(local.folder)[part]
