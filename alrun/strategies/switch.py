"""Switch: one strategy while few images are labelled, another from then on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge

from alrun.strategies.base import Ranking, Strategy, StrategyInputs, asked, at_stage
from alrun.strategies.composite import Composite, check_given
from alrun.strategies.cost import Size, Work, points, work_of


@dataclass(frozen=True)
class Switch(Composite):
    """Picks as `first` does while fewer than `until` images are labelled, as `then` does afterwards.

    The number that counts is that of labelled images in the project when a round begins; the whole round goes by one
    strategy. Only what that one needs is computed: `first` may do without a model, and on a project without labels
    the run then needs no initial set. Score, direction, time and memory are those of the strategy at work.

    Source: Hacohen, Dekel and Weinshall, ICML 2022 (typical images at low budgets, uncertain ones at high); Doucet et
    al., Bridging Diversity and Uncertainty in Active Learning with Self-Supervised Pre-Training (TCM), 2024: TypiClust,
    then margin. They switch after a number of rounds; here it is a number of labels, so that the size of a round
    does not move it.

    Attributes
    ----------
    first, then
        The two strategies.
    until
        0 or above; 0 never uses `first`.
    """

    first: Strategy
    then: Strategy
    until: Annotated[int, Ge(0)] = 100

    def at(self, labelled: int) -> Strategy:
        """Return `first` or `then`."""
        return at_stage(self.first if labelled < self.until else self.then, labelled)

    def work(self, size: Size) -> Work:
        """Return the larger work of the two."""
        one, other = work_of(self.first, size), work_of(self.then, size)
        work = Work(max(one.operations, other.operations), max(one.bytes, other.bytes))
        return work.holding(points(size))

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates.

        Raises
        ------
        AlrunError
            As the strategy at work does.
        """
        check_given(inputs)
        return asked(self.at(inputs.labelled), inputs, budget, rng)
