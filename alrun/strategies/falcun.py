"""FALCUN: uncertain images that are predicted differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge

from alrun.numeric.blocks import number_per_row
from alrun.numeric.information import lead, rows_at_once
from alrun.progress import track
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.cost import REASON, Size, Work, picks
from alrun.strategies.geometry import hash_order
from alrun.strategies.ranking import class_probabilities, probability_scores
from alrun.types import Need

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Falcun:
    """Draws images with probability in proportion to (u(x) + d(x)) ^ gamma: the HIGHER the likelier.

    u(x) = 1 - (p1 - p2), the two highest class probabilities. d(x), to begin with, is u(x) too; after each pick q it is
    the lesser of what it was and |p(x) - p(q)|, summed over the classes, scaled so that the least of all
    candidates is 0 and the largest 1. Score: u + d of the pick when it was drawn, in 0..2. Once that is 0 for
    all that are left, they are drawn uniformly. Labelled images and embeddings play no part.

    Time: O(B N C). Memory: 48 bytes a candidate and blocks.

    Source: Gilhuber, Beer, Ma and Seidl, FALCUN: A Simple and Efficient Deep Active Learning Strategy, ECML PKDD 2024,
    equations 1 to 6, gamma = 10.

    Attributes
    ----------
    gamma
        0 or above: 0 is random sampling; the larger, the surer the highest is picked.
    """

    gamma: Annotated[float, Ge(0)] = 10.0

    needs: ClassVar[frozenset[Need]] = frozenset({Need.PROBABILITIES})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return N B (16 C + 500) operations, and the bytes of a copy of the probabilities and of some more numbers."""
        number, classes = size.candidates, size.classes
        held = 8 * number * (classes + 24) + REASON * number + size.rows(4 * classes) + picks(size)
        return Work(number * (size.budget + 1) * (16 * classes + 500), held)

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates that are uncertain and predicted differently.

        Raises
        ------
        DataError
            If the probabilities are not usable; the message names the rows.
        """
        order = hash_order(inputs.candidates["data_hash"])
        hashes = inputs.candidates["data_hash"].gather(order)
        first_copy = hashes.search_sorted(hashes, side="left").to_numpy()
        probabilities = class_probabilities(inputs)[order].astype(np.float64, copy=False)
        uncertain = 1 - probability_scores(inputs, lead)[order]
        distance, left = uncertain, np.ones(len(order), np.bool_)
        picks: list[int] = []
        scores: list[float] = []
        for _ in track(range(min(budget, len(order))), "drawing"):
            if picks:
                distance = _scaled(np.minimum(distance, _away(probabilities, picks[-1])))
            relevance = uncertain + distance
            largest = float(relevance[left].max()) or 1.0  # no power of a number up to 1 overflows
            drawn = _draw(np.where(left, (relevance / largest) ** self.gamma, 0.0), left, rng)
            pick = int(first_copy[drawn] + np.argmax(left[first_copy[drawn] : drawn + 1]))  # ties go to the lower row
            left[pick] = False
            picks.append(pick)
            scores.append(float(relevance[pick]))
        reasons = tuple(f"uncertain and predicted differently: {score:.3f} of 2" for score in scores)
        return Ranking(order[np.array(picks, np.int64)], np.array(scores), reasons)


def _away(probabilities: Doubles, row: int) -> Doubles:
    """Return the sum over the classes of the differences from `row`."""
    return number_per_row(
        lambda rows: np.abs(probabilities[rows] - probabilities[row]).sum(axis=1),
        len(probabilities),
        rows_at_once(probabilities.shape[1]),
    )


def _scaled(distance: Doubles) -> Doubles:
    least, most = distance.min(), distance.max()
    return np.asarray((distance - least) / (most - least if most > least else 1))


def _draw(weights: Doubles, left: npt.NDArray[np.bool_], rng: np.random.Generator) -> int:
    """Draw a row in proportion to its weight; if all are 0, any that is left."""
    ends = np.cumsum(weights if weights.any() else left)
    drawn = int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))
    return min(drawn, int(np.flatnonzero(left)[-1]))
