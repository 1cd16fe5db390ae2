"""Models of users: the ones in the docs run by name, and what alrun gives them passes the contract."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import alrun
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


@pytest.mark.parametrize("target", [pytest.param("mine.Neighbours", marks=pytest.mark.slow), "plain.NearestMean"])
def test_the_models_in_the_docs_are_trained_saved_and_read_again(target: str, tmp_path: Path) -> None:
    for name, text in re.findall(r"<!-- file (\S+) -->\n```\w+\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    quick = ("dataset=digits", "embedding.size=8", "budget=10", "report.thumbnails=0", f"cache={tmp_path / 'cache'}")
    done = command("experiment=mine", f"model._target_={target}", *quick, "hydra.run.dir=run", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "margin" in done.stdout
    module, _, name = target.partition(".")
    code = f"import pathlib, {module}; print({module}.{name}().load(pathlib.Path('run/model')).predict_proba)"
    read = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert read.returncode == 0, read.stderr
