"""One pass over the images: each content is decoded once, each value computed once ever, broken images cost a row."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from alrun.metrics import images as module
from alrun.metrics.images import Measured, PixelMetric, measure_all
from alrun.metrics.picture import Picture
from alrun.platform.store import ImageStore
from alrun.pool.images import try_decode
from alrun.types import ImageFile, LeftOut
from tests.datasets import pictures
from tests.metrics.pixel_metrics import METRICS

TRUNCATED = pictures.png(99)[:-40]


def stored(folder: Path, *contents: bytes) -> list[ImageFile]:
    store = ImageStore(folder / "images")
    digests = [store.put(content) for content in contents]
    return [ImageFile(f"data-{i:02}", store.path(found), found) for i, found in enumerate(digests)]


def some(folder: Path, count: int) -> list[ImageFile]:
    return stored(folder, *(pictures.png(seed) for seed in range(count)))


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the data hashes of what is decoded from now on."""
    names: list[str] = []

    def note(image: ImageFile) -> object:
        names.append(image.data_hash)
        return try_decode(image)

    monkeypatch.setattr(module, "try_decode", note)
    return names


def same(one: Measured, other: Measured) -> bool:
    return {n: v.tobytes() for n, v in one.values.items()} == {n: v.tobytes() for n, v in other.values.items()}


def pick(*names: str) -> Mapping[str, PixelMetric]:
    return {name: METRICS[name] for name in names}


def test_all_metrics_together_decode_an_image_once_and_a_second_run_none(tmp_path: Path, decoded: list[str]) -> None:
    images = some(tmp_path, 12)
    first = measure_all(METRICS, images, tmp_path)
    assert sorted(decoded) == [image.data_hash for image in images]
    again = measure_all(METRICS, images, tmp_path)
    assert len(decoded) == 12
    assert (first.decoded, again.decoded) == (12, 0)
    assert same(first, again)


def test_a_new_image_computes_one_image(tmp_path: Path, decoded: list[str]) -> None:
    images = some(tmp_path, 9)
    measure_all(METRICS, images[:8], tmp_path)
    decoded.clear()
    assert measure_all(METRICS, images, tmp_path).decoded == 1
    assert decoded == ["data-08"]


@dataclass(frozen=True)
class Counting(PixelMetric):
    """Remembers how often it was asked; `power` is a parameter."""

    power: int = 1
    asked: ClassVar[list[int]] = []

    def measure(self, picture: Picture) -> float:
        self.asked.append(self.power)
        return float(picture.rgb[0, 0, 0]) ** self.power


@dataclass(frozen=True)
class Changed(Counting):
    version: ClassVar[int] = 2


def test_one_more_metric_computes_one_metric(tmp_path: Path) -> None:
    images = some(tmp_path, 5)
    Counting.asked.clear()
    measure_all({"one": Counting()}, images, tmp_path)
    measure_all({"one": Counting(), "two": Counting(2)}, images, tmp_path)
    assert sorted(Counting.asked) == [1] * 5 + [2] * 5
    measure_all({"renamed": Counting(2)}, images, tmp_path)  # the name of a column is no part of it
    assert len(Counting.asked) == 10


def test_another_version_or_class_never_gets_kept_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = some(tmp_path, 3)
    Counting.asked.clear()
    measure_all({"it": Counting()}, images, tmp_path)
    measure_all({"it": Changed()}, images, tmp_path)
    monkeypatch.setattr(Counting, "version", 7)
    measure_all({"it": Counting()}, images, tmp_path)
    monkeypatch.setattr(module, "VERSION", 2)
    measure_all({"it": Counting()}, images, tmp_path)
    assert len(Counting.asked) == 4 * 3


def test_a_content_that_several_images_share_is_decoded_once(tmp_path: Path, decoded: list[str]) -> None:
    images = stored(tmp_path, pictures.png(1), pictures.png(1), pictures.png(2), pictures.png(1))
    found = measure_all(pick("brightness"), images, tmp_path).values["brightness"]
    assert len(decoded) == 2
    assert found[0] == found[1] == found[3] != found[2]


def test_a_broken_image_costs_its_own_row_and_says_why(tmp_path: Path) -> None:
    images = stored(tmp_path, pictures.png(0), TRUNCATED, b"words", pictures.bomb(), pictures.png(1), TRUNCATED)
    gone = ImageFile("gone", tmp_path / "nowhere", "0" * 32)
    good = measure_all(METRICS, [images[0], images[4]], None)
    for _ in range(2):  # the second time from the cache
        found = measure_all(METRICS, [*images, gone], tmp_path)
        for name, values in found.values.items():
            assert np.isnan(values[[1, 2, 3, 5, 6]]).all()
            assert values[[0, 4]].tolist() == good.values[name].tolist()
        assert [item.name for item in found.broken] == ["data-01", "data-02", "data-03", "data-05", "gone"]
        reasons = [item.reason for item in found.broken]
        assert "truncated" in reasons[0]
        assert reasons[1].startswith("not a PNG")
        assert reasons[2].startswith("too large")
        assert reasons[3] == reasons[0]
        assert reasons[4] == "No such file or directory"


def test_an_image_that_was_broken_is_tried_again(tmp_path: Path) -> None:
    (image,) = some(tmp_path, 1)
    whole = image.path.read_bytes()
    image.path.unlink()
    assert measure_all(METRICS, [image], tmp_path).broken == (LeftOut("data-00", "No such file or directory"),)
    image.path.write_bytes(whole)
    assert measure_all(METRICS, [image], tmp_path).broken == ()


@pytest.mark.parametrize("cores", [1, 2, 7])
def test_order_threads_and_batches_change_no_bit(cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = stored(tmp_path, *pictures.kinds().values(), TRUNCATED)
    expected = measure_all(METRICS, images, None)
    monkeypatch.setattr("joblib.cpu_count", lambda: cores)
    order = np.random.default_rng(cores).permutation(len(images))
    found = measure_all(METRICS, [images[row] for row in order], tmp_path, batch=3)
    for name, values in found.values.items():
        assert values.tobytes() == expected.values[name][order].tobytes()
    assert same(measure_all(METRICS, images, tmp_path), expected)


@dataclass(frozen=True)
class Undefined(PixelMetric):
    def measure(self, picture: Picture) -> float:
        return float("nan") if picture.rgb[0, 0, 0] % 2 else 1.0


def test_a_value_that_is_not_defined_is_a_value(tmp_path: Path) -> None:
    images = some(tmp_path, 8)
    first = measure_all({"it": Undefined()}, images, tmp_path)
    again = measure_all({"it": Undefined()}, images, tmp_path)
    assert np.isnan(first.values["it"]).any()
    assert (again.decoded, again.broken) == (0, ())
    assert same(first, again)


def test_a_damaged_file_of_the_cache_is_computed_again(tmp_path: Path) -> None:
    images = some(tmp_path, 4)
    expected = measure_all(METRICS, images, tmp_path)
    shards = sorted((tmp_path / "metrics").rglob("*.npz"))
    assert len(shards) == len(METRICS)
    shards[0].write_bytes(shards[0].read_bytes()[:-30])
    shards[1].write_bytes(shards[2].read_bytes())
    found = measure_all(METRICS, images, tmp_path)
    assert found.decoded == 4
    assert same(found, expected)


def test_no_images_give_no_rows(tmp_path: Path) -> None:
    found = measure_all(METRICS, [], tmp_path)
    assert {values.shape for values in found.values.values()} == {(0,)}


CHILD = (
    "import sys; from pathlib import Path; from alrun.metrics.images import measure_all\n"
    "from tests.metrics.pixel_metrics import METRICS; from tests.metrics.test_images import some\n"
    "folder = Path(sys.argv[1]); measure_all(METRICS, some(folder, 20), folder, batch=4)"
)


def test_a_kill_keeps_what_was_done(tmp_path: Path) -> None:
    environment = {**os.environ, "ALRUN_FAULTS": "metrics.kept:3=kill"}
    killed = subprocess.run([sys.executable, "-c", CHILD, str(tmp_path)], env=environment)
    assert killed.returncode == -9
    assert measure_all(METRICS, some(tmp_path, 20), tmp_path).decoded == 20 - 3 * 4


@dataclass(frozen=True)
class Choosy(PixelMetric):
    """Cannot say of images of one width: what it is told to do then is an error."""

    width: int
    then: str

    def measure(self, picture: Picture) -> float:
        return float(self.then) if picture.width == self.width else 0.5


def test_an_error_of_a_metric_names_the_metric_and_the_first_such_image(tmp_path: Path) -> None:
    """It is raised in several threads, each at another image, and no image is taken for a broken one."""
    narrow = [pictures.encoded(pictures.noise(seed, width=3)) for seed in (1, 2)]
    images = stored(tmp_path, *(pictures.png(seed) for seed in range(30)), *narrow)
    message = rf"^the metric 'own' failed on the image data-30 \({re.escape(str(images[30].path))}\): "
    its_own = rf"ValueError\(.*to float: 'none'.*\) in {re.escape(__file__)}, line \d+$"
    with pytest.raises(RuntimeError, match=message + its_own) as caught:
        measure_all({"own": Choosy(3, "none")}, images, tmp_path)
    assert isinstance(caught.value.__cause__, ValueError)
