"""Metric values and model scores as client metadata: off by default, shown first, nobody else's keys touched."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from alrun import faults
from alrun.errors import Waiting
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.metadata import owned, rounded
from alrun.platform.writes import SetMetadata
from alrun.pool.frame import pool_frame
from alrun.run.folder import RunFolder
from alrun.run.rounds.writeback import metadata_table, write_back
from alrun.run.session import Session
from tests.run.harness import QUICK, make_job, platform_of, play, record

PLAIN = ("strategy=random", "model=none", "metrics=[random,blur]", "budget=5", "dataset.test_size=1500")
POOL = 297
TWO_REQUESTS = ("dataset.test_size=300",)
BLUR = "publish.metadata=[blur]"


def metadata(platform: LocalPlatform) -> dict[str, dict[str, Any]]:
    names = [task.data_hash for task in platform.tasks()]
    parts = (platform.metadata(names[start : start + 1000]) for start in range(0, len(names), 1000))
    return {name: found for part in parts for name, found in part.items()}


def give(platform: LocalPlatform, name: str, values: Mapping[str, Any]) -> None:
    (task,) = platform.tasks([name])
    before = platform.metadata([name])[name]
    platform.set_metadata(SetMetadata((task.ref,), (before,), ({**before, **values},)))


def published(folder: Path, number: int = 1) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "rounds" / f"{number:02d}" / "published.json").read_text())
    return content


@pytest.fixture
def project(tmp_path: Path, cache: Path) -> Path:
    path = tmp_path / "project.sqlite"
    play(tmp_path / "make", cache, *PLAIN, "action=plan", f"platform.path={path}")
    return path


def test_nothing_is_written_unless_asked_for(project: Path, tmp_path: Path, cache: Path) -> None:
    play(tmp_path / "run", cache, *PLAIN, f"platform.path={project}")
    assert not any(metadata(platform_of(project)).values())
    assert not (tmp_path / "run" / "rounds" / "01" / "metadata.parquet").exists()


def test_a_plan_shows_what_would_change_and_changes_nothing(
    project: Path, tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "alrun")
    platform = platform_of(project)
    first, second = (task.data_hash for task in platform.tasks()[:2])
    give(platform, second, {"alrun.blur": "a person's"})
    play(tmp_path / "plan", cache, *PLAIN, "action=plan", f"platform.path={project}", "publish.metadata=[blur,score]")
    blur = pl.read_parquet(tmp_path / "plan" / "pool.parquet")["blur"][0]
    said = caplog.messages
    assert "Client metadata of 296 of 297 images change, 301 values; restoring takes none back." in said
    assert any(f"for example {first}: alrun.blur (none) -> {rounded(blur)}" in line for line in said)
    assert any(
        f"1 images are left alone, such as {second}: its alrun.blur are not as alrun wrote" in line for line in said
    )
    assert {name for name, values in metadata(platform).items() if values} == {second}


def test_approval_is_asked_for_what_is_written_too(
    project: Path, tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "alrun")
    with pytest.raises(Waiting, match="waits for approval"):
        play(tmp_path / "run", cache, *PLAIN, f"platform.path={project}", BLUR, "approve=prompt")
    assert any(line.startswith("Client metadata of 297 of 297 images change") for line in caplog.messages)
    assert not any(metadata(platform_of(project)).values())


def test_a_run_writes_what_it_measured_beside_what_was_there(project: Path, tmp_path: Path, cache: Path) -> None:
    platform = platform_of(project)
    names = [task.data_hash for task in platform.tasks()]
    theirs = {"camera": {"id": [1, None]}, "night": True, "altitude": 7.25, "alrunner": "x"}
    give(platform, names[0], theirs)
    give(platform, names[1], {"alrun.blur": 0.5})
    image = platform.images([names[2]])[0][0].path
    image.rename(tmp_path / "away")
    try:
        publish = (f"platform.path={project}", "publish.metadata=[blur,score,predicted,confidence]")
        play(
            tmp_path / "run", cache, "strategy=margin", "metrics=[random,blur]", "budget=5", "initial.size=20", *publish
        )
    finally:
        (tmp_path / "away").rename(image)
    now = metadata(platform)
    pool = {row["data_hash"]: row for row in pl.read_parquet(tmp_path / "run" / "pool.parquet").iter_rows(named=True)}
    assert {key: now[names[0]][key] for key in theirs} == theirs
    assert now[names[1]] == {"alrun.blur": 0.5}
    for name in [names[0], *names[2:]]:
        ours = owned(now[name], "alrun.")
        assert ours["alrun.blur"] == rounded(pool[name]["blur"])
        assert ("alrun.score" in ours) == (pool[name]["rank"] is not None)
        assert ours["alrun.predicted"] in "0123456789"
        assert 0 < ours["alrun.confidence"] <= 1
    assert published(tmp_path / "run")["left_alone"].keys() == {names[1]}
    assert any("1 left alone" in note for note in record(tmp_path / "run")["notes"])


def test_an_image_without_a_value_has_no_key(project: Path, tmp_path: Path, cache: Path) -> None:
    job = make_job(tmp_path / "run", cache, *PLAIN, "publish.metadata=[blur,score]", f"platform.path={project}")
    platform = platform_of(project)
    session = Session(job, platform, RunFolder(job.folder))
    snapshot = session.snapshot()
    for blur in (0.25, float("nan")):
        pool = pool_frame(snapshot).with_columns(pl.lit(blur).alias("blur"))
        write_back(session, metadata_table(session, snapshot, pool, [], None))
        now = [owned(values, "alrun.") for values in metadata(platform).values()]
        assert now == [{"alrun.blur": 0.25} if blur == 0.25 else {}] * POOL


def test_a_second_run_writes_only_what_is_new(project: Path, tmp_path: Path, cache: Path) -> None:
    common = (*PLAIN, f"platform.path={project}")
    play(tmp_path / "first", cache, *common, BLUR)
    play(tmp_path / "second", cache, *common, BLUR)
    assert (published(tmp_path / "first")["written"], published(tmp_path / "second")["written"]) == (POOL, 0)
    play(tmp_path / "third", cache, *common, "publish.metadata=[score]")
    platform = platform_of(project)
    assert published(tmp_path / "third")["written"] == 5
    before = metadata(platform)
    assert sum("alrun.score" in values for values in before.values()) == 5
    assert all("alrun.blur" in values for values in before.values()), "what another run published stays"
    play(tmp_path / "fourth", cache, *common, "seed=1", "publish.metadata=[score]")
    assert sum(values.get("alrun.score") is not None for values in metadata(platform).values()) == 5


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(("local.before_commit", 1), marks=pytest.mark.slow),
        ("local.after_commit", 1),
        pytest.param(("local.before_commit", 2), marks=pytest.mark.slow),
    ],
)
def test_a_run_that_is_killed_while_it_writes_writes_the_rest_when_resumed(
    where: tuple[str, int], tmp_path: Path, cache: Path
) -> None:
    folder, project, (name, nth) = tmp_path / "run", tmp_path / "project.sqlite", where
    given = (*PLAIN[:-1], *TWO_REQUESTS, BLUR, f"platform.path={project}")
    config = [*QUICK, *given, f"cache={cache}", f"hydra.run.dir={folder}"]
    environment = {**os.environ, faults.ENVIRONMENT: f"{name}:{nth}=kill"}
    killed = subprocess.run(
        [sys.executable, "-m", "alrun", *config], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    platform = platform_of(project)
    there = sum(map(bool, metadata(platform).values()))
    assert there == (0 if where == ("local.before_commit", 1) else 1000)
    assert play(folder, cache, *given) == 0
    pool = pl.read_parquet(folder / "pool.parquet")
    expected = {h: rounded(blur) for h, blur in pool.select("data_hash", "blur").iter_rows()}
    assert {h: values["alrun.blur"] for h, values in metadata(platform).items()} == expected
    assert published(folder)["written"] == pool.height - there


def test_what_was_written_is_not_written_again_by_a_resumed_run(project: Path, tmp_path: Path, cache: Path) -> None:
    live = (*PLAIN, BLUR, "annotator=human", f"platform.path={project}")
    with pytest.raises(Waiting):
        play(tmp_path / "run", cache, *live)
    platform = platform_of(project)
    name = platform.tasks()[0].data_hash
    give(platform, name, {"alrun.blur": None, "alrun.seal": None})
    with pytest.raises(Waiting):
        play(tmp_path / "run", cache, *live)
    assert owned(platform.metadata([name])[name], "alrun.") == {}, "whoever took it out meanwhile meant it"
