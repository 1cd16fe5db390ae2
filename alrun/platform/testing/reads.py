"""What a platform has to answer."""

# ruff: noqa: D102 - the name of a test is what it promises

from __future__ import annotations

from alrun.errors import TooLarge
from alrun.files import digest
from alrun.platform.port import HoldsOut, KnowsTruth
from alrun.platform.testing.case import NOWHERE, PlatformCase
from alrun.platform.writes import Complete
from alrun.types import StageType, TaskStatus


class ReadContract(PlatformCase):
    """What a platform answers."""

    def test_the_project_is_what_it_was_made_from(self) -> None:
        project = self.platform.project()
        assert project.ontology == self.contents.ontology
        assert [stage.type for stage in project.stages] == ["annotation", "review", "done"]
        assert len({stage.uuid for stage in project.stages}) == 3
        assert project.project_id
        assert project.user

    def test_a_listing_has_every_task_also_uninitialised_ones(self) -> None:
        tasks = self.platform.tasks()
        assert sorted(task.title for task in tasks) == sorted(image.title for image in self.contents.pool)
        for task in tasks:
            assert task.stage == self.stage(StageType.ANNOTATION).uuid
            assert task.status is TaskStatus.NEW
            assert (task.label_hash, task.last_edited_at, task.assignee) == (None, None, None)
            assert task.priority is not None
            assert 0 <= task.priority <= 1
            assert task.data_type == "image"

    def test_a_listing_knows_the_size_and_the_metadata_of_an_image(self) -> None:
        by_title = {task.title: task for task in self.platform.tasks()}
        for image in self.contents.pool:
            task = by_title[image.title]
            assert (task.width, task.height, task.metadata) == (image.width, image.height, image.metadata)

    def test_a_listing_is_sorted_and_names_each_task_once(self) -> None:
        hashes = [task.data_hash for task in self.platform.tasks()]
        assert hashes == sorted(set(hashes))
        assert len({task.task_id for task in self.platform.tasks()}) == len(hashes)

    def test_some_tasks_are_listed_by_data_hash_in_the_same_order(self) -> None:
        tasks = self.platform.tasks()
        hashes = [task.data_hash for task in tasks]
        assert self.platform.tasks([hashes[3], hashes[1]]) == [tasks[1], tasks[3]]
        assert self.platform.tasks([]) == []

    def test_a_data_hash_that_the_project_has_not_is_absent(self) -> None:
        first = self.platform.tasks()[0]
        assert self.platform.tasks([NOWHERE, first.data_hash]) == [first]

    def test_a_listing_by_more_data_hashes_than_the_limit_is_too_large(self) -> None:
        hashes = [self.platform.tasks()[0].data_hash] * (self.platform.limits.listing + 1)
        with self.refused(TooLarge):
            self.platform.tasks(hashes)

    def test_images_come_in_the_order_asked_for_with_their_bytes(self) -> None:
        hashes = [ref.data_hash for ref in self.refs(2, 0, 5)]
        files, left_out = self.platform.images(hashes)
        assert [file.data_hash for file in files] == hashes
        assert not left_out
        assert all(digest(file.path.read_bytes()) == file.digest for file in files)

    def test_an_image_that_cannot_be_had_is_left_out_with_the_reason(self) -> None:
        files, left_out = self.platform.images([NOWHERE, self.refs(0)[0].data_hash])
        assert [file.data_hash for file in files] == [self.refs(0)[0].data_hash]
        assert [out.name for out in left_out] == [NOWHERE]
        assert left_out[0].reason

    def test_every_request_counts_also_one_that_fails(self) -> None:
        before = self.platform.requests
        refs = self.refs(0)
        assert self.platform.requests == before + 1
        with self.refused():
            self.platform.write(Complete(refs))
        assert self.platform.requests == before + 1 + 3 + 1 + 3

    def test_the_lock_is_one_file_for_the_project(self) -> None:
        assert self.platform.lock == self.platform.lock
        assert self.platform.lock.is_absolute()
        assert not self.platform.lock.is_dir()

    def test_the_truth_is_what_the_dataset_said(self) -> None:
        import pytest

        if not isinstance(self.platform, KnowsTruth):
            pytest.skip("this platform knows no truth")
        titles = {task.data_hash: task.title for task in self.platform.tasks()}
        known = {titles[name]: label for name, label in self.platform.truth(list(titles)).items()}
        assert known == {image.title: image.label for image in self.contents.pool if image.label is not None}

    def test_held_out_images_are_no_tasks_and_carry_their_labels(self) -> None:
        import pytest

        if not isinstance(self.platform, HoldsOut):
            pytest.skip("this platform holds nothing out")
        examples = self.platform.held_out()
        expected = {image.digest: image.label for image in self.contents.held_out}
        assert {example.image.digest: example.label for example in examples} == expected
        assert all(digest(example.image.path.read_bytes()) == example.image.digest for example in examples)
        hashes = [example.image.data_hash for example in examples]
        assert hashes == sorted(hashes)
        assert self.platform.tasks(hashes) == []
