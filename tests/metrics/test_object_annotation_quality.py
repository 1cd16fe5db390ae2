"""Objects that look alike and are not of one class: by hand, and by the original's formula."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from alrun.metrics.base import Metric, MetricInputs
from alrun.metrics.object_annotation_quality import ObjectAnnotationQuality
from alrun.metrics.objects import Aggregate
from alrun.metrics.testing import MetricContract
from alrun.types import Label, LabelledObject, Ontology, Task, TaskStatus

BOX = ((0.1, 0.1), (0.5, 0.5))


class TestObjectAnnotationQuality(MetricContract):
    def metric(self) -> Metric:
        return ObjectAnnotationQuality()


def inputs(*images: Sequence[tuple[str, float]] | None) -> MetricInputs:
    """Return images whose objects lie on a circle, at these degrees; NaN has no pixel, None is not labelled."""
    given = [[] if image is None else list(image) for image in images]
    degrees = [np.radians([angle for _, angle in image]) for image in given]
    return MetricInputs(
        tasks=[Task(f"t{i}", f"h{i:03}", f"{i}.png", "s", TaskStatus.NEW) for i in range(len(images))],
        labels=[Label(objects=tuple(LabelledObject(name, BOX) for name, _ in image)) for image in given],
        labelled=np.array([image is not None for image in images]),
        ontology=Ontology(("cat", "dog")),
        crops=[np.stack([np.cos(a), np.sin(a)], axis=1).astype(np.float32) for a in degrees],
    )


def quality(given: MetricInputs, neighbours: int = 9, aggregate: Aggregate = "min") -> list[float]:
    metric = ObjectAnnotationQuality(neighbours, aggregate)
    return metric.compute(given, np.random.default_rng(0)).tolist()  # type: ignore[no-any-return]


def test_an_object_is_worth_the_share_of_its_neighbours_of_its_class() -> None:
    given = inputs([("cat", 0), ("dog", 90)], [("cat", 1)], [("dog", 3), ("dog", 93)], None, [])
    nan = float("nan")
    assert quality(given, 1) == pytest.approx([1, 1, 0, nan, nan], nan_ok=True)
    assert quality(given, 1, "max") == pytest.approx([1, 1, 1, nan, nan], nan_ok=True)
    assert quality(given, 2, "mean") == pytest.approx([(1 / 2 + 1) / 2, 1 / 2, (0 + 1) / 2, nan, nan], nan_ok=True)


def test_an_object_without_pixels_does_not_shift_the_others() -> None:
    given = inputs([("dog", float("nan")), ("cat", 0)], [("cat", 1)], [("dog", float("nan"))])
    assert quality(given) == pytest.approx([1, 1, float("nan")], nan_ok=True)


def test_one_object_has_nothing_to_compare_with() -> None:
    assert np.isnan(quality(inputs([("cat", 0)], []))).all()


def test_with_objects_enough_the_values_are_the_original_s() -> None:
    rng = np.random.default_rng(2)
    names, degrees = rng.choice(["cat", "dog"], 50).tolist(), rng.permutation(300)[:50].astype(float)
    found = quality(inputs(*([(name, angle)] for name, angle in zip(names, degrees.tolist(), strict=True))))
    apart = np.abs((degrees[:, None] - degrees + 180) % 360 - 180)
    nearest = apart.argsort(axis=1, kind="stable")[:, :10]  # the first is the object itself
    expected = [sum(names[j] == names[i] for j in row[1:]) / 9 for i, row in enumerate(nearest.tolist())]
    # of two that are equally far on both sides, float32 may see one nearer
    differ = [i for i, (a, b) in enumerate(zip(found, expected, strict=True)) if a != pytest.approx(b)]
    assert all(apart[i][nearest[i][9]] == np.sort(apart[i])[10] for i in differ)
    assert len(differ) < 25
