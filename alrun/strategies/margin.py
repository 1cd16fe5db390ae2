"""Margin sampling: the closest race of the two best guesses first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from alrun.numeric.blocks import number_per_row
from alrun.numeric.information import largest, rows_at_once
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.ranking import class_probabilities, rank_by
from alrun.types import Need


@dataclass(frozen=True)
class Margin:
    """Picks the LOWEST p1 - p2 first, the two highest class probabilities.

    Score: in 0..1; with a single class p2 is 0. Draws nothing at random. Source: Scheffer, Decomain and Wrobel,
    Active Hidden Markov Models for Information Extraction, IDA 2001; Encord Active, "Margin".
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.PROBABILITIES})

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return the `budget` candidates with the closest two best guesses.

        Raises
        ------
        DataError
            If the probabilities are not usable; the message names the rows.
        """
        probabilities = class_probabilities(inputs)
        at_once = rows_at_once(probabilities.shape[1])
        scores = number_per_row(lambda rows: _lead(probabilities[rows]), len(probabilities), at_once)
        return rank_by(scores, budget, "low", lambda _, score: f"best guess {score:.1%} ahead of the next")


def _lead(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return by how much the highest number of each row is above the next; it is dearer to sort the row."""
    rows = np.arange(len(probabilities))
    others = np.array(probabilities)
    best = others.argmax(axis=1)
    first = others[rows, best]
    others[rows, best] = 0
    return np.asarray(first - largest(others))
