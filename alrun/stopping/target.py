"""Stop once the model is good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge

from alrun.errors import ConfigError
from alrun.models.figures import LOWER_IS_BETTER, UNBOUNDED, Figure
from alrun.stopping.base import Reads, RoundFacts, figures


@dataclass(frozen=True)
class Target:
    """Stops once a figure of the evaluation is as good as `value`, or better.

    Attributes
    ----------
    figure
        What is judged; lower is better for `log_loss` and `calibration_error`, higher for all others.
    value
        In 0..1; for `log_loss` in nats, 0 or above.

    Notes
    -----
    The held-out images that judge the model also decide when to stop, which flatters the last figure a little.
    """

    figure: Figure = "accuracy"
    value: Annotated[float, Ge(0)] = 0.95

    reads: ClassVar[Reads] = "figures"

    def __post_init__(self) -> None:
        if self.value > 1 and self.figure not in UNBOUNDED:
            raise ConfigError(f"value is {self.value:g}, but {self.figure} is in 0..1: 95 per cent is 0.95")

    def verdict(self, rounds: Sequence[RoundFacts]) -> str | None:
        """Return why the run ends, or None; see the class."""
        for value in figures(rounds[-1:], self.figure):
            if self.figure in LOWER_IS_BETTER and value <= self.value:
                return f"{self.figure} is {value:.4f}, at most the target of {self.value:g}"
            if self.figure not in LOWER_IS_BETTER and value >= self.value:
                return f"{self.figure} is {value:.4f}, at least the target of {self.value:g}"
        return None
