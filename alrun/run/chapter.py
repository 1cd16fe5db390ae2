"""What the files of one round say, as the report tells it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from alrun.recipe.journal import Journal, Progress
from alrun.recipe.plan import Plan
from alrun.run.round_folder import RoundFolder
from alrun.run.tables import read_selection
from alrun.types import Pick


class Illegible(Exception):
    """A file that the report is made of cannot be read."""


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
        """Read the files of a round that is planned."""
        plan = Plan.load(folder.plan)
        progress = Journal(folder.journal, plan).progress if folder.journal.exists() else Progress()
        with _read(folder.selection):
            picks = read_selection(folder.selection)
        for path in (folder.published, folder.prelabelled):
            if path.exists():
                _json(path, ("images", "written", "left_alone"))
        how = _json(folder.choice, ("stages", "strategy", "metrics", "removed"))
        steps = _json(folder.steps) if folder.steps.exists() else {}
        result = _json(folder.result, ("labelled",)) if folder.result.exists() else {}
        return Chapter(number, folder, picks, plan, how, progress, steps, result)

    def pool(self) -> pl.DataFrame:
        """Read the round's table, which is large."""
        with _read(self.folder.pool):
            return pl.read_parquet(self.folder.pool)


@contextmanager
def _read(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError) as error:
        raise Illegible(f"{path} cannot be read ({' '.join(str(error).split())})") from None


def _json(path: Path, needed: Iterable[str] = ()) -> Any:
    with _read(path):
        content = dict(json.loads(path.read_text(encoding="utf-8")))
        lacking = [name for name in needed if name not in content]
        if lacking:
            raise ValueError(f"it has no {lacking[0]!r}")
    return content
