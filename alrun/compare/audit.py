"""What a random share of a live run's picks tells: how good the model is, and what the strategy finds beyond chance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution, for intervals of 95 %."""


@dataclass(frozen=True)
class Estimate:
    """A share, or a difference of shares, with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Audit:
    """How many images the model answered right before it was trained on them.

    Attributes
    ----------
    audited, right
        Images drawn at random, labelled meanwhile; and those of them on which the model agreed with the label.
    others, others_right
        The same of what the strategy picked.
    """

    audited: int
    right: int
    others: int
    others_right: int

    @property
    def accuracy(self) -> Estimate | None:
        """What share of all candidates the model answers right: unbiased, since they were drawn at random."""
        return wilson(self.right, self.audited) if self.audited else None

    @property
    def gain(self) -> Estimate | None:
        """How much more often the model is wrong on what the strategy picked: mistakes found a label, beyond random."""
        if not self.audited or not self.others:
            return None
        return difference(self.right, self.audited, self.others_right, self.others)

    def to_json(self) -> dict[str, Any]:
        """Return the counts and the estimates."""
        estimates = {"accuracy": self.accuracy, "gain": self.gain}
        return asdict(self) | {name: None if one is None else asdict(one) for name, one in estimates.items()}

    def sentences(self) -> list[str]:
        """Return what it says, in words; nothing without an audited image."""
        accuracy, gain = self.accuracy, self.gain
        if accuracy is None:
            return []
        share = f"{accuracy.value:.1%} (95 % interval {accuracy.low:.1%} to {accuracy.high:.1%}) of all candidates"
        drawn = f"on {self.right} of {self.audited} images drawn at random"
        said = [f"Before it was trained on them, the model was right {drawn}: {share}."]
        if gain is not None:
            wrong, chance = 1 - self.others_right / self.others, 1 - accuracy.value
            said.append(
                f"On what the strategy picked it was wrong {wrong:.1%} of the time, at random {chance:.1%}: "
                f"{100 * gain.value:+.1f} mistakes found in a hundred labels, compared with random ones (95 % interval "
                f"{100 * gain.low:+.1f} to {100 * gain.high:+.1f})."
            )
        return said


def together(audits: Iterable[Audit]) -> Audit:
    """Return the sum over rounds: each round's model counts by the images that it was audited on."""
    total = Audit(0, 0, 0, 0)
    for one in audits:
        total = Audit(
            total.audited + one.audited,
            total.right + one.right,
            total.others + one.others,
            total.others_right + one.others_right,
        )
    return total


def wilson(count: int, of: int) -> Estimate:
    """Return a share with Wilson's score interval, which stays within 0..1 and holds for few images too.

    The images are drawn without replacement, so that it is rather too wide than too narrow.
    """
    share, square = count / of, Z * Z
    centre = (share + square / (2 * of)) / (1 + square / of)
    half = Z / (1 + square / of) * sqrt(share * (1 - share) / of + square / (4 * of * of))
    return Estimate(share, max(0.0, centre - half), min(1.0, centre + half))


def difference(count: int, of: int, other: int, of_other: int) -> Estimate:
    """Return the first share minus the second, with Newcombe's hybrid score interval.

    Source: Newcombe, Interval Estimation for the Difference between Independent Proportions, Statistics in Medicine
    1998, method 10.
    """
    one, two = wilson(count, of), wilson(other, of_other)
    value = one.value - two.value
    low = sqrt((one.value - one.low) ** 2 + (two.high - two.value) ** 2)
    high = sqrt((one.high - one.value) ** 2 + (two.value - two.low) ** 2)
    return Estimate(value, value - low, value + high)
