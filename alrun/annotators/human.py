"""People on the platform label; this process only looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from alrun.platform.port import Platform


@dataclass(frozen=True)
class Human:
    """Wait for people.

    Attributes
    ----------
    poll_seconds
        How often to look, in seconds, while `wait=true`. One request a look; on Encord one more for each
        annotation stage that still has some of the selection.
    """

    poll_seconds: Annotated[float, Ge(1)] = 60.0

    def check(self, platform: Platform, data_hashes: Sequence[str]) -> None:
        """People can label anything."""

    def label(self, platform: Platform, data_hashes: Sequence[str], seed: int) -> None:
        """Leave it to them."""
