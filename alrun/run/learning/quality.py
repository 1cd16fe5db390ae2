"""How good imported predictions are, and which metric of the images goes with their errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl

from alrun.datasets.importer import import_dataset
from alrun.errors import DataError
from alrun.models.detections import labelled_objects
from alrun.models.evaluate import Evaluation, evaluate
from alrun.models.evaluate_objects import ObjectEvaluation, evaluate_objects
from alrun.models.importance import ENOUGH, Importance, importance
from alrun.models.imported import Imported, ImportedModel, Known
from alrun.pool.frame import labelled_hashes
from alrun.run.round_folder import RoundFolder
from alrun.run.session import Session
from alrun.run.tables import write_parquet
from alrun.types import Label, Ontology, Snapshot

SPLITS = ("held-out", "labelled")
"""Where labels come from: images kept apart, and tasks of the project. The first that has any is evaluated."""


@dataclass(frozen=True)
class Confusion:
    """How many are labelled as one (row) and predicted as another (column)."""

    labelled: tuple[str, ...]
    predicted: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, eq=False)
class Quality:
    """What comparing predictions with labels came to.

    Attributes
    ----------
    split
        Of which images the `evaluation` and the `confusion` are, see `SPLITS`.
    outcomes
        One row a labelled image of either split, sorted by data hash: `data_hash`, `title`, `split`, `error`, and for
        objects the columns of `evaluate_objects`, for classes `label`, `predicted` and `probability` (of the label).
    """

    split: str
    evaluation: Evaluation | ObjectEvaluation
    confusion: Confusion
    outcomes: pl.DataFrame


@dataclass(frozen=True)
class _Labelled:
    data_hash: str
    split: str
    label: Label


def read_predictions(session: Session, snapshot: Snapshot, model: ImportedModel) -> Imported:
    """Return what `model` has for the project's images and those that are held out."""
    return model.read(list(_known(session, snapshot)), snapshot.ontology)


def judge(session: Session, snapshot: Snapshot, imported: Imported) -> Quality | None:
    """Compare predictions with every label there is; None if there is none to compare with."""
    images = [one for one in _labels(session, snapshot) if imported.has(one.data_hash)]
    compare = _objects if imported.objects is not None else _classes
    found = {}
    for split in SPLITS:
        some = compare([one for one in images if one.split == split], imported, snapshot.ontology)
        if some is not None:
            found[split] = some
    if not found:
        return None
    split, (evaluation, confusion, _) = next(iter(found.items()))
    outcomes = pl.concat([outcome for _, _, outcome in found.values()]).sort("data_hash")
    titles = {one.data_hash: one.title for one in _known(session, snapshot)}
    title = pl.Series("title", [titles[data_hash] for data_hash in outcomes["data_hash"]], dtype=pl.String)
    return Quality(split, evaluation, confusion, outcomes.insert_column(1, title))


def without_held_out(session: Session, imported: Imported) -> str | None:
    """Return what to know where held-out images have no prediction, so that others, or fewer, are evaluated."""
    held_out = [example.image.data_hash for example in session.held_out()]
    have = sum(map(imported.has, held_out))
    if have == len(held_out):
        return None
    how = "see docs/predictions.md for how a row names them"
    if have:
        return (
            f"{imported.source} predicts {have} of the {len(held_out)} held-out images: only these are evaluated; {how}"
        )
    return (
        f"{imported.source} predicts none of the {len(held_out)} held-out images: what is evaluated are images "
        "labelled in the project, which were chosen, not drawn, so that the figures say little about the pool. To "
        f"evaluate on the held-out images, add rows for them; {how}"
    )


def keep_quality(session: Session, quality: Quality | None, folder: RoundFolder) -> dict[str, Any] | None:
    """Write `evaluation.parquet` into the run folder; return what is to be known of it, JSON-able.

    The metrics in the round's table explain the errors in the project's labelled images.
    """
    if quality is None:
        return None
    with folder.reading(folder.pool):
        pool = pl.read_parquet(folder.pool, glob=False)
    write_parquet(session.folder.path / "evaluation.parquet", quality.outcomes)
    return {
        "split": quality.split,
        "confusion": asdict(quality.confusion),
        "enough": ENOUGH,
        "importance": [asdict(one) for one in explanations(session, quality, pool)],
    }


def explanations(session: Session, quality: Quality, pool: pl.DataFrame) -> list[Importance]:
    """Return how much each configured metric says about the errors, the most important first."""
    metrics = pool.unique("data_hash", keep="first", maintain_order=True).select("data_hash", *session.job.metrics)
    both = quality.outcomes.join(metrics, on="data_hash", how="inner", maintain_order="left")
    return importance(both.select(*session.job.metrics), both["error"].to_numpy())


def _known(session: Session, snapshot: Snapshot) -> Iterator[Known]:
    """Yield every task's image, and the held-out ones: their titles are the dataset's, if it is still there."""
    seen = set()
    for task in snapshot.tasks:
        if task.data_hash not in seen:
            seen.add(task.data_hash)
            yield Known(task.data_hash, task.title, task.width, task.height)
    held_out = {example.image.data_hash for example in session.held_out()} - seen
    try:
        rows = import_dataset(session.job.dataset, session.job.cache).rows if held_out else ()
    except DataError:
        rows = ()
    for row in rows:
        data_hash = str(UUID(hex=row.image.digest))
        if data_hash in held_out:
            held_out.remove(data_hash)
            yield Known(data_hash, row.image.title, row.image.width, row.image.height)
    yield from (Known(data_hash, data_hash, None, None) for data_hash in sorted(held_out))


def _labels(session: Session, snapshot: Snapshot) -> list[_Labelled]:
    """Return the label of each image that has one; an image that was submitted without any object has an empty one."""
    done = labelled_hashes(snapshot)
    held_out = [_Labelled(e.image.data_hash, SPLITS[0], e.label) for e in session.held_out()]
    tasks = {task.data_hash: task.label_hash for task in snapshot.tasks if task.data_hash in done}
    return held_out + [
        _Labelled(data_hash, SPLITS[1], snapshot.labels.get(label_hash or "", Label()))
        for data_hash, label_hash in tasks.items()
    ]


def _objects(
    images: Sequence[_Labelled], imported: Imported, ontology: Ontology
) -> tuple[ObjectEvaluation, Confusion, pl.DataFrame] | None:
    if not images:
        return None
    found = imported.detections([one.data_hash for one in images])
    labels = [one.label for one in images]
    labelled = labelled_objects(labels, ontology.objects, found.sizes, masks=found.masks is not None)
    evaluation, outcomes = evaluate_objects(found, labelled, imported.confidence, imported.iou)
    names = ontology.objects
    confusion = Confusion((*names, "background"), (*names, "missed"), evaluation.confusion)
    return evaluation, confusion, pl.concat([_names(images), outcomes], how="horizontal")


def _classes(
    images: Sequence[_Labelled], imported: Imported, ontology: Ontology
) -> tuple[Evaluation, Confusion, pl.DataFrame] | None:
    question = ontology.target
    assert question is not None  # without one, no class probabilities were read
    answers = [(one, option) for one in images for option in one.label.answer(question.name)[:1]]
    answers = [(one, option) for one, option in answers if option in question.options]
    if not answers:
        return None
    images, names = [one for one, _ in answers], question.options
    probabilities = imported.predict_proba(np.array([one.data_hash for one in images]))
    targets = np.array([names.index(option) for _, option in answers], np.int64)
    predicted = probabilities.argmax(axis=1)
    counts = np.zeros((len(names), len(names)), np.int64)
    np.add.at(counts, (targets, predicted), 1)
    right = probabilities[np.arange(len(targets)), targets]
    outcomes = _names(images).with_columns(
        pl.Series("label", [option for _, option in answers]),
        pl.Series("predicted", [names[index] for index in predicted.tolist()]),
        pl.Series("probability", right),
        pl.Series("error", 1 - right),
    )
    confusion = Confusion(names, names, tuple(tuple(row) for row in counts.tolist()))
    return evaluate(probabilities, targets, names), confusion, outcomes


def _names(images: Sequence[_Labelled]) -> pl.DataFrame:
    return pl.DataFrame({"data_hash": [one.data_hash for one in images], "split": [one.split for one in images]})
