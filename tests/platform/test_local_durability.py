"""What kills, crowds and broken files do to a local project."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from alrun import faults
from alrun.errors import DataError, PlatformError, Unavailable
from alrun.platform import schema
from alrun.platform.local import LocalProject
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Contents
from alrun.platform.testing import LABEL, small_contents
from alrun.platform.writes import AddTag, Complete, InitialiseLabels, SaveLabels
from alrun.types import Label, Task

spawn = get_context("spawn")


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    return small_contents(tmp_path / "images")


@pytest.fixture
def path(tmp_path: Path, contents: Contents) -> Path:
    """Return the file of a project whose tasks have label rows."""
    platform = LocalProject().open(tmp_path, lambda: contents)
    platform.write(InitialiseLabels(tuple(task.ref for task in platform.tasks())))
    platform.close()
    return tmp_path / "project.sqlite"


def opened(path: Path) -> LocalPlatform:
    return LocalPlatform(path, "alrun@local")


def complete(path: Path) -> None:
    with closing(opened(path)) as platform:
        platform.write(Complete(tuple(task.ref for task in platform.tasks()[:4])))


def save(path: Path) -> None:
    with closing(opened(path)) as platform:
        tasks = tuple(task.ref for task in platform.tasks()[:4])
        platform.act(SaveLabels(tasks, (LABEL,) * 4, "ann@example.org"))


def add(path: Path) -> None:
    with closing(opened(path)) as platform:
        platform.add_images(small_contents(path.parent / "images", 10, 0).pool[8:])


def create(path: Path) -> None:
    LocalProject().open(path.parent, lambda: small_contents(path.parent / "images")).close()


def tag_often(path: Path, name: str, times: int, together: Barrier) -> None:
    with closing(opened(path)) as platform:
        first = platform.tasks()[0].ref
        together.wait()
        for number in range(times):
            platform.write(AddTag((first,), f"{name} {number}"))
            platform.act(SaveLabels((first,), (LABEL,), name))


def run(action: Callable[..., None], *arguments: Any) -> int | None:
    """Run `action` in a process of its own and return how that ended."""
    process = spawn.Process(target=action, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def state(path: Path) -> tuple[list[Task], dict[str, Label]]:
    """Return what the project holds, without the times."""
    with closing(opened(path)) as platform:
        tasks = platform.tasks()
        labels = platform.labels([str(task.label_hash) for task in tasks])
    return [replace(task, last_edited_at=None) for task in tasks], labels


class TestKills:
    @pytest.mark.parametrize("action", [complete, save, add])
    @pytest.mark.parametrize("moment", ["before", "after"])
    def test_a_killed_request_is_whole_or_was_never(
        self, path: Path, monkeypatch: pytest.MonkeyPatch, action: Callable[[Path], None], moment: str
    ) -> None:
        old = state(path)
        (path.parent / "copy").mkdir()
        copy = Path(shutil.copy(path, path.parent / "copy"))
        shutil.copytree(path.parent / "images", copy.parent / "images")
        action(copy)
        new = state(copy)
        assert new != old
        monkeypatch.setenv(faults.ENVIRONMENT, f"local.{moment}_commit:1=kill")
        assert run(action, path) == -9
        assert state(path) == (old if moment == "before" else new)

    def test_a_killed_creation_leaves_no_project(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "project.sqlite"
        monkeypatch.setenv(faults.ENVIRONMENT, "local.before_create:1=kill")
        assert run(create, path) == -9
        assert not path.exists()
        monkeypatch.delenv(faults.ENVIRONMENT)
        create(path)
        assert len(state(path)[0]) == 6

    def test_a_failed_creation_leaves_nothing(self, tmp_path: Path, contents: Contents) -> None:
        unlabelled = replace(contents, held_out=[replace(contents.held_out[0], label=None)])
        with pytest.raises(DataError, match="no label"):
            LocalProject().open(tmp_path / "run", lambda: unlabelled)
        assert list((tmp_path / "run").iterdir()) == []


class TestCrowds:
    def test_two_processes_at_once_lose_nothing(self, path: Path) -> None:
        names = ("ann", "bob")
        together = spawn.Barrier(2)
        processes = [spawn.Process(target=tag_often, args=(path, name, 50, together)) for name in names]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0, 0]
        with closing(opened(path)) as platform:
            first = platform.tasks()[0].data_hash
            assert platform.tags() == {f"{name} {number}": frozenset({first}) for name in names for number in range(50)}

    def test_the_first_of_two_creators_wins(self, tmp_path: Path, contents: Contents) -> None:
        def meanwhile() -> Contents:
            with closing(LocalProject().open(tmp_path, lambda: contents)) as other:
                other.write(AddTag((), "was here first"))
            return contents

        with closing(LocalProject().open(tmp_path, meanwhile)) as platform:
            assert list(platform.tags()) == ["was here first"]
        assert sorted(file.name for file in tmp_path.iterdir()) == ["images", "project.sqlite"]

    def test_a_project_that_is_locked_too_long_is_unavailable_but_can_be_read(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(schema, "BUSY_SECONDS", 0.05)
        with closing(opened(path)) as platform, closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable, match="locked"):
                platform.write(AddTag((), "tag"))
            assert len(platform.tasks()) == 6
            other.execute("ROLLBACK")
            platform.write(AddTag((), "tag"))
            assert list(platform.tags()) == ["tag"]


class TestBrokenFiles:
    def test_what_is_no_project_is_not_opened_and_not_touched(self, tmp_path: Path) -> None:
        text, empty, other = tmp_path / "notes.txt", tmp_path / "empty", tmp_path / "other.sqlite"
        text.write_text("buy milk\n" * 1000)
        empty.touch()
        with closing(sqlite3.connect(other)) as db:
            db.execute("CREATE TABLE tasks (name TEXT)")
        for file in (text, empty, other):
            before = file.read_bytes()
            with pytest.raises(DataError, match=r"is not a local project.*platform\.path"):
                LocalProject(str(file)).open(tmp_path, pytest.fail)
            assert file.read_bytes() == before

    def test_a_folder_is_no_project(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="is not a file"):
            LocalProject(str(tmp_path)).open(tmp_path, pytest.fail)

    @pytest.mark.parametrize(("step", "age"), [(1, "a newer"), (-1, "an older")])
    def test_another_schema_version_is_not_opened(self, path: Path, step: int, age: str) -> None:
        with closing(sqlite3.connect(path)) as db:
            db.execute(f"PRAGMA user_version = {schema.VERSION + step}")
        with pytest.raises(DataError, match=f"schema version {schema.VERSION + step}, of {age} alrun"):
            opened(path)

    def test_a_file_that_cannot_be_written_is_not_opened(self) -> None:
        with TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            create(Path(folder) / "project.sqlite")
            (Path(folder) / "project.sqlite").chmod(0o444)
            assert run(_meet_a_read_only_file, Path(folder) / "project.sqlite") == 0

    def test_a_place_that_cannot_be_written_gets_no_project(self, tmp_path: Path, contents: Contents) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(DataError, match="cannot be created"):
            LocalProject(str(tmp_path / "file" / "project.sqlite")).open(tmp_path, lambda: contents)

    def test_a_damaged_file_is_a_platform_error(self, path: Path) -> None:
        content = path.read_bytes()
        page = 4096  # the first page stays: the file is a project still
        path.write_bytes(content[:page] + b"\xa5" * (len(content) - page))
        with pytest.raises(PlatformError, match="damaged"):
            opened(path).tasks()

    def test_a_full_disk_is_a_platform_error_and_loses_nothing(self, path: Path) -> None:
        before = state(path)
        with closing(opened(path)) as platform:
            platform._db.execute("PRAGMA max_page_count = 1")  # as small as the file is now
            refs = tuple(task.ref for task in platform.tasks())
            long = replace(LABEL, answers=(*LABEL.answers[:2], replace(LABEL.answers[2], values=("x" * 100_000,))))
            with pytest.raises(PlatformError, match="no space is left"):
                platform.act(SaveLabels(refs, (long,) * 6, "ann@example.org"))
            assert len(platform.tasks()) == 6
        assert state(path) == before

    def test_a_closed_platform_is_a_platform_error(self, path: Path) -> None:
        platform = opened(path)
        platform.close()
        platform.close()
        with pytest.raises(PlatformError):
            platform.tasks()


def _meet_a_read_only_file(path: Path) -> None:
    if os.geteuid() == 0:
        os.setuid(65534)  # root may write everything
    with pytest.raises(DataError, match="cannot be read and written"):
        opened(path)
