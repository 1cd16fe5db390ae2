"""Every built-in metric passes the shipped contract, and so does one that reads images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from alrun.metrics.base import Metric, MetricInputs
from alrun.metrics.image_diversity import ImageDiversity
from alrun.metrics.random import Random
from alrun.metrics.testing import MetricContract
from alrun.types import Need


class TestImageDiversity(MetricContract):
    def metric(self) -> Metric:
        return ImageDiversity()


class TestRandom(MetricContract):
    def metric(self) -> Metric:
        return Random()


@dataclass(frozen=True)
class MeanRed:
    needs: ClassVar[frozenset[Need]] = frozenset({Need.IMAGES})

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        del rng
        assert inputs.images is not None
        files = [np.nan if image is None else self._red(image.path) for image in inputs.images]
        return np.array(files, np.float64)

    def _red(self, path: Path) -> float:
        with Image.open(path) as image:
            return float(np.asarray(image)[:, :, 0].mean())


class TestMetricOfImages(MetricContract):
    def metric(self) -> Metric:
        return MeanRed()


@dataclass(frozen=True)
class RowNumber:
    needs: ClassVar[frozenset[Need]] = frozenset()

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        del rng
        return np.arange(float(len(inputs.tasks)))


def test_the_contract_notices_a_metric_of_the_row(tmp_path: Path) -> None:
    class Contract(MetricContract):
        def metric(self) -> Metric:
            return RowNumber()

    with pytest.raises(AssertionError):
        Contract().test_order_of_the_rows_does_not_matter(tmp_path)
