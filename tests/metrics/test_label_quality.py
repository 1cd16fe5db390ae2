"""Metrics of labels: by hand, and against the original's formulas."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.metrics.annotation_duplicates import AnnotationDuplicates
from alrun.metrics.base import Metric, MetricInputs
from alrun.metrics.border_closeness import BorderCloseness
from alrun.metrics.image_annotation_quality import ImageAnnotationQuality
from alrun.metrics.object_area_absolute import ObjectAreaAbsolute
from alrun.metrics.object_area_relative import ObjectAreaRelative
from alrun.metrics.object_aspect_ratio import ObjectAspectRatio
from alrun.metrics.objects import Aggregate
from alrun.metrics.outlines import Points, intersection_over_union
from alrun.metrics.testing import MetricContract, pool
from alrun.types import Answer, Label, LabelledObject, Ontology, Question, QuestionKind, Task

NAN = math.nan
ONE, OTHER = ((0.1, 0.1), (0.5, 0.5)), ((0.3, 0.3), (0.7, 0.7))
HOOK = ((0.1, 0.2), (0.4, 0.2), (0.4, 0.9))
UPRIGHT_LINE, FLAT_LINE = ((0.2, 0.1), (0.2, 0.6)), ((0.1, 0.4), (0.6, 0.4))


class TestAnnotationDuplicates(MetricContract):
    def metric(self) -> Metric:
        return AnnotationDuplicates()


class TestBorderCloseness(MetricContract):
    def metric(self) -> Metric:
        return BorderCloseness()


class TestObjectAreaRelative(MetricContract):
    def metric(self) -> Metric:
        return ObjectAreaRelative()


class TestObjectAreaAbsolute(MetricContract):
    def metric(self) -> Metric:
        return ObjectAreaAbsolute("mean")


class TestObjectAspectRatio(MetricContract):
    def metric(self) -> Metric:
        return ObjectAspectRatio()


class TestImageAnnotationQuality(MetricContract):
    def metric(self) -> Metric:
        return ImageAnnotationQuality()


class TestImageAnnotationQualityWithFewLabels(MetricContract):
    """More neighbours are asked for than there are."""

    def metric(self) -> Metric:
        return ImageAnnotationQuality(neighbours=1000, aggregate="mean")


def objects(*named: tuple[str, Points]) -> Label:
    return Label(objects=tuple(LabelledObject(name, tuple(points)) for name, points in named))


def cats(*outlines: Points) -> Label:
    return objects(*(("cat", points) for points in outlines))


def values(
    metric: Metric, folder: Path, *labels: Label | None, size: tuple[int, int] | None = (640, 480)
) -> list[float]:
    inputs = pool(metric, len(labels), folder)
    width, height = size or (None, None)
    inputs = replace(
        inputs,
        tasks=[replace(task, width=width, height=height) for task in inputs.tasks],
        labels=labels,
        labelled=np.array([label is not None for label in labels]),
    )
    return metric.compute(inputs, np.random.default_rng(0)).tolist()  # type: ignore[no-any-return]


def same(found: Sequence[float], expected: Sequence[float]) -> bool:
    return list(found) == pytest.approx(list(expected), nan_ok=True)


def test_the_largest_overlap_of_two_objects_of_one_class(tmp_path: Path) -> None:
    apart = ((0.6, 0.6), (0.7, 0.7))
    found = values(
        AnnotationDuplicates(), tmp_path,
        cats(ONE, OTHER), cats(ONE, apart, ONE), objects(("cat", ONE), ("dog", ONE)), cats(ONE, apart),
        cats(ONE), Label(), None, cats(UPRIGHT_LINE, UPRIGHT_LINE),
    )  # fmt: skip
    assert same(found, [0.04 / 0.28, 1, 0, 0, NAN, NAN, NAN, 0])


BOX = st.tuples(*[st.integers(0, 20)] * 4).map(
    lambda c: ((min(c[0], c[2]), min(c[1], c[3])), (max(c[0], c[2]) + 1, max(c[1], c[3]) + 1))
)


@given(BOX, BOX)
@settings(max_examples=60)
def test_the_overlap_of_boxes_is_that_of_the_formula(one: Points, other: Points) -> None:
    (a, b), (c, d) = one
    (e, f), (g, h) = other
    shared = max(min(c, g) - max(a, e), 0) * max(min(d, h) - max(b, f), 0)
    expected = shared / ((c - a) * (d - b) + (g - e) * (h - f) - shared)
    assert intersection_over_union(one, other) == pytest.approx(expected, abs=1e-12)
    turned = [(x, y) for x, y in ((e, f), (g, f), (g, h), (e, h))]
    assert intersection_over_union(one, turned) == pytest.approx(expected, abs=1e-12)


def test_how_far_an_outline_reaches_towards_a_border(tmp_path: Path) -> None:
    middle, touching = ((0.5, 0.5), (0.5, 0.5)), ((0.4, 0.0), (0.5, 0.5))
    labels = (cats(HOOK), cats(middle), cats(touching), cats(middle, HOOK), Label(), None)
    assert same(values(BorderCloseness(), tmp_path, *labels), [0.9, 0.5, 1, 0.9, NAN, NAN])
    assert same(values(BorderCloseness("min"), tmp_path, *labels), [0.9, 0.5, 1, 0.5, NAN, NAN])
    assert same(values(BorderCloseness("mean"), tmp_path, *labels), [0.9, 0.5, 1, 0.7, NAN, NAN])


def test_areas_are_those_of_the_original(tmp_path: Path) -> None:
    labels = (cats(ONE), cats(HOOK), cats(ONE, HOOK), cats(FLAT_LINE), Label(), None)
    assert same(values(ObjectAreaRelative(), tmp_path, *labels), [16, 10.5, 10.5, 0, NAN, NAN])
    assert same(values(ObjectAreaRelative("max"), tmp_path, *labels), [16, 10.5, 16, 0, NAN, NAN])
    assert same(values(ObjectAreaAbsolute(), tmp_path, *labels), [49152, 32256, 32256, 0, NAN, NAN])


@pytest.mark.parametrize(("aggregate", "expected"), [("min", 0.5), ("max", 4 / 3), ("mean", 11 / 12)])
def test_the_aspect_ratio_is_in_pixels(tmp_path: Path, aggregate: Aggregate, expected: float) -> None:
    """Of a box that is square in the image's own terms it is that of the image; lines have one or none."""
    half = ((0.1, 0.1), (0.25, 0.5))
    labels = (cats(ONE), cats(ONE, half), cats(UPRIGHT_LINE), cats(FLAT_LINE), Label(), None)
    found = values(ObjectAspectRatio(aggregate), tmp_path, *labels)
    assert same(found, [4 / 3, expected, 0, NAN, NAN, NAN])


@pytest.mark.parametrize("metric", [ObjectAreaAbsolute(), ObjectAspectRatio()])
def test_without_the_size_of_the_image_pixels_are_not_known(metric: Metric, tmp_path: Path) -> None:
    assert np.isnan(values(metric, tmp_path, cats(ONE), size=None)).all()
    assert same(values(ObjectAreaRelative(), tmp_path, cats(ONE), size=None), [16])


RADIO = Question("digit", QuestionKind.RADIO, ("0", "1", "2"))
BOXES = Question("seen", QuestionKind.CHECKLIST, ("sun", "moon", "stars"))
TEXT = Question("remark", QuestionKind.TEXT)


def answered(
    angles: Sequence[float], answers: Sequence[Mapping[str, tuple[str, ...]] | None], *questions: Question
) -> MetricInputs:
    """Return images on a circle, whose neighbours are those with the nearest angles; None is not labelled."""
    labels = [None if a is None else Label(tuple(Answer(name, chosen) for name, chosen in a.items())) for a in answers]
    around = np.radians(np.array(angles))
    return MetricInputs(
        tasks=[Task(f"t{i}", f"h{i:03}", f"{i}.png", "s", "new") for i in range(len(angles))],  # type: ignore[arg-type]
        labels=labels,
        labelled=np.array([label is not None for label in labels]),
        ontology=Ontology(questions=questions),
        embeddings=np.stack([np.cos(around), np.sin(around)], axis=1).astype(np.float32),
    )


def quality(inputs: MetricInputs, neighbours: int = 9, aggregate: Aggregate = "min") -> list[float]:
    metric = ImageAnnotationQuality(neighbours, aggregate)
    return metric.compute(inputs, np.random.default_rng(0)).tolist()  # type: ignore[no-any-return]


def digits(*given: str | None) -> list[Mapping[str, tuple[str, ...]] | None]:
    return [None if answer is None else {"digit": (answer,)} for answer in given]


def test_a_radio_answer_is_worth_the_share_of_neighbours_that_gave_it() -> None:
    """Four images, the one that is not labelled among them; the wrong label at 2 degrees is found out."""
    inputs = answered([0, 1, 2, 3, 5, 90], digits("0", "0", "1", None, "0", "1"), RADIO)
    assert same(quality(inputs, 3), [2 / 3, 2 / 3, 0, NAN, 2 / 3, 1 / 3])


def test_a_checklist_is_worth_what_it_shares_with_its_neighbours() -> None:
    ticked = [{"seen": boxes} for boxes in (("sun",), ("sun", "moon"), ("stars",), ("sun", "moon", "stars"))]
    assert same(quality(answered([0, 1, 3, 7], ticked, BOXES), 1), [1 / 2, 1 / 2, 0, 1 / 3])
    assert same(quality(answered([0, 1, 3, 7], ticked, BOXES), 3)[:1], [(1 / 2 + 0 + 1 / 3) / 3])


def test_each_question_has_its_own_neighbours() -> None:
    """Half of the images have no answer to one question: those are no neighbours for it, and do not shift its rows."""
    given = [
        {"digit": ("0",), "seen": ("sun",)}, {"seen": ("moon",)}, {"digit": ("0",)},
        {"digit": ("1",), "seen": ("sun",)}, {"remark": ("nice",)}, {},
    ]  # fmt: skip
    inputs = answered([0, 1, 2, 10, 4, 5], given, TEXT, BOXES, RADIO)
    assert same(quality(inputs, 1, "min"), [0, 0, 1, 0, NAN, NAN])
    assert same(quality(inputs, 1, "max"), [1, 0, 1, 0, NAN, NAN])
    assert same(quality(inputs, 1, "mean"), [1 / 2, 0, 1, 0, NAN, NAN])


def test_few_labels_are_compared_with_all_others_and_one_with_none() -> None:
    assert same(quality(answered([0, 1], digits("0", "1"), RADIO)), [0, 0])
    assert same(quality(answered([0, 1, 2], digits("0", "1", "1"), RADIO)), [0, 1 / 2, 1 / 2])
    assert same(quality(answered([0, 1], digits("0", None), RADIO)), [NAN, NAN])
    assert same(quality(answered([0, 1], digits("0", "1"), TEXT)), [NAN, NAN])


def original(points: npt.NDArray[np.float32], answers: Sequence[str]) -> list[float]:
    """Return the share of the 9 nearest, of 10 with the image itself, that has its answer."""
    x = points / np.linalg.norm(points, axis=1, keepdims=True)
    nearest = np.argsort(-(x @ x.T), axis=1)[:, 1:10]
    return [sum(answers[j] == answers[i] for j in row) / 9 for i, row in enumerate(nearest.tolist())]


def test_with_labels_enough_a_radio_question_has_the_original_s_values() -> None:
    rng = np.random.default_rng(1)
    answers = [str(i) for i in rng.integers(3, size=60)]
    inputs = answered(rng.random(60).tolist(), digits(*answers), RADIO)
    points = rng.normal(size=(60, 8)).astype(np.float32)
    assert same(quality(replace(inputs, embeddings=points)), original(points, answers))
