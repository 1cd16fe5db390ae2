"""Whether images that look alike were answered alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Le

from alrun.metrics.base import MetricInputs
from alrun.metrics.neighbourhood import by_data_hash, embeddings_of
from alrun.metrics.objects import Aggregate, together
from alrun.numeric.blocks import blocks
from alrun.numeric.cosine import nearest_rows
from alrun.types import Label, Need, Question, QuestionKind

_AT_ONCE = 4096


@dataclass(frozen=True)
class ImageAnnotationQuality:
    """How far the nearest other images agree with an image's answers, in 0..1. LOW is probably wrong.

    For each radio and each checklist question that was answered: the mean, over the nearest other images in which it
    was answered too, of the chosen options that both have in common by those that one of them has. So for a radio
    question it is the share of neighbours with the same answer. Nearest by cosine distance of the embeddings, exact;
    of images that are equally far, those with the lower data hash. If fewer images are answered than `neighbours`,
    all others count. NaN where no such question was answered, or in no other image.

    Source: Encord Active, "Image-level Annotation Quality", first engine. Where this differs:

    * There, only radio questions counted, each only with more than 10 labelled images.
    * With several questions it took the neighbours of one for those of another.
    * Its second engine let far neighbours weigh more than near ones.

    Attributes
    ----------
    neighbours
        How many of the nearest count; the original has 9.
    aggregate
        Which of an image's questions counts: the one with the lowest value, the highest, or the mean of all.
    """

    neighbours: Annotated[int, Ge(1), Le(1000)] = 9
    aggregate: Aggregate = "min"

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,)."""
        del rng
        order = by_data_hash(inputs)
        points = embeddings_of(inputs)[order]
        labels = [inputs.labels[row] if inputs.labelled[row] else None for row in order.tolist()]
        kinds = (QuestionKind.RADIO, QuestionKind.CHECKLIST)
        questions = [q for q in inputs.ontology.questions if q.kind in kinds]
        agreed = [self._agreement(points, _chosen(labels, question)) for question in questions]
        values = np.full(len(order), np.nan)
        for row, found in zip(order.tolist(), zip(*agreed, strict=True), strict=False):
            values[row] = together([float(value) for value in found], self.aggregate)
        return values

    def _agreement(self, points: npt.NDArray[np.float32], chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        """Return the agreement on one question, float64 (N,); `chosen` says which options each image has, (N, O)."""
        answered = np.flatnonzero(chosen.any(axis=1))
        near = nearest_rows(points, answered, answered, self.neighbours)
        values = np.full(len(points), np.nan)
        for block in blocks(len(answered), _AT_ONCE):
            own, others = chosen[answered[block], None], chosen[near[block]]
            either = np.maximum((own | others).sum(axis=2), 1)
            shared = np.where(near[block] >= 0, (own & others).sum(axis=2) / either, 0)
            counts = (near[block] >= 0).sum(axis=1)
            values[answered[block]] = np.where(counts, shared.sum(axis=1) / np.maximum(counts, 1), np.nan)
        return values


def _chosen(labels: Sequence[Label | None], question: Question) -> npt.NDArray[np.bool_]:
    answers = [() if label is None else label.answer(question.name) for label in labels]
    return np.array([[o in answer for o in question.options] for answer in answers], np.bool_).reshape(
        len(labels), len(question.options)
    )
