"""What each metric of pixels says: by hand, and by the original's formulas restated."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from alrun.metrics import picture as module
from alrun.metrics.base import Metric
from alrun.metrics.images import measure_all
from alrun.metrics.picture import Picture
from alrun.metrics.testing import MetricContract
from alrun.platform.store import ImageStore
from alrun.pool.images import decode
from alrun.types import ImageFile
from tests.datasets import pictures
from tests.metrics.pixel_metrics import METRICS, ORIGINAL, Bytes, fraction


@pytest.mark.parametrize("name", METRICS)
class TestPixelMetrics(MetricContract):
    @pytest.fixture(autouse=True)
    def _of(self, name: str) -> None:
        self.name = name

    def metric(self) -> Metric:
        return METRICS[self.name]


def plain(*colour: int) -> Bytes:
    return np.full((4, 4, 3), colour, np.uint8)


HALVES = np.repeat(np.array([[0, 0, 255, 255]], np.uint8), 4, axis=0)[:, :, None].repeat(3, axis=2)
COUNTING = np.arange(16, dtype=np.uint8).reshape(4, 4, 1).repeat(3, axis=2)
BY_HAND = {"brightness": 0, "contrast": 0, "sharpness": 0, "blur": 1, "red": 0, "green": 0, "blue": 0,
           "width": 4, "height": 4, "area": 16, "aspect_ratio": 1}  # fmt: skip


@pytest.mark.parametrize(
    ("rgb", "differs"),
    [
        (plain(0, 0, 0), {}),
        (plain(255, 255, 255), {"brightness": 1}),
        (plain(255, 0, 0), {"brightness": 1 / 3, "contrast": 0.4714045208, "red": 1}),
        (plain(0, 255, 0), {"brightness": 1 / 3, "contrast": 0.4714045208, "green": 1}),
        (plain(0, 0, 255), {"brightness": 1 / 3, "contrast": 0.4714045208, "blue": 1}),
        (HALVES, {"brightness": 0.5, "contrast": 0.5, "sharpness": 32512.5, "blur": -32511.5}),
        (COUNTING, {"brightness": 0.0294117647, "contrast": 0.0180775382, "sharpness": 34, "blur": -33}),
        (HALVES[:2], {"brightness": 0.5, "contrast": 0.5, "sharpness": 32512.5, "blur": -32511.5,
                      "height": 2, "area": 8, "aspect_ratio": 2}),
    ],
)  # fmt: skip
def test_values_by_hand(rgb: Bytes, differs: dict[str, float]) -> None:
    found = {name: metric.measure(Picture(rgb)) for name, metric in METRICS.items()}
    assert found == pytest.approx(BY_HAND | differs, abs=1e-10)


SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))
PIXELS = arrays(np.uint8, SHAPES, elements=st.integers(0, 255), fill=st.integers(0, 255))


@given(PIXELS, st.sampled_from([1, 7, 40_000]))
def test_any_image_has_the_originals_values_however_it_is_cut_up(rgb: Bytes, strip: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_STRIP", strip)
        found = {name: metric.measure(Picture(rgb)) for name, metric in METRICS.items()}
    assert found == pytest.approx({name: formula(rgb) for name, formula in ORIGINAL.items()}, rel=1e-12, abs=1e-9)
    assert Picture(rgb).colours == module.Colours(*(ORIGINAL[name](rgb) for name in ("red", "green", "blue")))


def test_a_photograph_sized_image_has_the_originals_values() -> None:
    rgb = np.asarray(pictures.noise(0, 301, 517))
    found = {name: metric.measure(Picture(rgb)) for name, metric in METRICS.items()}
    assert found == pytest.approx({name: formula(rgb) for name, formula in ORIGINAL.items()}, rel=1e-13)


def test_threads_that_measure_at_once_do_not_disturb_each_other() -> None:
    images = [np.asarray(pictures.noise(seed, 400 + 50 * seed, 600)) for seed in range(4)]
    expected = [measured(rgb) for rgb in images]
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(measured, images * 4)) == expected * 4


def measured(rgb: Bytes) -> dict[str, float]:
    picture = Picture(rgb)
    return {name: metric.measure(picture) for name, metric in METRICS.items()}


def colours(red: range) -> Bytes:
    channels = np.meshgrid(np.array(red), np.arange(256), np.arange(256), indexing="ij")
    return np.stack(channels, axis=-1).astype(np.uint8).reshape(len(red) * 256, 256, 3)


def check_colours(rgb: Bytes) -> None:
    found = Picture(rgb).colours
    assert found.red == fraction(rgb, (0, 10), (170, 179))
    assert found.green == fraction(rgb, (35, 75))
    assert found.blue == fraction(rgb, (90, 130))


@pytest.mark.parametrize("red", [0, 39, 40, 128, 255])
def test_the_bounds_of_the_colours_are_the_originals(red: int) -> None:
    check_colours(colours(range(red, red + 1)))


@pytest.mark.slow
def test_each_of_the_16_million_colours_counts_as_in_the_original() -> None:
    for red in range(256):
        check_colours(colours(range(red, red + 1)))


@pytest.mark.parametrize("kind", sorted(pictures.kinds()))
def test_every_kind_of_file_is_measured_as_the_pixels_that_are_shown(kind: str, tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    found = store.put(pictures.kinds()[kind])
    image = ImageFile("data", store.path(found), found)
    rgb = np.asarray(decode(image))
    measured = measure_all(METRICS, [image], None)
    assert measured.broken == ()
    values = {name: column[0] for name, column in measured.values.items()}
    assert values == pytest.approx({name: formula(rgb) for name, formula in ORIGINAL.items()}, rel=1e-12, abs=1e-12)


def test_a_photograph_is_measured_upright(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    found = store.put(pictures.rotated_jpeg(6))  # 32 x 16 in the file
    measured = measure_all(METRICS, [ImageFile("data", store.path(found), found)], None)
    assert [measured.values[name][0] for name in ("width", "height", "aspect_ratio")] == [16, 32, 0.5]


def test_a_metric_cannot_change_the_pixels_that_the_next_one_gets() -> None:
    with pytest.raises(ValueError, match="read-only"):
        Picture(plain(1, 2, 3)).rgb[0] = 0
