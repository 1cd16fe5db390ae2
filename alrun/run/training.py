"""Training on what is labelled now, and evaluating on what was held out."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.errors import ConfigError
from alrun.models.base import Trained
from alrun.models.evaluate import Evaluation, evaluate
from alrun.pool.frame import pool_frame
from alrun.run.selecting import write_parquet
from alrun.run.session import Session
from alrun.seeds import generator
from alrun.types import Label, Question, Snapshot

log = logging.getLogger("alrun")


@dataclass(frozen=True)
class Training:
    """What training came to.

    Attributes
    ----------
    trained
        None if there was nothing to train on, or no model.
    labelled
        How many labelled images there are; `counts` says how many of each class.
    evaluation
        None if nothing was trained or nothing is held out.
    """

    trained: Trained | None
    labelled: int
    counts: dict[str, int]
    evaluation: Evaluation | None


def check_target(session: Session, snapshot: Snapshot) -> None:
    """Find out whether the model can learn anything here.

    Raises
    ------
    ConfigError
        If there is a model but no radio question in the ontology.
    """
    if session.job.model is not None and snapshot.ontology.target is None:
        raise ConfigError(
            "the model classifies images by a radio question, but the project's ontology has none: choose model=none"
        )


def labelled_images(snapshot: Snapshot, question: Question) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Return the data hashes of images with an answer to `question`, sorted, and the index of each answer."""
    labelled = set(pool_frame(snapshot).filter("labelled")["data_hash"])
    answers = {
        task.data_hash: index
        for task in snapshot.tasks
        if task.data_hash in labelled and task.label_hash is not None
        for index in [_index(snapshot.labels.get(task.label_hash), question)]
        if index is not None
    }
    hashes = sorted(answers)
    return hashes, np.array([answers[h] for h in hashes], dtype=np.int64)


def train(session: Session, snapshot: Snapshot, round_number: int) -> Training:
    """Fit the configured model on every labelled image and evaluate it on the held-out ones."""
    check_target(session, snapshot)
    model, question = session.job.model, snapshot.ontology.target
    if question is None:
        return Training(None, int(pool_frame(snapshot)["labelled"].sum()), {}, None)
    hashes, targets = labelled_images(snapshot, question)
    session.fetch(hashes)
    here = [i for i, h in enumerate(hashes) if h in session.images]
    counts = dict(Counter(question.options[i] for i in targets[here].tolist()))
    if model is None or not here:
        return Training(None, len(hashes), counts, None)
    with session.phase("train", round_number) as details:
        details["labelled"] = len(here)
        rng = generator(session.job.seed, round_number, "model")
        inputs = session.model_inputs(model, [hashes[i] for i in here])
        trained = model.fit(inputs, targets[here], len(question.options), rng, session.job.threads)
    with session.phase("evaluate", round_number) as details:
        evaluation = _evaluate(session, trained, question)
        details["examples"] = evaluation.examples if evaluation else 0
    return Training(trained, len(hashes), counts, evaluation)


def save(session: Session, snapshot: Snapshot, trained: Trained) -> None:
    """Write the model, and its predictions for held-out and unlabelled images, into the run folder."""
    building = session.folder.path / ".model.new"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    trained.save(building)
    shutil.rmtree(session.folder.model, ignore_errors=True)
    building.rename(session.folder.model)
    question = snapshot.ontology.target
    if question is not None:
        frame = _predictions(session, snapshot, trained, question)
        write_parquet(session.folder.path / "predictions.parquet", frame)


def _evaluate(session: Session, trained: Trained, question: Question) -> Evaluation | None:
    model = session.job.model
    known = [(e.image.data_hash, _index(e.label, question)) for e in session.held_out()]
    known = [(h, index) for h, index in known if index is not None]
    if model is None or not known:
        return None
    probabilities = trained.predict_proba(session.model_inputs(model, [h for h, _ in known]))
    return evaluate(probabilities, np.array([index for _, index in known], np.int64), question.options)


def _predictions(session: Session, snapshot: Snapshot, trained: Trained, question: Question) -> pl.DataFrame:
    """Return one row an image: split, known label, predicted class, and a column `p_CLASS` for each class."""
    model = session.job.model
    labelled = set(pool_frame(snapshot).filter("labelled")["data_hash"])
    waiting = [t.data_hash for t in snapshot.tasks if t.data_hash not in labelled]
    session.fetch(waiting)
    rows: list[tuple[str, str, str | None]] = [
        (e.image.data_hash, "test", _first(e.label.answer(question.name))) for e in session.held_out()
    ]
    rows += [(h, "pool", None) for h in waiting if h in session.images]
    hashes = [h for h, _, _ in rows]
    if model is None or not hashes:
        return pl.DataFrame()
    probabilities = trained.predict_proba(session.model_inputs(model, hashes))
    return pl.DataFrame(
        {
            "data_hash": hashes,
            "split": [split for _, split, _ in rows],
            "label": pl.Series([label for _, _, label in rows], dtype=pl.String),
            "predicted": [question.options[i] for i in probabilities.argmax(axis=1).tolist()],
            **{f"p_{name}": probabilities[:, i] for i, name in enumerate(question.options)},
        }
    )


def _index(label: Label | None, question: Question) -> int | None:
    value = _first(label.answer(question.name)) if label else None
    return question.options.index(value) if value in question.options else None


def _first(values: Sequence[str]) -> str | None:
    return values[0] if values else None
