"""Audit: a share of random picks, by which a model can be judged without bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from alrun.strategies.base import Ranking, Strategy, StrategyInputs, asked
from alrun.strategies.composite import Composite, check_given
from alrun.strategies.random import Random

AUDIT = "audit: "
"""How the reason of a pick begins that was drawn at random for the audit, in `selection.csv` and everywhere else."""


@dataclass(frozen=True)
class Audit(Composite):
    """Draws a `share` of the picks uniformly at random; `inner` picks the rest among the other candidates.

    The audit sample is a simple random sample, without replacement, of the candidates of the round, whatever
    `inner` does. What a model that was not trained on it gets right there is an unbiased estimate of what it gets
    right among these candidates; the picks of `inner` are biased by design. Its reasons begin with `audit: ` and say
    how many were drawn of how many. It comes first, so that it is labelled even if a deadline cuts the round short.
    Around an audit nothing should choose again (a quota, a pipeline): then the sample would not be random.

    Score: the number drawn in [0, 1), lowest first, for the audit; that of `inner` for the rest. The sample's size is
    share * B, rounded, a half up. A candidate's number depends on the generator and its data hash only. Time and
    memory: those of `inner`, and O(N log N).

    Source: Cochran, Sampling Techniques, 1977, chapter 2; Sawade et al., Active Risk Estimation, ICML 2010, on why
    queried examples cannot serve as a test set.

    Attributes
    ----------
    inner
        The strategy that picks the rest.
    share
        0..1, of the budget.
    """

    inner: Strategy
    share: Annotated[float, Ge(0), Le(1)] = 0.1

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates, the audit sample first.

        Raises
        ------
        AlrunError
            As `inner` does.
        """
        check_given(inputs)
        size = inputs.candidates.height
        drawn = Random().select(inputs, int(self.share * min(budget, size) + 0.5), rng)
        others = np.setdiff1d(np.arange(size), drawn.rows)
        rest = asked(self.inner, inputs.take(others), budget - len(drawn.rows), rng)
        mark = f"{AUDIT}drawn at random, {len(drawn.rows)} of {size} candidates"
        return Ranking(
            np.concatenate([drawn.rows, others[rest.rows]]),
            np.concatenate([drawn.scores, rest.scores]),
            (mark,) * len(drawn.rows) + rest.reasons,
            rest.notes,
        )
