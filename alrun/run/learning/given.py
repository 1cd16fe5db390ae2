"""The labels that images have, as a classifier learns from them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import numpy as np
import numpy.typing as npt

from alrun.datasets.importer import import_dataset
from alrun.errors import DataError
from alrun.platform.retry import patiently
from alrun.pool.frame import labelled_hashes
from alrun.run.session import Session
from alrun.types import Label, Question, Snapshot


def labelled_images(snapshot: Snapshot, question: Question) -> tuple[list[str], npt.NDArray[np.int64]]:
    """Return the data hashes of images with an answer to `question`, sorted, and the index of each answer."""
    labelled = labelled_hashes(snapshot)
    answers = {
        task.data_hash: index
        for task in snapshot.tasks
        if task.data_hash in labelled and task.label_hash is not None
        for index in [answer_index(snapshot.labels.get(task.label_hash), question)]
        if index is not None
    }
    hashes = sorted(answers)
    return hashes, np.array([answers[h] for h in hashes], dtype=np.int64)


def titles_of(session: Session, data_hashes: Sequence[str]) -> dict[str, str]:
    """Return the titles of images, by data hash; those of held-out images are the dataset's, if it is still there."""
    titles = {task.data_hash: task.title for task in patiently(session.patience, session.platform.tasks, data_hashes)}
    try:
        rows = import_dataset(session.job.dataset, session.job.cache).rows if set(data_hashes) - titles.keys() else ()
    except DataError:
        rows = ()
    wanted = set(data_hashes)
    named = {str(UUID(hex=row.image.digest)): row.image.title for row in rows}
    return {name: title for name, title in {**named, **titles}.items() if name in wanted}


def answer_index(label: Label | None, question: Question) -> int | None:
    """Return which option of `question` was chosen; None if none was."""
    value = next(iter(label.answer(question.name)), None) if label else None
    return question.options.index(value) if value in question.options else None
