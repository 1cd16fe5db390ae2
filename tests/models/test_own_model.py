"""Models of users: the ones in the docs run by name, and what alrun gives them passes the contract."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alrun
from alrun.errors import ConfigError
from alrun.models.base import Model
from alrun.models.scikit_learn import ScikitLearn
from alrun.models.testing import ModelContract
from tests.config.command import alrun as command

PAGE = Path(alrun.__file__).parent.parent / "docs" / "own-model.md"


class Forest(ScikitLearn):
    def classifier(self, seed: int, threads: int) -> Any:
        from sklearn.ensemble import ExtraTreesClassifier

        return ExtraTreesClassifier(20, random_state=seed, n_jobs=threads)


class TestScikitLearn(ModelContract):
    threads = 1

    def model(self) -> Model:
        return Forest()

    def test_is_a_frozen_dataclass_that_fitting_does_not_change(self) -> None:
        """It has no parameters: a plain class."""
        model = self.model()
        self._fitted()
        assert isinstance(model, Model)
        assert vars(model) == {}


def write_files_of_the_page(folder: Path) -> None:
    for name, text in re.findall(r"<!-- file (\S+) -->\n```\w+\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("target", [pytest.param("mine.Neighbours", marks=pytest.mark.slow), "plain.NearestMean"])
def test_the_models_in_the_docs_are_trained_saved_and_read_again(target: str, tmp_path: Path) -> None:
    write_files_of_the_page(tmp_path)
    quick = ("dataset=digits", "embedding.size=8", "budget=10", "report.thumbnails=0", f"cache={tmp_path / 'cache'}")
    done = command("experiment=mine", f"model._target_={target}", *quick, "hydra.run.dir=run", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "margin" in done.stdout
    module, _, name = target.partition(".")
    code = f"import pathlib, {module}; print({module}.{name}().load(pathlib.Path('run/model')).predict_proba)"
    read = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert read.returncode == 0, read.stderr


@pytest.mark.slow
def test_the_model_in_the_docs_passes_the_contract_by_the_test_beside_it(tmp_path: Path) -> None:
    write_files_of_the_page(tmp_path)
    arguments = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_neighbours.py"]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


@dataclass(frozen=True)
class Refusing(ScikitLearn):
    """Takes the nearest ten, as the model in the docs, or folds of five in which each class has to occur."""

    folds: bool

    def classifier(self, seed: int, threads: int) -> Any:  # noqa: ARG002  nothing is drawn
        from sklearn.calibration import CalibratedClassifierCV
        from sklearn.neighbors import KNeighborsClassifier

        near = KNeighborsClassifier(10, n_jobs=threads)
        return CalibratedClassifierCV(near, cv=5) if self.folds else near


@pytest.mark.parametrize(("folds", "its_own"), [(False, "Expected n_neighbors <= n_samples_fit"), (True, "5-fold")])
def test_what_a_classifier_refuses_names_the_model_and_how_many_images_it_had(folds: bool, its_own: str) -> None:
    """Some refuse when they are fitted, others when they are asked."""
    inputs, targets = np.eye(6, dtype=np.float32), np.arange(6) % 2
    with pytest.raises(ConfigError) as caught:
        Refusing(folds).fit(inputs, targets, 2, np.random.default_rng(0), 1).predict_proba(inputs)
    message = str(caught.value)
    assert message.startswith(f"model={__name__}.Refusing, fitted on 6 labelled images: ")
    assert its_own in message
    assert "initial.size" in message
