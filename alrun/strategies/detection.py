"""Detection: images whose found objects the model is least sure of first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from alrun.errors import DataError
from alrun.models.detections import Detections
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.ranking import rank_by
from alrun.types import Need

Floats = npt.NDArray[np.float64]
_TITLES = {
    "entropy": "entropy",
    "least_confidence": "1 - best probability",
    "margin": "1 - margin",
    "variance": "lack of variance",
    "confidence": "1 - score",
}


@dataclass(frozen=True)
class Detection:
    """Picks the HIGHEST uncertainty first: that of each found object, aggregated over the objects of an image.

    With p the class probabilities of an object, or (s, 1 - s) where only its score s is known, and C their number,
    the uncertainty of an object is, each 0 for a certain one:

    - `entropy`: -sum(p log2 p), in bits, 0..log2(C)
    - `least_confidence`: 1 - max p
    - `margin`: 1 - (p1 - p2), the two highest
    - `variance`: (C - 1)/C² - var(p), the first being the variance of a certain distribution
    - `confidence`: 1 - s

    Of a score alone, the first four order single objects alike: s = 0.5 is the least certain. `confidence` does not:
    s = 0 is. Draws nothing at random. Time O(M C) for M objects, with `balance` O(N C log N) for N images.

    Source: Brust, Käding and Denzler, Active Learning for Deep Object Detection, VISAPP 2019 (mean, max, sum); Encord
    Active's acquisition functions (mean only). There margin, variance and "Mean Object Confidence" are ranked from
    the lowest; turned round, as here, their means give the same order, and max and sum mean what they say. There an
    image without objects crashes the first four and comes first by the last; here `no_detection` says.

    Attributes
    ----------
    score
        The uncertainty of an object.
    aggregate
        `mean`; `max`, the least certain object; `sum`, which prefers images with many objects; `count_aware`, sum /
        sqrt(number of objects), which is between sum and mean.
    no_detection
        Where images come in which nothing was found (with the model's `confidence`): `last`, with the score 0, or
        `first`, with a score 1 above the highest of the others.
    balance
        Whether the classes take turns, in the ontology's order: each picks the image whose objects of this class
        are, aggregated, least certain. Images without objects come before or after all turns.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.DETECTIONS})

    score: Literal["entropy", "least_confidence", "margin", "variance", "confidence"] = "entropy"
    aggregate: Literal["mean", "max", "sum", "count_aware"] = "mean"
    no_detection: Literal["first", "last"] = "last"
    balance: bool = False

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return the `budget` candidates whose found objects are least certain.

        Raises
        ------
        DataError
            If scores or probabilities are not usable; the message names the images.
        """
        found = _checked(inputs)
        uncertainty = self._uncertainty(found)
        counts = found.counts
        scores = self._aggregated(uncertainty, found.images, len(counts))
        empty = counts == 0
        scores[empty] = 1 + scores.max(initial=0) if self.no_detection == "first" else 0
        if not self.balance:
            return self._by_score(scores, counts, budget)
        return self._in_turns(found, uncertainty, scores, budget)

    def _by_score(self, scores: Floats, counts: npt.NDArray[np.int64], budget: int) -> Ranking:
        # Certain objects score 0 like no objects; a number below 0 keeps the images without any behind them.
        keys = np.where((counts == 0) & (self.no_detection == "last"), -1.0, scores)
        ranking = rank_by(keys, budget, "high", lambda _, score: f"{score}")
        reasons = tuple(self._reason(scores[row], int(counts[row])) for row in ranking.rows.tolist())
        return Ranking(ranking.rows, scores[ranking.rows], reasons)

    def _in_turns(self, found: Detections, uncertainty: Floats, scores: Floats, budget: int) -> Ranking:
        size, empty = len(scores), np.flatnonzero(found.counts == 0)
        queues: list[tuple[str, list[int], Floats, npt.NDArray[np.int64]]] = []
        for index, name in enumerate(found.names):
            of_class = found.classes == index
            images = found.images[of_class]
            own, counts = self._aggregated(uncertainty[of_class], images, size), np.bincount(images, minlength=size)
            order = np.argsort(-own, kind="stable")
            queues.append((name, order[counts[order] > 0][::-1].tolist(), own, counts))
        picks: dict[int, tuple[float, str]] = {}
        while any(queue for _, queue, _, _ in queues):
            for name, queue, own, counts in queues:
                while queue and queue[-1] in picks:
                    queue.pop()
                if queue:
                    row = queue.pop()
                    picks[row] = float(own[row]), f"{name}: {self._reason(own[row], int(counts[row]))}"
        none = {row: (float(scores[row]), self._reason(scores[row], 0)) for row in empty.tolist()}
        ordered = list((none | picks if self.no_detection == "first" else picks | none).items())[:budget]
        return Ranking(
            np.array([row for row, _ in ordered], np.int64),
            np.array([score for _, (score, _) in ordered], np.float64),
            tuple(reason for _, (_, reason) in ordered),
        )

    def _uncertainty(self, found: Detections) -> Floats:
        """Return the uncertainty of each object, float64 of shape (M,)."""
        if self.score == "confidence":
            return 1 - found.scores
        p = found.probabilities
        if p is None:
            p = np.stack([found.scores, 1 - found.scores], axis=1)
        match self.score:
            case "entropy":
                logarithms = np.log2(np.where(p > 0, p, 1))
                return np.asarray(0 - (p * logarithms).sum(axis=1))
            case "least_confidence":
                return np.asarray(1 - p.max(axis=1, initial=0))
            case "margin":
                ordered = np.sort(p, axis=1)
                return np.asarray(1 - ordered[:, -1] + (ordered[:, -2] if p.shape[1] > 1 else 0))
        count = p.shape[1]
        return np.asarray(((count - 1) / count**2 - p.var(axis=1)).clip(0))

    def _aggregated(self, values: Floats, images: npt.NDArray[np.int64], size: int) -> Floats:
        """Return the aggregate of each of `size` images, 0 for one without objects."""
        if self.aggregate == "max":
            highest = np.zeros(size)
            np.maximum.at(highest, images, values)
            return highest
        sums = np.bincount(images, weights=values, minlength=size)
        counts = np.bincount(images, minlength=size).clip(1)
        divisor = {"sum": 1, "mean": counts, "count_aware": np.sqrt(counts)}[self.aggregate]
        return np.asarray(sums / divisor)

    def _reason(self, score: float, count: int) -> str:
        if count == 0:
            return "nothing found"
        aggregate = self.aggregate.replace("_", "-")
        return f"{aggregate} {_TITLES[self.score]} {score:.2f} of {count} object{'s' if count > 1 else ''}"


def _checked(inputs: StrategyInputs) -> Detections:
    found = inputs.detections
    if found is None:
        raise ValueError("the strategy was called without the detections it declares")
    if len(found.sizes) != inputs.candidates.height:
        raise DataError(f"detections of {len(found.sizes)} images, but {inputs.candidates.height} candidates")
    wrong = ~((found.scores >= 0) & (found.scores <= 1))  # True for NaN
    if found.probabilities is not None:
        wrong |= ~(np.abs(found.probabilities.sum(axis=1) - 1) <= 1e-3) | ~(found.probabilities.min(axis=1) >= 0)
    if wrong.any():
        rows = np.unique(found.images[wrong])
        titles = ", ".join(repr(inputs.candidates["title"][int(row)]) for row in rows[:3])
        raise DataError(
            f"objects found in {len(rows)} of {len(found.sizes)} candidates cannot be used (scores must be in 0..1, "
            f"probabilities 0 or above with the sum 1): {titles}{' and others' if len(rows) > 3 else ''}"
        )
    return found
