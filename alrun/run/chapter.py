"""What the files of one round say, as the report tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from alrun.recipe.journal import Journal, Progress
from alrun.recipe.plan import Plan
from alrun.run.round_folder import RoundFolder, Shape, read_object
from alrun.run.tables import read_selection
from alrun.types import Pick


@dataclass(frozen=True)
class Chapter:
    """What the files of one round say; `progress` and `result` are empty until there is something to say."""

    number: int
    folder: RoundFolder
    picks: list[Pick]
    plan: Plan
    choice: Mapping[str, Any]
    progress: Progress
    steps: Mapping[str, Any]
    result: Mapping[str, Any]

    @staticmethod
    def read(number: int, folder: RoundFolder) -> Chapter:
        """Read the files of a round that is planned.

        Raises
        ------
        Unusable
            If any of them cannot be read.
        """
        plan = Plan.load(folder.plan)
        progress = Journal(folder.journal, plan).progress if folder.journal.exists() else Progress()
        with folder.reading(folder.selection):
            picks = read_selection(folder.selection)
            if len(picks) != len(plan.selected):
                raise ValueError(f"it holds {len(picks)} of the {len(plan.selected)} picks")
        how = _read(folder, folder.choice, {"stages": list, "strategy": str, "metrics": list, "removed": list})
        steps = _read(folder, folder.steps, {}) if folder.steps.exists() else {}
        result = folder.read_result() if folder.result.exists() else {}
        return Chapter(number, folder, picks, plan, how, progress, steps, result)

    def pool(self) -> pl.DataFrame:
        """Read the round's table, which is large."""
        with self.folder.reading(self.folder.pool):
            return pl.read_parquet(self.folder.pool, glob=False)


def _read(folder: RoundFolder, path: Path, shape: Shape) -> dict[str, Any]:
    with folder.reading(path):
        return read_object(path, shape)
