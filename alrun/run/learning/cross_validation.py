"""What the configured model says of images whose labels it did not learn: K-fold cross-validation."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from alrun.errors import ConfigError
from alrun.models.imported import ImportedModel
from alrun.run.learning.scoring import probabilities_of
from alrun.run.session import Session
from alrun.seeds import generator, uniform_by_key

log = logging.getLogger("alrun")

FOLDS = 5


def out_of_sample(
    session: Session, known: Mapping[str, int], data_hashes: Sequence[str], classes: int, round_number: int
) -> npt.NDArray[np.float64]:
    """Return class probabilities, float64 of shape (len(data_hashes), classes), each by a model that was not told.

    The labelled images are dealt into five folds (fewer if there are fewer images), at random within each class. Each
    image is predicted by the model that is fitted on the other folds; one without a label, which no model learnt, by
    the first of the models. Folds depend on the seed, the round, the data hashes and the labels only.

    Parameters
    ----------
    known
        The class of each labelled image, by data hash. Images that cannot be had or decoded are done without.
    data_hashes
        Images that were fetched.

    Raises
    ------
    ConfigError
        If there is no model that is trained here, or there are fewer than two labelled images.
    BadImages, DataError
        As :func:`probabilities_of` says.
    """
    model = session.job.model
    if model is None or isinstance(model, ImportedModel):
        raise ConfigError(
            "label errors are looked for with a model that is trained without the labels in question: choose one, such "
            "as model=logistic_regression"
        )
    names = sorted(known)
    session.fetch(names)
    here, inputs = session.good_inputs(model, names)
    names = [names[row] for row in here]
    if len(names) < 2:
        raise ConfigError(
            f"{len(names)} images have a label that a model can learn: to find errors among labels, at least two have "
            "to be there. Label images first, or choose another strategy"
        )
    targets = np.array([known[name] for name in names], np.int64)
    fold = folds(names, targets, generator(session.job.seed, round_number, "folds"))
    place = {name: row for row, name in enumerate(names)}
    asked = np.array([place.get(name, -1) for name in data_hashes], np.int64)
    unknown = [h for h, at in zip(data_hashes, asked, strict=True) if at < 0]
    log.info("cross-validation: %d models on %d labelled images", fold.max() + 1, len(names))
    told = np.empty((len(names), classes))
    untold = np.empty((0, classes))
    for number in range(fold.max() + 1):
        rng = generator(session.job.seed, round_number, f"model without fold {number}")
        learnt = fold != number
        trained = model.fit(inputs[learnt], targets[learnt], classes, rng, session.job.threads)
        rest = np.flatnonzero(~learnt)
        told[rest] = probabilities_of(
            session, model, trained, [names[row] for row in rest], partial(inputs.__getitem__, rest)
        )
        if number == 0 and unknown:
            untold = probabilities_of(session, model, trained, unknown)
    found = told[asked]
    found[asked < 0] = untold
    return found


def folds(
    names: Sequence[str], targets: npt.NDArray[np.int64], rng: np.random.Generator, count: int = FOLDS
) -> npt.NDArray[np.int64]:
    """Return the fold of each image, from 0: folds of a class, and all folds, differ by one image at most.

    There are `count` folds, or one an image if there are fewer images.
    """
    order = np.lexsort((uniform_by_key(names, rng), targets))
    fold = np.empty(len(names), np.int64)
    fold[order] = np.arange(len(names)) % min(count, len(names))
    return fold
