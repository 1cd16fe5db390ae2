"""The labels that images have, as a classifier learns from them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alrun.pool.frame import labelled_hashes
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


def answer_index(label: Label | None, question: Question) -> int | None:
    """Return which option of `question` was chosen; None if none was."""
    value = next(iter(label.answer(question.name)), None) if label else None
    return question.options.index(value) if value in question.options else None
