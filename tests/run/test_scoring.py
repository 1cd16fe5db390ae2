"""Predictions that are none are refused with the model and the images, whoever wrote the model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pytest

from alrun.errors import DataError
from alrun.models.base import Array
from alrun.models.ensemble import Ensemble
from alrun.run.actions import ACTIONS
from alrun.run.job import choice
from tests.run.harness import make_job, record, result

COMMON = ("strategy=random", "metrics=random", "budget=20")


@dataclass(frozen=True)
class Even:
    """Finds every class as likely as the others; `total` is what its probabilities sum to."""

    total: float = 1.0
    inputs: ClassVar[Literal["embeddings"]] = "embeddings"

    def fit(
        self, inputs: Array, targets: npt.NDArray[np.int64], classes: int, rng: np.random.Generator, threads: int
    ) -> TrainedEven:
        del inputs, targets, rng, threads
        return TrainedEven(classes, self.total)

    def load(self, folder: Path) -> TrainedEven:
        raise NotImplementedError


@dataclass(frozen=True)
class TrainedEven:
    classes: int
    total: float

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        return np.full((len(inputs), self.classes), self.total / self.classes)

    def save(self, folder: Path) -> None:
        del folder


def test_the_model_and_the_images_are_named(tmp_path: Path, cache: Path) -> None:
    job = replace(make_job(tmp_path, cache, *COMMON), model=Even(1.3))
    with pytest.raises(DataError) as raised:
        ACTIONS["run"](job)
    first, second, *_, last = str(raised.value).splitlines()
    assert first == "model=tests.run.test_scoring.Even: 360 of the predictions for 360 images cannot be used:"
    assert second.startswith("  'digits_")
    assert second.endswith("): sums to 1.3; needed: 1")
    assert last == "  and 355 more"


def test_what_was_rounded_is_scaled(tmp_path: Path, cache: Path) -> None:
    job = replace(make_job(tmp_path, cache, *COMMON), model=Even(0.9999))
    assert ACTIONS["run"](job) == 0
    assert result(tmp_path)["evaluation"]["log_loss"] == pytest.approx(np.log(10))


@dataclass(frozen=True)
class Sure(Even):
    """Is sure of the first class, and above 1 by a last digit."""

    def fit(
        self, inputs: Array, targets: npt.NDArray[np.int64], classes: int, rng: np.random.Generator, threads: int
    ) -> TrainedEven:
        del inputs, targets, rng, threads
        return TrainedSure(classes, self.total)


class TrainedSure(TrainedEven):
    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        chances = np.zeros((len(inputs), self.classes))
        chances[:, 0] = 1 + 2**-52
        return chances


def test_what_is_above_one_by_a_last_digit_is_one(tmp_path: Path, cache: Path) -> None:
    job = replace(make_job(tmp_path, cache, *COMMON), model=Sure())
    assert ACTIONS["run"](job) == 0
    assert result(tmp_path)["evaluation"]["accuracy"] == pytest.approx(0.1, abs=0.02)


def test_members_that_answer_alike_are_noted(tmp_path: Path, cache: Path) -> None:
    job = make_job(tmp_path, cache, "strategy=bald", "model=ensemble", "metrics=random", "budget=20")
    assert ACTIONS["run"](replace(job, model=Ensemble(Even()))) == 0
    assert choice(Ensemble(Even())) == "ensemble(tests.run.test_scoring.Even)"
    assert any("finds no disagreement" in note for note in record(tmp_path)["notes"])
