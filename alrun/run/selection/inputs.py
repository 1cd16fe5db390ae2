"""What a strategy may look at: only what it declares to need is computed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.errors import ConfigError
from alrun.models.base import Sampled, Trained
from alrun.models.imported import Imported
from alrun.run.job import choice
from alrun.run.learning.cross_validation import out_of_sample
from alrun.run.learning.scoring import good_probabilities, probabilities_of
from alrun.run.session import Session
from alrun.seeds import generator
from alrun.strategies.base import Strategy, StrategyInputs
from alrun.types import OF_A_MODEL, Need, Snapshot

log = logging.getLogger("alrun")


def strategy_inputs(
    session: Session,
    strategy: Strategy,
    trained: Trained | None,
    candidates: pl.DataFrame,
    pool: pl.DataFrame,
    round_number: int,
    classes: Sequence[str],
    known: Mapping[str, int],
) -> StrategyInputs:
    """Return what `strategy` needs of the candidates, and of the labelled images in the pool.

    `classes` are the names of what a model predicts, `known` says which of them the label of an image names.

    Raises
    ------
    ConfigError
        If it needs a model and there is no trained one, or samples or predictions that the model does not have.
    """
    hashes = candidates["data_hash"].to_list()
    inputs: dict[str, Any] = {"labelled": int(pool["labelled"].sum()), "classes": tuple(classes)}
    if Need.EMBEDDINGS in strategy.needs:
        labelled = pool.filter("labelled")["data_hash"].to_list()
        session.fetch(labelled)
        labelled = [h for h in labelled if h in session.images]
        inputs["embeddings"] = session.embeddings(hashes)
        inputs["labelled_embeddings"] = session.embeddings(labelled)
    if strategy.needs & OF_A_MODEL:
        inputs |= _predicted(session, strategy, trained, hashes, round_number)
    if Need.OUT_OF_SAMPLE in strategy.needs:
        inputs["given"] = np.array([known.get(h, -1) for h in hashes], np.int64)
        inputs["probabilities"] = out_of_sample(session, known, hashes, len(classes), round_number)
    return StrategyInputs(candidates, **inputs)


def most_likely(
    session: Session, snapshot: Snapshot, trained: Trained, data_hashes: Sequence[str]
) -> dict[str, tuple[str, float]]:
    """Return the class that a model predicts for each image that can be had, and its probability in 0..1.

    Raises
    ------
    ConfigError
        If the ontology has no radio question.
    """
    model, question = session.job.model, snapshot.ontology.target
    if model is None or question is None:
        raise ConfigError("predictions answer a radio question, and the project's ontology has none")
    session.fetch(data_hashes)
    here, probabilities = good_probabilities(session, model, trained, data_hashes)
    if not here:
        return {}
    best, highest = probabilities.argmax(axis=1).tolist(), probabilities.max(axis=1).tolist()
    return {
        data_hashes[row]: (question.options[index], probability)
        for row, index, probability in zip(here, best, highest, strict=True)
    }


def _predicted(
    session: Session, strategy: Strategy, trained: Trained | None, hashes: Sequence[str], round_number: int
) -> dict[str, Any]:
    model = session.job.model
    if model is None or trained is None:
        raise ConfigError(
            "the strategy ranks by a model's predictions, but there is no trained model: choose a model and give the "
            "run labelled images to begin with (`initial.size`)"
        )
    given = cache(lambda: session.model_inputs(model, hashes))
    found: dict[str, Any] = {}
    if Need.PROBABILITIES in strategy.needs:
        found["probabilities"] = probabilities_of(session, model, trained, hashes, given)
    if Need.PREDICT in strategy.needs:
        if model.inputs != "embeddings":  # as below: the config check says so before a run starts
            raise ConfigError(f"model={choice(model)} takes images; strategy={choice(strategy)} changes embeddings")
        found["predict"] = trained.predict_proba
    if Need.DETECTIONS in strategy.needs:
        if not isinstance(trained, Imported):  # as below
            raise ConfigError(f"model={choice(model)} finds no objects, which strategy={choice(strategy)} needs")
        found["detections"] = trained.detections(hashes).from_score(trained.confidence)
    if Need.SAMPLES in strategy.needs:
        if not isinstance(trained, Sampled):  # the config check knows better; a model may still be made without it
            raise ConfigError(f"model={choice(model)} draws no samples, which strategy={choice(strategy)} needs")
        found["samples"] = trained.samples(given(), generator(session.job.seed, round_number, "samples"))
        log.info("samples: %d of %d images and %d classes", *found["samples"].shape)
        if _all_alike(found["samples"]):
            session.folder.note(
                f"round {round_number}: all members of model={choice(model)} predict the same for every image, so that "
                f"strategy={choice(strategy)} finds no disagreement: give them something random, such as a bootstrap"
            )
    return found


def _all_alike(samples: npt.NDArray[np.floating]) -> bool:
    return len(samples) > 1 and samples.size > 0 and all(np.array_equal(samples[0], other) for other in samples[1:])
