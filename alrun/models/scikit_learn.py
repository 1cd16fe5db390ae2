"""Any classifier of scikit-learn's kind as a model: inherit, and say how to make it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from alrun.errors import ConfigError, name_of
from alrun.models import persist
from alrun.models.base import Array
from alrun.models.inputs import check_embeddings, check_targets, limited_threads, predict_in_blocks, softmax

_KIND = "scikit_learn"
_BLOCK = 1024


class ScikitLearn:
    """A model on embeddings; a subclass needs `classifier` only. ``docs/own-model.md`` has one in three lines.

    What is saved is what it was fitted on, and loading fits again: such objects are otherwise kept as pickles, which
    run code when they are read. The same versions and the same configuration give the same model.
    """

    inputs: ClassVar[Literal["embeddings", "images"]] = "embeddings"

    def classifier(self, seed: int, threads: int) -> Any:
        """Return an unfitted classifier with `fit(X, y)`, `predict_proba(X)` and, after fitting, `classes_`.

        One without `predict_proba` is asked for its `decision_function`: d of two classes becomes the probability
        1 / (1 + exp(-d)) of the second, and the values of more classes become their softmax. The order is that of the
        decision function, but how sure the classifier is in truth nothing says: see `calibrated`.

        Parameters
        ----------
        seed
            In 0..2^31 - 1, for its `random_state`.
        threads
            For its `n_jobs`; BLAS and OpenMP are limited to so many anyhow.
        """
        raise NotImplementedError

    def fit(
        self, inputs: Array, targets: npt.NDArray[np.int64], classes: int, rng: np.random.Generator, threads: int
    ) -> TrainedScikitLearn:
        """Fit; see :class:`alrun.models.base.Model`.

        Raises
        ------
        DataError
            If the inputs or targets are malformed.
        ConfigError
            If the classifier refuses them, such as too few of a class.
        """
        check_embeddings(inputs)
        check_targets(targets, len(inputs), classes)
        seen = tuple(np.unique(targets).tolist())
        facts = persist.Facts(_KIND, classes, seen, inputs.shape[1], threads)
        return self._fitted(facts, np.array(inputs), np.array(targets, np.int64), int(rng.integers(2**31)))

    def load(self, folder: Path) -> TrainedScikitLearn:
        """Read what a model was fitted on, and fit it again; see :class:`alrun.models.base.Model`.

        Raises
        ------
        DataError
            If the folder does not hold such a model.
        """
        saved = persist.load(folder, _KIND)
        inputs = saved.array("inputs", "float32", (None, saved.facts.input_size))
        targets = saved.array("targets", "int64", (len(inputs),))
        if tuple(np.unique(targets).tolist()) != saved.facts.seen:
            raise saved.wrong("its targets are not of the classes that it names")
        return self._fitted(saved.facts, inputs, targets, int(saved.array("seed", "int64", (1,))[0]))

    def _fitted(self, facts: persist.Facts, inputs: Array, targets: Array, seed: int) -> TrainedScikitLearn:
        classifier, name = None, name_of(type(self))
        if len(facts.seen) > 1:  # many classifiers refuse a single class
            classifier = self.classifier(seed, facts.threads)
            with limited_threads(facts.threads), _named(name, len(inputs)):
                classifier.fit(inputs, targets)
        return TrainedScikitLearn(facts, classifier, inputs, targets, seed, name)


@dataclass(frozen=True)
class TrainedScikitLearn:
    """A fitted classifier, None if there is one class only, what it was fitted on, and the name of its model."""

    facts: persist.Facts
    classifier: Any
    inputs: Array
    targets: Array
    seed: int
    name: str

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        """Return float64 (N, C); see :class:`alrun.models.base.Trained`.

        Raises
        ------
        DataError
            If the inputs are malformed or have another number of features.
        ConfigError
            If the classifier refuses, such as one that wants more neighbours than it was fitted on.
        """
        check_embeddings(inputs, self.facts.input_size)
        with limited_threads(self.facts.threads):
            return predict_in_blocks(
                self._probabilities, inputs, seen=self.facts.seen, classes=self.facts.classes, block=_BLOCK
            )

    def save(self, folder: Path) -> None:
        """Write what it was fitted on into `folder`; see :mod:`alrun.models.persist`."""
        arrays = {"inputs": self.inputs, "targets": self.targets, "seed": np.array([self.seed])}
        persist.save(folder, self.facts, arrays)

    def _probabilities(self, rows: Array) -> Array:
        if self.classifier is None:
            return np.ones((len(rows), 1))
        sure = hasattr(self.classifier, "predict_proba")
        predict = self.classifier.predict_proba if sure else self.classifier.decision_function
        with _named(self.name, len(self.inputs)):
            found = np.asarray(predict(rows), np.float64)
        if sure:
            return np.asarray(found / found.sum(axis=1, keepdims=True))
        return softmax(found if found.ndim == 2 else np.stack([np.zeros_like(found), found], axis=1))


@contextmanager
def _named(name: str, images: int) -> Iterator[None]:
    """Say of which model it is that scikit-learn refuses data or parameters: with a ValueError, by its convention."""
    try:
        yield
    except ValueError as error:
        raise ConfigError(
            f"model={name}, fitted on {images} labelled images: {error}. Begin with more of them (initial.size), or "
            "change the parameters of the model"
        ) from error
