"""Metrics of labelled objects: how many there are, and how much they cover."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.metrics import outlines as module
from alrun.metrics.base import Metric, MetricInputs
from alrun.metrics.object_count import ObjectCount
from alrun.metrics.object_density import ObjectDensity
from alrun.metrics.outlines import Points, union_area
from alrun.metrics.testing import MetricContract, pool
from alrun.types import Answer, Label, LabelledObject, Ontology


class TestObjectCount(MetricContract):
    def metric(self) -> Metric:
        return ObjectCount()


class TestObjectDensity(MetricContract):
    def metric(self) -> Metric:
        return ObjectDensity()


def values(metric: Metric, folder: Path, *labels: Label | None, objects: tuple[str, ...] = ("cat",)) -> list[float]:
    inputs: MetricInputs = replace(
        pool(metric, len(labels), folder),
        labels=labels,
        labelled=np.array([label is not None for label in labels]),
        ontology=Ontology(objects),
    )
    return metric.compute(inputs, np.random.default_rng(0)).tolist()  # type: ignore[no-any-return]


def cats(*outlines: Points) -> Label:
    return Label((Answer("weather", ("sun",)),), tuple(LabelledObject("cat", tuple(points)) for points in outlines))


ONE, OTHER = ((0.1, 0.1), (0.5, 0.5)), ((0.3, 0.3), (0.7, 0.7))
TRIANGLE = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))


def test_objects_are_counted_where_somebody_looked(tmp_path: Path) -> None:
    found = values(ObjectCount(), tmp_path, cats(ONE, OTHER), Label(), None, cats(TRIANGLE))
    assert found == pytest.approx([2, 0, math.nan, 1], nan_ok=True)


def test_what_objects_cover_together_counts_once(tmp_path: Path) -> None:
    labels = (cats(ONE), cats(ONE, OTHER), cats(ONE, ONE), Label(), None, cats(TRIANGLE, ONE))
    found = values(ObjectDensity(), tmp_path, *labels)
    # The box lies within the triangle: they touch in the one corner (0.5, 0.5).
    assert found == pytest.approx([16, 28, 16, 0, math.nan, 50], nan_ok=True)


@pytest.mark.parametrize("metric", [ObjectCount(), ObjectDensity()])
def test_without_object_classes_nothing_is_defined(metric: Metric, tmp_path: Path) -> None:
    assert np.isnan(values(metric, tmp_path, Label(), cats(), objects=())).all()


PENTAGON = [(math.sin(2 * math.pi * k / 5), math.cos(2 * math.pi * k / 5)) for k in range(5)]


def shoelace(points: Points) -> float:
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, [*points[1:], points[0]], strict=True))) / 2


@pytest.mark.parametrize(
    ("outlines", "area"),
    [
        ([], 0),
        ([((0, 0), (0, 0))], 0),
        ([((2, 3), (0, 0))], 6),  # any two opposite corners
        ([[(0, 0), (1, 1), (2, 2)]], 0),
        ([[(0, 0), (2, 0), (2, 2), (0, 2)]], 4),
        ([[(0, 0), (2, 2), (2, 0), (0, 2)]], 2),  # a bow tie: two triangles
        ([[(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)]], 10),  # not convex
        ([TRIANGLE, [(1, 1), (1, 0), (0, 1)]], 1),  # they share their long edge
        ([TRIANGLE, [(0, 0), (1, 0), (1, 1)]], 0.75),
        ([((0, 0), (3, 1)), ((1, -1), (2, 2))], 5),  # a cross
        ([((0, 0), (4, 4)), ((1, 1), (2, 2))], 16),  # one inside the other
        ([((0, 0), (1, 1)), ((1, 0), (2, 1)), ((5, 5), (6, 6))], 3),
        ([PENTAGON], shoelace(PENTAGON)),
    ],
)
def test_areas_by_hand(outlines: list[Points], area: float) -> None:
    assert union_area(outlines) == pytest.approx(area, abs=1e-12)


CORNERS = st.tuples(st.integers(0, 8), st.integers(0, 8))


@given(st.lists(st.tuples(CORNERS, CORNERS), max_size=8), st.sampled_from([1, 5, 256]))
def test_boxes_cover_the_cells_that_they_cover(
    boxes: list[tuple[tuple[int, int], tuple[int, int]]], block: int
) -> None:
    cells = np.zeros((8, 8), np.bool_)
    for (x0, y0), (x1, y1) in boxes:
        cells[min(x0, x1) : max(x0, x1), min(y0, y1) : max(y0, y1)] = True
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BLOCK", block)
        assert union_area(boxes) == pytest.approx(cells.sum(), abs=1e-9)


def inside(points: Points, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Tell by crossings to the right, point by point."""
    result = np.zeros(x.shape, np.bool_)
    for (x0, y0), (x1, y1) in zip(points, [*points[1:], points[0]], strict=True):
        if y0 != y1:
            crosses = (min(y0, y1) <= y) & (y < max(y0, y1))
            result ^= crosses & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0))
    return result


@given(st.lists(st.lists(CORNERS, min_size=3, max_size=6), min_size=1, max_size=4))
@settings(max_examples=60)
def test_polygons_cover_what_sampling_finds(polygons: list[list[tuple[int, int]]]) -> None:
    x, y = np.meshgrid(*[(np.arange(400) + 0.5) / 50] * 2)
    covered = np.logical_or.reduce([inside(points, x, y) for points in polygons])
    assert union_area(polygons) == pytest.approx(covered.mean() * 64, abs=0.15)


@given(st.lists(st.lists(CORNERS, min_size=3, max_size=6), min_size=2, max_size=4))
@settings(max_examples=60)
def test_order_and_repetition_change_nothing(polygons: list[list[tuple[int, int]]]) -> None:
    area = union_area(polygons)
    assert union_area([*polygons[::-1], polygons[0]]) == pytest.approx(area, abs=1e-9)
    assert area <= sum(union_area([points]) for points in polygons) + 1e-9
    turned = [[(y, x) for x, y in points] for points in polygons]
    assert union_area(turned) == pytest.approx(area, abs=1e-9)
