"""Unusual shapes: moments by hand and by counting pixels, and what stands out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.metrics.base import Metric
from alrun.metrics.hu import hu_moments
from alrun.metrics.shape_outlier import ShapeOutlier
from alrun.metrics.testing import MetricContract, pool
from alrun.types import Label, LabelledObject

Doubles = npt.NDArray[np.float64]
HOOK = np.array([(0.0, 0.0), (6.0, 0.0), (6.0, 2.0), (2.0, 2.0), (2.0, 9.0), (0.0, 9.0)])


class TestShapeOutlier(MetricContract):
    def metric(self) -> Metric:
        return ShapeOutlier()


def box(width: float, height: float) -> Doubles:
    return np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 1), (2, 7)])
def test_moments_of_a_box_by_hand(width: float, height: float) -> None:
    wide, tall = width / height / 12, height / width / 12
    assert hu_moments(box(width, height)) == pytest.approx([wide + tall, (wide - tall) ** 2, 0, 0, 0, 0, 0], abs=1e-12)


def test_moments_are_those_of_the_pixels_inside() -> None:
    """By the textbook's sums over a fine grid of points."""
    side = (np.arange(1200) + 0.5) / 100
    x, y = np.meshgrid(side, side)
    inside = (x < 6) & (y < 9) & ((x < 2) | (y < 2))
    x, y = x[inside] - x[inside].mean(), y[inside] - y[inside].mean()
    area = len(x) / 1e4
    n = {(p, q): (x**p * y**q).sum() / 1e4 / area ** ((p + q) / 2 + 1) for p in range(4) for q in range(4)}
    a, b, c, d = n[3, 0] + n[1, 2], n[2, 1] + n[0, 3], n[3, 0] - 3 * n[1, 2], 3 * n[2, 1] - n[0, 3]
    expected = [
        n[2, 0] + n[0, 2],
        (n[2, 0] - n[0, 2]) ** 2 + 4 * n[1, 1] ** 2,
        c**2 + d**2,
        a**2 + b**2,
        c * a * (a**2 - 3 * b**2) + d * b * (3 * a**2 - b**2),
        (n[2, 0] - n[0, 2]) * (a**2 - b**2) + 4 * n[1, 1] * a * b,
        d * a * (a**2 - 3 * b**2) - c * b * (3 * a**2 - b**2),
    ]
    assert hu_moments(HOOK) == pytest.approx(expected, rel=1e-4)


@given(st.floats(0, 7), st.floats(0.01, 100), st.floats(-50, 50), st.booleans())
@settings(max_examples=60)
def test_moving_turning_and_scaling_change_nothing(angle: float, scale: float, shift: float, backwards: bool) -> None:
    turn = np.array([(math.cos(angle), -math.sin(angle)), (math.sin(angle), math.cos(angle))])
    moved = scale * HOOK @ turn.T + shift
    found = hu_moments(moved[::-1] if backwards else moved)
    np.testing.assert_allclose(found, hu_moments(HOOK), rtol=1e-5, atol=1e-9)
    mirrored = hu_moments(HOOK * (1, -1))
    np.testing.assert_allclose(mirrored, [*hu_moments(HOOK)[:6], -hu_moments(HOOK)[6]], rtol=1e-9)


def test_a_line_has_no_shape() -> None:
    assert np.isnan(hu_moments(np.array([(0.0, 0.0), (1.0, 1.0), (2.0, 2.0)]))).all()


def values(folder: Path, shapes: list[list[tuple[str, Doubles]]], size: tuple[int, int] = (100, 100)) -> list[float]:
    metric = ShapeOutlier()
    inputs = pool(metric, len(shapes), folder)
    labels = [
        Label(objects=tuple(LabelledObject(name, tuple(map(tuple, points / 100))) for name, points in image))
        for image in shapes
    ]
    tasks = [replace(task, width=size[0], height=size[1]) for task in inputs.tasks]
    inputs = replace(inputs, tasks=tasks, labels=labels, labelled=np.ones(len(shapes), np.bool_))
    return metric.compute(inputs, np.random.default_rng(0)).tolist()  # type: ignore[no-any-return]


def test_the_one_of_another_shape_stands_out(tmp_path: Path) -> None:
    """Nine squares and a hook: by hand, the others are 1/3 and it is 3 standard deviations from the mean."""
    squares = [[("cat", box(side, side) + side)] for side in range(1, 10)]
    found = values(tmp_path, [*squares, [("cat", HOOK)]])
    assert found == pytest.approx([1 / 3] * 9 + [3])


def test_classes_are_looked_at_one_by_one_and_the_worst_object_counts(tmp_path: Path) -> None:
    images = [[("cat", box(2, 2)), ("dog", HOOK)] for _ in range(9)]
    odd = [("cat", HOOK), ("dog", HOOK)]
    assert values(tmp_path, [*images, odd]) == pytest.approx([1 / 3] * 9 + [3])


def test_a_class_with_few_objects_has_no_ordinary_shape(tmp_path: Path) -> None:
    assert np.isnan(values(tmp_path, [[("cat", HOOK)]] * 9)).all()
    assert values(tmp_path, [[("cat", HOOK)]] * 10) == [0] * 10


def test_shapes_are_those_of_the_pixels(tmp_path: Path) -> None:
    """In an image twice as wide as tall, what is square relative to it is not."""
    squares = [[("cat", box(2, 2))]] * 9
    odd = [("cat", box(1, 2))]
    assert values(tmp_path, [*squares, odd], (200, 100)) == pytest.approx([1 / 3] * 9 + [3])
