"""Stop once enough was spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Gt

from alrun.stopping.base import Reads, RoundFacts


@dataclass(frozen=True)
class TotalBudget:
    """Stops once the labels of the run have cost `at_most` or more, in the unit of the configured cost.

    It is judged after each round, so the last round may pass the limit by less than a round's cost.
    """

    at_most: Annotated[float, Gt(0)] = 5000.0

    reads: ClassVar[Reads] = "spent"

    def verdict(self, rounds: Sequence[RoundFacts]) -> str | None:
        """Return why the run ends, or None; see the class."""
        spent = rounds[-1].spent
        return f"{spent:g} was spent of the {self.at_most:g} allowed" if spent >= self.at_most else None
