"""Stop once the model's predictions no longer change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from alrun.stopping.base import Reads, RoundFacts


@dataclass(frozen=True)
class Kappa:
    """Stops once the predictions of successive models agree: stabilising predictions.

    The mean of Cohen's kappa between each of the last `rounds` models and the one before it has to be `at_least`. No
    labels are needed. Defaults: those of the paper.

    Source: Bloodgood and Vijay-Shanker, A Method for Stopping Active Learning Based on Stabilizing Predictions and the
    Need for User-Adjustable Stopping, CoNLL 2009. Their stop set is drawn once and never labelled; ours is described in
    `alrun.stopping.predictions`.
    """

    at_least: Annotated[float, Ge(-1), Le(1)] = 0.99
    rounds: Annotated[int, Ge(1)] = 3

    reads: ClassVar[Reads] = "predictions"

    def verdict(self, rounds: Sequence[RoundFacts]) -> str | None:
        """Return why the run ends, or None; see the class."""
        known = [facts.kappa for facts in rounds if facts.kappa is not None][-self.rounds :]
        if len(known) < self.rounds:
            return None
        mean = sum(known) / len(known)
        if mean < self.at_least:
            return None
        return f"the predictions are stable: kappa {mean:.4f} over {self.rounds} rounds, at least {self.at_least:g}"
