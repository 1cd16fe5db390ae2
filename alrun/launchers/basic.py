"""One job after the other, in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alrun.launchers.base import Play

log = logging.getLogger("alrun")


@dataclass(frozen=True)
class Basic:
    """Plays one job after the other in this process: nothing is imported twice, and nothing else has to be there."""

    def launch(self, play: Play, folders: Sequence[Path], threads: int) -> Iterator[Path]:  # noqa: ARG002 -- a model takes its own
        """Play each job in turn."""
        for folder in folders:
            try:
                play(str(folder))
            except Exception:
                log.exception("the job in %s ended with an error", folder)
            yield folder
