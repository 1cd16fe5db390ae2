"""Stop once the model no longer gets better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from alrun.models.figures import LOWER_IS_BETTER, Figure
from alrun.stopping.base import Reads, RoundFacts, figures


@dataclass(frozen=True)
class Patience:
    """Stops once the best value of a figure is `rounds` evaluations old.

    Attributes
    ----------
    figure
        What is judged; lower is better for `log_loss` and `calibration_error`, higher for all others.
    rounds
        How many evaluations in a row may pass without a better value.
    by
        By how much a value has to be better to count, in the figure's own unit.
    """

    figure: Figure = "accuracy"
    rounds: Annotated[int, Ge(1)] = 3
    by: Annotated[float, Ge(0)] = 0.0

    reads: ClassVar[Reads] = "figures"

    def verdict(self, rounds: Sequence[RoundFacts]) -> str | None:
        """Return why the run ends, or None; see the class."""
        sign = -1.0 if self.figure in LOWER_IS_BETTER else 1.0
        best, age = float("-inf"), 0
        for value in figures(rounds, self.figure):
            if sign * value > best + self.by:
                best, age = sign * value, 0
            else:
                age += 1
        if age < self.rounds:
            return None
        return f"{self.figure} has not become better than {sign * best:.4f} by more than {self.by:g} in {age} rounds"
