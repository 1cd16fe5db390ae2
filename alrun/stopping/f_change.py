"""Stop once another round would not change the F score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from alrun.stopping.base import Reads, RoundFacts


@dataclass(frozen=True)
class FChange:
    """Stops once the forecast change in F is at most `at_most` for `rounds` rounds in a row.

    The forecast compares two successive models on images without labels: were the newer one's predictions the truth,
    the older one's F would fall short of 1 by this much. See `alrun.stopping.predictions.f_change` for several classes.

    Source: Altschuler and Bloodgood, Stopping Active Learning Based on Predicted Change of F Measure for Text
    Classification, ICSC 2019, for two classes; defaults as in small-text.
    """

    at_most: Annotated[float, Ge(0), Le(1)] = 0.05
    rounds: Annotated[int, Ge(1)] = 3

    reads: ClassVar[Reads] = "predictions"

    def verdict(self, rounds: Sequence[RoundFacts]) -> str | None:
        """Return why the run ends, or None; see the class."""
        known = [facts.f_change for facts in rounds if facts.f_change is not None][-self.rounds :]
        if len(known) < self.rounds or max(known) > self.at_most:
            return None
        return (
            f"F is expected to change by at most {max(known):.4f}, for {self.rounds} rounds ({self.at_most:g} allowed)"
        )
