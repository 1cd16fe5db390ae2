"""A copied project is the project: the same names, places, labels and tags; what cannot be copied is told."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from alrun.errors import ConfigError
from alrun.platform.copying import copy_project
from alrun.platform.local import LocalProject, StageSpec
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Platform, Project
from alrun.platform.retry import Patience
from alrun.platform.testing import LABEL, Faulty, small_contents
from alrun.platform.writes import AddTag, Assign, Complete, InitialiseLabels, SaveLabels, SetPriority, Skip, Submit
from alrun.types import Label, LabelledObject, Ontology, Stage, StageType, Task

Copied = Callable[[Platform], LocalPlatform]


class Listed(Faulty):
    """A project as another kind of platform might list it: some tasks are not what a local project has."""

    def __init__(self, platform: LocalPlatform) -> None:
        super().__init__(platform, lambda *_: None)
        self.changes: dict[int, dict[str, object]] = {}
        self.facts = platform.project()
        self.extra: list[Task] = []

    def project(self) -> Project:
        return self.facts

    def tasks(self, data_hashes: Sequence[str] | None = None) -> list[Task]:
        listed = super().tasks(data_hashes)
        changed = [replace(task, **self.changes.get(i, {})) for i, task in enumerate(listed)]  # type: ignore[arg-type]
        return changed + self.extra


@pytest.fixture
def source(tmp_path: Path) -> Iterator[LocalPlatform]:
    """Return a project in which everything has happened that a copy must show."""
    contents = small_contents(tmp_path / "store")
    platform = LocalProject(path=str(tmp_path / "source.sqlite")).open(tmp_path, lambda: contents)
    platform.write(InitialiseLabels(tuple(t.ref for t in platform.tasks()[:4])))
    refs = tuple(task.ref for task in platform.tasks())
    platform.act(SaveLabels(refs[:2], (LABEL, Label()), "ann@example.org"))
    platform.act(Submit(refs[1:2], "ann@example.org"))
    platform.write(Complete(refs[2:3]))
    platform.write(SetPriority(refs[3:4], (0.75,)))
    platform.act(Assign(refs[4:5], "bob@example.org"))
    platform.act(Skip(refs[5:6], "bob@example.org"))
    platform.write(AddTag(refs[:2], "first"))
    platform.write(AddTag((), "empty"))
    yield platform
    platform.close()


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Copied]:
    with ExitStack() as opened:

        def copied(source: Platform) -> LocalPlatform:
            path = tmp_path / "copy" / "project.sqlite"
            copy_project(source, path, "Copy", Patience())
            copy = LocalPlatform(path, "alrun@local")
            opened.callback(copy.close)
            return copy

        yield copied


def test_a_copy_lists_what_the_project_lists(source: LocalPlatform, copied: Copied) -> None:
    copy = copied(source)
    assert copy.tasks() == source.tasks()
    assert copy.tags() == source.tags()
    assert copy.project() == replace(source.project(), title="Copy")
    hashes = [task.label_hash for task in source.tasks() if task.label_hash]
    assert copy.labels(hashes) == source.labels(hashes)
    assert len(hashes) == 4


def test_a_copy_is_a_project_of_its_own(source: LocalPlatform, copied: Copied) -> None:
    before, tags = source.tasks(), source.tags()
    copy = copied(source)
    copy.write(InitialiseLabels(tuple(task.ref for task in copy.tasks())))
    copy.write(Complete(tuple(task.ref for task in copy.tasks())))
    copy.write(AddTag(tuple(task.ref for task in copy.tasks()), "second"))
    assert (source.tasks(), source.tags()) == (before, tags)
    assert len({task.label_hash for task in copy.tasks()}) == 6


def test_a_copy_has_no_images(source: LocalPlatform, copied: Copied) -> None:
    copy = copied(source)
    found, left_out = copy.images([task.data_hash for task in copy.tasks()])
    assert (found, len(left_out)) == ([], 6)


def test_times_without_a_zone_are_utc(source: LocalPlatform, copied: Copied) -> None:
    platform = Listed(source)
    platform.changes[0] = {"last_edited_at": "2026-11-22T09:47:00"}
    assert copied(platform).tasks()[0].last_edited_at == "2026-11-22T09:47:00.000000+00:00"


def test_a_label_row_that_was_never_edited_stays_one(source: LocalPlatform, copied: Copied) -> None:
    platform = Listed(source)
    platform.changes[3] = {"last_edited_at": None}
    assert copied(platform).tasks()[3].label_hash == source.tasks()[3].label_hash is not None


def test_what_no_recipe_takes_is_left_out_and_told(
    source: LocalPlatform, copied: Copied, caplog: pytest.LogCaptureFixture
) -> None:
    platform = Listed(source)
    platform.changes = {0: {"data_type": "video"}, 1: {"group_hash": "g"}}
    platform.extra = [replace(source.tasks()[2], task_id="another task of the same image")]
    with caplog.at_level(logging.WARNING, "alrun"):
        copy = copied(platform)
    assert copy.tasks() == source.tasks()[3:]
    assert copy.tags() == {"first": frozenset(), "empty": frozenset()}
    assert [record.getMessage() for record in caplog.records] == [
        "left out of the copy: tasks of type 'video' (1), since no recipe takes them",
        "left out of the copy: tasks in data groups (1), since no recipe takes them",
        "left out of the copy: tasks of images that have several (2), since no recipe takes them",
    ]


def test_labels_beyond_the_ontology_are_left_out_and_told(
    source: LocalPlatform, copied: Copied, caplog: pytest.LogCaptureFixture
) -> None:
    platform = Listed(source)
    weather, road, note = source.project().ontology.questions
    smaller = Ontology(("sign",), (weather, replace(road, options=("ice",))))
    platform.facts = replace(platform.facts, ontology=smaller)
    with caplog.at_level(logging.WARNING, "alrun"):
        copy = copied(platform)
    label = copy.labels([str(source.tasks()[0].label_hash)]).popitem()[1]
    assert [(a.question, a.values) for a in label.answers] == [("weather", ("rain",)), ("on the road", ("ice",))]
    assert label.objects == ()
    assert LABEL.objects == (LabelledObject("car", ((0.1, 0.2), (0.5, 1.0))),)
    assert note.name not in json.dumps(label.to_json())
    assert "left out of the copy: what the ontology does not have, of 1 label rows" in caplog.text


@pytest.mark.parametrize(
    "types", [["review", "done"], ["annotation", "done", "review"], ["annotation", "done", "done"], ["annotation"]]
)
def test_a_workflow_that_a_local_project_cannot_play_is_refused(
    source: LocalPlatform, copied: Copied, tmp_path: Path, types: list[str]
) -> None:
    platform = Listed(source)
    stages = tuple(Stage(f"{i}", f"Stage {i}", StageType(kind)) for i, kind in enumerate(types))
    platform.facts = replace(platform.facts, stages=stages)
    with pytest.raises(
        ConfigError, match=r"must begin with annotation and end with its only done stage; it has: Stage"
    ):
        copied(platform)
    assert not (tmp_path / "copy").exists()


def test_agents_within_the_workflow_are_kept(tmp_path: Path, copied: Copied) -> None:
    contents = small_contents(tmp_path / "store", 2)
    stages = (StageSpec("A", "annotation"), StageSpec("R", "review"), StageSpec("D", "done"))
    local = LocalProject(path=str(tmp_path / "p.sqlite"), stages=stages).open(tmp_path, lambda: contents)
    platform = Listed(local)
    first, second, last = platform.facts.stages
    platform.facts = replace(platform.facts, stages=(first, replace(second, type=StageType.AGENT), last))
    assert copied(platform).project().stages == platform.facts.stages
    local.close()
