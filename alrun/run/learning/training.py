"""Training on what is labelled now, and evaluating on what was held out."""

from __future__ import annotations

import logging
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from alrun.errors import ConfigError
from alrun.models.base import Trained
from alrun.models.evaluate import Evaluation, evaluate
from alrun.models.evaluate_objects import ObjectEvaluation
from alrun.models.imported import Imported, ImportedModel
from alrun.pool.frame import is_labelled, labelled_hashes, pool_frame
from alrun.run.learning.given import answer_index, labelled_images
from alrun.run.learning.quality import Quality, judge, read_predictions, without_held_out
from alrun.run.learning.scoring import good_probabilities
from alrun.run.session import Session
from alrun.run.tables import write_parquet
from alrun.seeds import generator
from alrun.types import Question, Snapshot

log = logging.getLogger("alrun")

_MOST_NAMED = 5


@dataclass(frozen=True)
class Training:
    """What training came to.

    Attributes
    ----------
    trained
        None if there was nothing to train on, or no model.
    labelled
        How many labelled images there are, those that cannot be decoded included; `counts` says how many of each class
        the model was trained on.
    evaluation
        None if nothing was trained or nothing is held out.
    quality
        What became of each labelled image; only of predictions that were imported.
    snapshot
        What was labelled then.
    """

    snapshot: Snapshot
    trained: Trained | None
    labelled: int
    counts: dict[str, int]
    evaluation: Evaluation | ObjectEvaluation | None
    quality: Quality | None = None


def check_target(session: Session, snapshot: Snapshot) -> None:
    """Find out whether the model can learn anything here.

    Raises
    ------
    ConfigError
        If there is a model but no radio question in the ontology.
    """
    if isinstance(session.job.model, ImportedModel):  # it says itself what it can be about
        return
    if session.job.model is not None and snapshot.ontology.target is None:
        raise ConfigError(
            "the model classifies images by a radio question, but the project's ontology has none: choose model=none"
        )


def train(session: Session, snapshot: Snapshot, round_number: int) -> Training:
    """Fit the configured model on every labelled image and evaluate it on the held-out ones."""
    check_target(session, snapshot)
    model, question = session.job.model, snapshot.ontology.target
    if isinstance(model, ImportedModel):
        return _imported(session, snapshot, model, round_number)
    if question is None:
        return Training(snapshot, None, sum(is_labelled(snapshot)), {}, None)
    hashes, targets = labelled_images(snapshot, question)
    session.fetch(hashes)
    here = [i for i, h in enumerate(hashes) if h in session.images]
    counts = dict(Counter(question.options[i] for i in targets[here].tolist()))
    if model is None or not here:
        return Training(snapshot, None, len(hashes), counts, None)
    with session.phase("train", round_number) as details:
        here, inputs = session.good_inputs(model, hashes)
        details["labelled"] = len(here)
        counts = dict(Counter(question.options[i] for i in targets[here].tolist()))
        if not here:
            return Training(snapshot, None, len(hashes), counts, None)
        _say_unseen(question, counts, round_number)
        rng = generator(session.job.seed, round_number, "model")
        trained = model.fit(inputs, targets[here], len(question.options), rng, session.job.threads)
    with session.phase("evaluate", round_number) as details:
        evaluation = _evaluate(session, trained, question)
        details["examples"] = evaluation.examples if evaluation else 0
    return Training(snapshot, trained, len(hashes), counts, evaluation)


def _say_unseen(question: Question, counts: Mapping[str, int], round_number: int) -> None:
    unseen = [option for option in question.options if option not in counts]
    if unseen:
        more = f" and {len(unseen) - _MOST_NAMED} more" if len(unseen) > _MOST_NAMED else ""
        log.info(
            "round %d: no image is labelled %s%s yet: the model cannot predict %s of the %d classes",
            round_number, ", ".join(map(repr, unseen[:_MOST_NAMED])), more, len(unseen), len(question.options),
        )  # fmt: skip


def _imported(session: Session, snapshot: Snapshot, model: ImportedModel, round_number: int) -> Training:
    """Read the predictions and compare them with every label there is."""
    with session.phase("predictions", round_number) as details:
        imported = read_predictions(session, snapshot, model)
        details["images"] = len(imported.rows)
    if (note := without_held_out(session, imported)) is not None:
        session.folder.note(note)
    with session.phase("evaluate", round_number) as details:
        quality = judge(session, snapshot, imported)
        details["examples"] = quality.outcomes.height if quality else 0
    labelled = pool_frame(snapshot).filter("labelled")
    counts = dict(Counter(name for names in labelled["classes"].to_list() for name in names))
    return Training(snapshot, imported, labelled.height, counts, quality.evaluation if quality else None, quality)


def save(session: Session, snapshot: Snapshot, trained: Trained) -> None:
    """Write the model, and its predictions for held-out and unlabelled images, into the run folder.

    Of imported predictions, only where they come from.
    """
    building = session.folder.path / ".model.new"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir()
    trained.save(building)
    shutil.rmtree(session.folder.model, ignore_errors=True)
    building.rename(session.folder.model)
    if not isinstance(trained, Imported):
        write_parquet(session.folder.path / "predictions.parquet", predictions(session, snapshot, trained))


def _evaluate(session: Session, trained: Trained, question: Question) -> Evaluation | None:
    model = session.job.model
    known = [(e.image.data_hash, answer_index(e.label, question)) for e in session.held_out()]
    known = [(h, index) for h, index in known if index is not None and h in session.images]
    if model is None or not known:
        return None
    here, probabilities = good_probabilities(session, model, trained, [h for h, _ in known])
    if not here:
        return None
    targets = np.array([known[row][1] for row in here], np.int64)
    return evaluate(probabilities, targets, question.options)


def predictions(session: Session, snapshot: Snapshot, trained: Trained) -> pl.DataFrame:
    """Return what a model says of the held-out and the unlabelled images; empty if there are none.

    One row an image: `data_hash`, `split` (test or pool), known `label`, `predicted` class, and a column `p_CLASS` for
    each class.
    """
    model, question = session.job.model, snapshot.ontology.target
    if model is None or question is None:
        return pl.DataFrame()
    labelled = labelled_hashes(snapshot)
    waiting = [t.data_hash for t in snapshot.tasks if t.data_hash not in labelled]
    session.fetch(waiting)
    rows: list[tuple[str, str, str | None]] = [
        (e.image.data_hash, "test", _first(e.label.answer(question.name))) for e in session.held_out()
    ]
    rows += [(h, "pool", None) for h in waiting if h in session.images]
    if not rows:
        return pl.DataFrame()
    here, probabilities = good_probabilities(session, model, trained, [h for h, _, _ in rows])
    rows = [rows[row] for row in here]
    return pl.DataFrame(
        {
            "data_hash": [h for h, _, _ in rows],
            "split": [split for _, split, _ in rows],
            "label": pl.Series([label for _, _, label in rows], dtype=pl.String),
            "predicted": [question.options[i] for i in probabilities.argmax(axis=1).tolist()],
            **{f"p_{name}": probabilities[:, i] for i, name in enumerate(question.options)},
        }
    )


def _first(values: Sequence[str]) -> str | None:
    return values[0] if values else None
