"""Stop once the model is sure of what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Le

from alrun.stopping.base import Reads, RoundFacts


@dataclass(frozen=True)
class Uncertainty:
    """Stops once the mean entropy of the unlabelled images' predictions is at most `at_most`.

    The entropy is in units of ln C for C classes: 0 is sure of everything, 1 knows nothing. An overconfident model
    stops too early: look at the calibration error.

    Source: Zhu, Wang and Hovy, Learning a Stopping Criterion for Active Learning for Word Sense Disambiguation and Text
    Classification, IJCNLP 2008 (overall uncertainty); the default is small-text's.
    """

    at_most: Annotated[float, Ge(0), Le(1)] = 0.05

    reads: ClassVar[Reads] = "predictions"

    def verdict(self, rounds: Sequence[RoundFacts]) -> str | None:
        """Return why the run ends, or None; see the class."""
        value = rounds[-1].uncertainty
        if value is None or value > self.at_most:
            return None
        return f"the mean uncertainty of what is left is {value:.4f}, at most {self.at_most:g}"
