"""The contract of every metric. A metric's test inherits :class:`MetricContract` and says how to make the metric.

::

    class TestBrightness(MetricContract):
        def metric(self) -> Metric:
            return Brightness()
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from alrun.files import digest
from alrun.metrics.base import Metric, MetricInputs
from alrun.types import (
    Answer,
    ImageFile,
    Label,
    LabelledObject,
    Need,
    Ontology,
    Question,
    QuestionKind,
    Task,
    TaskStatus,
)

ONTOLOGY = Ontology(
    objects=("cat", "dog", "cow"),
    questions=(
        Question("digit", QuestionKind.RADIO, ("0", "1", "2")),
        Question("seen", QuestionKind.CHECKLIST, ("sun", "moon", "stars")),
    ),
)


class MetricContract:
    """What `alrun.metrics.base` promises of a metric."""

    def metric(self) -> Metric:
        """Return the metric under test."""
        raise NotImplementedError

    @pytest.mark.parametrize("size", [0, 1, 2, 60])
    def test_one_float_for_each_task(self, size: int, tmp_path: Path) -> None:
        """Any size of pool gives float64 of shape (N,): a number or NaN."""
        values = self._compute(pool(self.metric(), size, tmp_path))
        assert values.shape == (size,)
        assert values.dtype == np.float64
        assert not np.isinf(values).any()

    def test_same_generator_gives_the_same_bytes(self, tmp_path: Path) -> None:
        """Equal generators give equal bytes."""
        inputs = pool(self.metric(), 60, tmp_path)
        assert self._compute(inputs).tobytes() == self._compute(inputs).tobytes()

    def test_order_of_the_rows_does_not_matter(self, tmp_path: Path) -> None:
        """Shuffled rows give the same values, shuffled."""
        inputs = pool(self.metric(), 60, tmp_path)
        order = np.random.default_rng(7).permutation(60)
        np.testing.assert_array_equal(self._compute(take(inputs, order)), self._compute(inputs)[order])

    def test_images_without_any_label_will_do(self, tmp_path: Path) -> None:
        """A project in which nothing is labelled works."""
        inputs = pool(self.metric(), 12, tmp_path)
        bare = replace(inputs, labels=[None] * 12, labelled=np.zeros(12, np.bool_))
        assert self._compute(bare).shape == (12,)

    def test_all_images_may_be_labelled(self, tmp_path: Path) -> None:
        """A project in which everything is labelled works."""
        inputs = replace(pool(self.metric(), 12, tmp_path), labelled=np.ones(12, np.bool_))
        assert self._compute(inputs).shape == (12,)

    def test_inputs_stay_as_they_are(self, tmp_path: Path) -> None:
        """The inputs are not changed."""
        inputs = pool(self.metric(), 30, tmp_path)
        before = copy.deepcopy(inputs)
        self._compute(inputs)
        np.testing.assert_equal(vars(inputs), vars(before))

    def _compute(self, inputs: MetricInputs) -> npt.NDArray[np.float64]:
        return self.metric().compute(inputs, np.random.default_rng(5))


def pool(metric: Metric, size: int, folder: Path) -> MetricInputs:
    """Return a random pool, always the same one, sorted by data hash, a third of it labelled.

    It has what the metric needs and nothing else; images are written into `folder`.
    """
    rng = np.random.default_rng(size)
    hashes = sorted(digest(f"image {i}".encode()) for i in range(size))
    labelled = rng.random(size) < 1 / 3
    tasks = [
        Task(f"task-{h}", h, f"{h}.png", "stage-1", TaskStatus.NEW, f"label-{h}", width=60, height=80) for h in hashes
    ]
    answers = [_label(rng) if done else Label() for done in labelled]
    needs = metric.needs
    return MetricInputs(
        tasks=tasks,
        labels=answers,
        labelled=labelled,
        ontology=ONTOLOGY,
        embeddings=rng.normal(size=(size, 8)).astype(np.float32) if Need.EMBEDDINGS in needs else None,
        images=[_image(h, folder, rng) for h in hashes] if Need.IMAGES in needs else None,
        crops=[_crops(label, rng) for label in answers] if Need.CROPS in needs else None,
    )


def _label(rng: np.random.Generator) -> Label:
    """Return a label with a digit, perhaps some boxes ticked, and up to four objects: boxes and triangles."""
    ticked = tuple(option for option in ONTOLOGY.questions[1].options if rng.random() < 1 / 2)
    answers = [Answer("digit", (str(rng.integers(3)),)), *([Answer("seen", ticked)] if ticked else [])]
    corners = [np.sort(rng.random((int(rng.integers(2, 4)), 2)), axis=0) for _ in range(rng.integers(5))]
    objects = [LabelledObject(ONTOLOGY.objects[rng.integers(3)], tuple(map(tuple, c.tolist()))) for c in corners]
    return Label(tuple(answers), tuple(objects))


def take(inputs: MetricInputs, rows: npt.NDArray[np.int64]) -> MetricInputs:
    """Return the inputs of these rows only, in this order."""
    return replace(
        inputs,
        tasks=[inputs.tasks[row] for row in rows],
        labels=[inputs.labels[row] for row in rows],
        labelled=inputs.labelled[rows],
        embeddings=None if inputs.embeddings is None else inputs.embeddings[rows],
        images=None if inputs.images is None else [inputs.images[row] for row in rows],
        crops=None if inputs.crops is None else [inputs.crops[row] for row in rows],
    )


def _crops(label: Label, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    return rng.normal(size=(len(label.objects), 8)).astype(np.float32)


def _image(data_hash: str, folder: Path, rng: np.random.Generator) -> ImageFile:
    from PIL import Image

    path = folder / f"{data_hash}.png"
    Image.fromarray(rng.integers(256, size=(8, 6, 3), dtype=np.uint8)).save(path)
    return ImageFile(data_hash, path, digest(path.read_bytes()))
