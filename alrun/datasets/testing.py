"""The contract that every dataset passes, also a third party's, which inherits it.

::

    class TestMyDataset(DatasetContract):
        def dataset(self, folder: Path) -> Dataset:
            ...  # make the files in `folder`, if any are needed
            return MyDataset(folder)
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alrun.datasets.base import Dataset
from alrun.datasets.importer import contents, import_dataset
from alrun.types import Label, Ontology


class DatasetContract:
    """Inherit and say how the dataset is made; 30 to 5,000 images, most of them good, are about right."""

    def dataset(self, folder: Path) -> Dataset:
        """Make the dataset; two calls with the same `folder` make equal ones."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def folder(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Where the dataset's files are."""
        return tmp_path_factory.mktemp("dataset")

    @pytest.fixture(scope="class")
    @classmethod
    def cache(cls, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """Where it is imported to, once for the class."""
        return tmp_path_factory.mktemp("cache")

    def test_identity_is_json_and_stable(self, folder: Path) -> None:
        """The cached import is found again by another process."""
        identity = dict(self.dataset(folder).identity())
        assert identity
        assert json.loads(json.dumps(identity)) == dict(self.dataset(folder).identity())

    def test_items_come_in_a_stable_order(self, folder: Path) -> None:
        """Same titles, labels and bytes in the same order, as many as were announced."""
        one, other = self.dataset(folder), self.dataset(folder)
        first, second = list(one.items()), list(other.items())
        assert [(i.title, i.label, i.split) for i in first] == [(i.title, i.label, i.split) for i in second]
        assert len(first) == len(one) > 0
        assert first[0].read() == second[0].read()

    def test_titles_are_unique(self, folder: Path) -> None:
        """A person who reads a title knows which image is meant."""
        titles = [item.title for item in self.dataset(folder).items()]
        assert len(set(titles)) == len(titles)

    def test_labels_fit_the_ontology(self, folder: Path) -> None:
        """An oracle may give every label as an answer, in a project of this ontology."""
        dataset = self.dataset(folder)
        ontology = dataset.ontology()
        for item in dataset.items():
            if item.label is not None:
                assert_fits(item.label, ontology)

    def test_import_accounts_for_every_item(self, folder: Path, cache: Path) -> None:
        """Each item is imported or reported; a second import is the same."""
        dataset = self.dataset(folder)
        imported = import_dataset(dataset, cache)
        titles = [row.image.title for row in imported.rows] + [out.name for out in imported.left_out]
        assert sorted(titles) == sorted(item.title for item in dataset.items())
        assert imported.rows
        assert import_dataset(self.dataset(folder), cache) == imported

    def test_split_follows_the_seed(self, folder: Path, cache: Path) -> None:
        """The same seed gives the same contents; pool and held-out images have nothing in common."""
        dataset = self.dataset(folder)
        one, other = contents(dataset, cache, 7), contents(dataset, cache, 7)
        assert one == other
        pool, held_out = ({image.digest for image in part} for part in (one.pool, one.held_out))
        assert len(pool) == len(one.pool)
        assert len(held_out) == len(one.held_out)
        assert pool.isdisjoint(held_out)
        assert all(image.label is not None for image in one.held_out)


def assert_fits(label: Label, ontology: Ontology) -> None:
    """Check that each object and answer of `label` exists in `ontology`, and that points are relative."""
    options = {question.name: question.options for question in ontology.questions}
    for answer in label.answers:
        assert answer.question in options, f"{answer.question!r} is not a question of the ontology"
        allowed = options[answer.question]
        assert not allowed or set(answer.values) <= set(allowed), f"{answer.values} are not options of the ontology"
    for found in label.objects:
        assert found.name in ontology.objects, f"{found.name!r} is not an object class of the ontology"
        assert len(found.points) >= 2
        assert all(0 <= x <= 1 and 0 <= y <= 1 for x, y in found.points), f"{found.points} are not in 0..1"
