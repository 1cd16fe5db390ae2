"""The embedded platform: the contract, its configuration, and what is its own."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from alrun.errors import ConfigError, Refused, TooLarge
from alrun.platform.local import LocalProject, StageSpec
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Contents, KnowsTruth, Platform, ProjectSource, Staffed
from alrun.platform.testing import LABEL, Faulty, PlatformContract, small_contents
from alrun.platform.writes import AddTag, Complete, InitialiseLabels, Limits, Reopen, SaveLabels, SetPriority, Submit
from alrun.types import Label, TaskRef, TaskStatus

DONE = StageSpec("Complete", "done")


def never() -> Contents:
    raise AssertionError("a project that exists needs no contents")


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    return small_contents(tmp_path / "images")


@pytest.fixture
def platform(tmp_path: Path, contents: Contents) -> Iterator[LocalPlatform]:
    platform = LocalProject().open(tmp_path / "run", lambda: contents)
    yield platform
    platform.close()


def refs(platform: Platform) -> tuple[TaskRef, ...]:
    return tuple(task.ref for task in platform.tasks())


class TestLocalPlatform(PlatformContract):
    def create(self, contents: Contents, folder: Path) -> Platform:
        return LocalProject().open(folder, lambda: contents)


class TestFaultyLocalPlatform(PlatformContract):
    """A connection that is not cut changes nothing."""

    def create(self, contents: Contents, folder: Path) -> Platform:
        return Faulty(LocalProject().open(folder, lambda: contents), lambda _number, _request, _moment: None)


class TestFaulty:
    def test_a_cut_before_loses_the_request_and_a_cut_after_the_answer(self, platform: LocalPlatform) -> None:
        seen: list[tuple[int, str]] = []

        def cut(number: int, _request: object, moment: str) -> None:
            seen.append((number, moment))
            if (number, moment) in ((1, "before"), (2, "after")):
                raise ConnectionResetError

        faulty = Faulty(platform, cut)
        with pytest.raises(ConnectionResetError):
            faulty.write(AddTag((), "lost"))
        with pytest.raises(ConnectionResetError):
            faulty.write(AddTag((), "kept"))
        faulty.write(AddTag((), "last"))
        assert sorted(platform.tags()) == ["kept", "last"]
        assert seen == [(1, "before"), (2, "before"), (2, "after"), (3, "before"), (3, "after")]

    def test_it_can_do_beyond_the_port_what_the_inner_platform_can(self, platform: LocalPlatform) -> None:
        def quiet(_number: int, _request: object, _moment: str) -> None:
            return None

        faulty = Faulty(platform, quiet)
        assert isinstance(faulty, Staffed)
        assert isinstance(faulty, KnowsTruth)
        del faulty.act
        without_people = Faulty(faulty, quiet)
        assert not isinstance(without_people, Staffed)
        assert isinstance(without_people, KnowsTruth)


class TestConfig:
    def test_it_is_a_project_source(self) -> None:
        assert isinstance(LocalProject(), ProjectSource)

    def test_the_config_check_accepts_json(self) -> None:
        from pydantic import TypeAdapter

        stages = [{"title": "A", "type": "annotation"}, {"title": "C", "type": "done"}]
        given = json.dumps({"path": "p.sqlite", "title": None, "stages": stages, "user": "me"})
        project = TypeAdapter(LocalProject).validate_json(given, strict=True)
        assert project == LocalProject("p.sqlite", None, (StageSpec("A", "annotation"), StageSpec("C", "done")), "me")

    @pytest.mark.parametrize(
        "stages",
        [
            (),
            (DONE,),
            (StageSpec("A", "annotation"),),
            (StageSpec("R", "review"), DONE),
            (StageSpec("A", "annotation"), DONE, StageSpec("Archive", "done")),
            (StageSpec("A", "annotation"), DONE, StageSpec("R", "review")),
            (StageSpec("A", "annotation"), StageSpec("A", "review"), DONE),
        ],
    )
    def test_stages_that_make_no_workflow_are_a_config_error(self, stages: Sequence[StageSpec]) -> None:
        with pytest.raises(ConfigError, match=r"platform\.stages"):
            LocalProject(stages=tuple(stages))

    def test_the_default_project_lives_in_the_run_folder(self, tmp_path: Path, platform: LocalPlatform) -> None:
        assert (tmp_path / "run" / "project.sqlite").is_file()
        assert platform.lock == (tmp_path / "run" / "project.sqlite.lock").resolve()
        assert [stage.title for stage in platform.project().stages] == ["Annotate 1", "Review 1", "Complete"]
        assert platform.project().title == "Small"

    def test_a_path_keeps_the_project_across_runs(self, tmp_path: Path, contents: Contents) -> None:
        source = LocalProject(str(tmp_path / "new folder" / "kept ? #1.sqlite"), title="Mine")
        first = source.open(tmp_path / "run 1", lambda: contents)
        first.write(AddTag(refs(first), "seen"))
        before = first.tasks()
        first.close()
        again = source.open(tmp_path / "run 2", never)
        assert (again.tasks(), list(again.tags()), again.project().title) == (before, ["seen"], "Mine")
        again.close()

    def test_a_link_to_a_project_has_the_lock_of_the_project(self, tmp_path: Path, platform: LocalPlatform) -> None:
        (tmp_path / "link.sqlite").symlink_to(tmp_path / "run" / "project.sqlite")
        linked = LocalProject(str(tmp_path / "link.sqlite")).open(tmp_path, never)
        assert linked.lock == platform.lock
        linked.close()

    def test_each_fresh_copy_has_the_same_names(self, tmp_path: Path, contents: Contents) -> None:
        copies = [LocalProject().open(tmp_path / run, lambda: contents) for run in ("run 1", "run 2")]
        for copy in copies:
            copy.write(InitialiseLabels(refs(copy)))
        assert copies[0].project() == copies[1].project()
        assert refs(copies[0]) == refs(copies[1])
        for copy in copies:
            copy.close()

    def test_another_workflow_is_another_project(self, tmp_path: Path, contents: Contents) -> None:
        short = (StageSpec("Annotate 1", "annotation"), DONE)
        sources = [LocalProject(), LocalProject(stages=short), LocalProject(title="Other")]
        copies = [source.open(tmp_path / str(n), lambda: contents) for n, source in enumerate(sources)]
        assert len({copy.project().project_id for copy in copies}) == 3
        assert len({copy.tasks()[0].task_id for copy in copies}) == 3
        for copy in copies:
            copy.close()

    def test_an_empty_pool_makes_an_empty_project(self, tmp_path: Path) -> None:
        platform = LocalProject().open(tmp_path, lambda: small_contents(tmp_path / "images", 0, 0))
        assert (platform.tasks(), platform.held_out()) == ([], [])
        platform.close()


class TestOwnRules:
    def test_the_done_stage_takes_the_priority_for_good(self, platform: LocalPlatform) -> None:
        platform.write(InitialiseLabels(refs(platform)))
        platform.write(SetPriority(refs(platform)[:1], (0.9,)))
        platform.write(Complete(refs(platform)[:1]))
        platform.write(Reopen(refs(platform)[:1]))
        assert platform.tasks()[0].priority == 0.5

    def test_a_reference_from_before_the_label_row_counts_as_uninitialised(self, platform: LocalPlatform) -> None:
        stale = refs(platform)[:1]
        platform.write(InitialiseLabels(stale))
        with pytest.raises(Refused, match="without a label row"):
            platform.write(Complete(stale))
        platform.write(Complete(refs(platform)[:1]))
        platform.write(Reopen(stale))
        assert platform.tasks()[0].status is TaskStatus.COMPLETED

    def test_a_save_is_later_than_the_last_also_when_the_clock_was_set_back(
        self, tmp_path: Path, platform: LocalPlatform
    ) -> None:
        future = "2999-12-31T23:59:59.999999+00:00"
        with closing(sqlite3.connect(tmp_path / "run" / "project.sqlite")) as db, db:
            db.execute("UPDATE tasks SET last_edited_at = ?", (future,))
        platform.act(SaveLabels(refs(platform)[:1], (LABEL,), "ann@example.org"))
        assert platform.tasks()[0].last_edited_at == "3000-01-01T00:00:00.000000+00:00"

    def test_what_is_no_text_is_refused(self, platform: LocalPlatform) -> None:
        with pytest.raises(Refused, match="Unicode"):
            platform.write(AddTag(refs(platform), "file \udcff"))
        assert platform.tags() == {}

    def test_one_submit_hands_each_task_on_from_its_own_stage(self, tmp_path: Path, contents: Contents) -> None:
        stages = (StageSpec("Draw", "annotation"), StageSpec("Class", "annotation"), DONE)
        platform = LocalProject(stages=stages).open(tmp_path, lambda: contents)
        platform.act(Submit(refs(platform)[:1], "ann@example.org"))
        platform.act(Submit(refs(platform)[:2], "ann@example.org"))
        names = {stage.uuid: stage.title for stage in platform.project().stages}
        places = [(names[task.stage], task.status) for task in platform.tasks()[:3]]
        assert places == [
            ("Complete", TaskStatus.COMPLETED), ("Class", TaskStatus.NEW), ("Draw", TaskStatus.NEW),
        ]  # fmt: skip
        platform.close()

    def test_people_have_no_limit(self, tmp_path: Path, contents: Contents) -> None:
        LocalProject().open(tmp_path, lambda: contents).close()
        platform = LocalPlatform(tmp_path / "project.sqlite", "me", Limits(workflow=2))
        platform.act(SaveLabels(refs(platform), (LABEL,) * 6, "ann@example.org"))
        with pytest.raises(TooLarge):
            platform.write(Complete(refs(platform)))
        platform.close()

    def test_an_image_that_the_store_lost_is_left_out(self, platform: LocalPlatform) -> None:
        hashes = [task.data_hash for task in platform.tasks()]
        files, _ = platform.images(hashes)
        files[2].path.unlink()
        files, left_out = platform.images(hashes)
        assert [file.data_hash for file in files] == hashes[:2] + hashes[3:]
        assert [out.name for out in left_out] == [hashes[2]]

    def test_new_images_arrive_in_the_first_stage(self, tmp_path: Path, platform: LocalPlatform) -> None:
        before = platform.tasks()
        platform.write(InitialiseLabels(refs(platform)))
        more = small_contents(tmp_path / "images", 10, 0).pool[8:]  # the first 8 are the pool and the test set
        platform.add_images(more)
        new = [task for task in platform.tasks() if task.label_hash is None]
        assert {task.title for task in new} == {image.title for image in more}
        assert len(platform.tasks()) == len(before) + 2
        assert len(platform.images([task.data_hash for task in new])[0]) == 2

    @pytest.mark.parametrize("known", [0, 7])
    def test_an_image_of_the_pool_or_the_test_set_is_not_added(
        self, tmp_path: Path, platform: LocalPlatform, known: int
    ) -> None:
        images = small_contents(tmp_path / "images", 10, 0).pool
        before = platform.tasks()
        with pytest.raises(Refused):
            platform.add_images([images[8], images[known]])
        assert platform.tasks() == before

    def test_a_listing_is_never_older_than_what_anybody_wrote(self, tmp_path: Path, platform: LocalPlatform) -> None:
        """A listing of everything is kept, until this connection or another one writes."""
        first = platform.tasks()
        assert platform.tasks() == first
        first.clear()
        task = platform.tasks()[0]
        with closing(LocalPlatform(tmp_path / "run" / "project.sqlite", "bob@example.org")) as other:
            other.write(SetPriority((task.ref,), (0.9,)))
            assert platform.tasks()[0].priority == 0.9
            platform.write(SetPriority((task.ref,), (0.2,)))
            assert platform.tasks()[0].priority == other.tasks()[0].priority == 0.2

    def test_a_deleted_task_leaves_nothing_behind(self, platform: LocalPlatform, contents: Contents) -> None:
        platform.act(SaveLabels(refs(platform), (LABEL,) * 6, "ann@example.org"))
        platform.write(AddTag(refs(platform), "all"))
        gone = platform.tasks()[0]
        platform.delete_tasks([gone.ref])
        assert gone.data_hash not in [task.data_hash for task in platform.tasks()]
        assert gone.data_hash not in platform.tags()["all"]
        assert platform.labels([str(gone.label_hash)]) == {}
        platform.add_images([image for image in contents.pool if image.title == gone.title])
        back = next(task for task in platform.tasks() if task.data_hash == gone.data_hash)
        assert (back.task_id, back.label_hash) == (gone.task_id, None)
        with pytest.raises(Refused, match="has no label row"):
            platform.write(Complete((gone.ref,)))
        platform.write(InitialiseLabels((back.ref,)))
        assert platform.labels([str(gone.label_hash)]) == {gone.label_hash: Label()}
