"""The files that one round of a run leaves, and the one way in which they are read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any

import polars as pl

from alrun.errors import Unusable
from alrun.terminal import command_for

Shape = Mapping[str, type | UnionType]
"""What a JSON object has to hold, by name; what is beside it is not looked at."""

RESULT: Shape = {
    "round": int, "selected": int, "labelled": int, "counts": dict, "labels": dict, "account": dict,
    "evaluation": dict | None, "cost": int | float, "spent": int | float,
}  # fmt: skip
"""What every `result.json` holds that anything goes by."""


@dataclass(frozen=True)
class RoundFolder:
    """The files of one round."""

    path: Path

    @property
    def pool(self) -> Path:
        """Every task with its metrics, and whether it was a candidate and selected."""
        return self.path / "pool.parquet"

    @property
    def selection(self) -> Path:
        """The picks."""
        return self.path / "selection.csv"

    @property
    def choice(self) -> Path:
        """How the picks came about, for the report."""
        return self.path / "choice.json"

    @property
    def plan(self) -> Path:
        """What the recipe will do; written after the files above."""
        return self.path / "plan.json"

    @property
    def journal(self) -> Path:
        """What the recipe did."""
        return self.path / "journal.jsonl"

    @property
    def queue(self) -> Path:
        """When the queue was ready."""
        return self.path / "queue.json"

    @property
    def steps(self) -> Path:
        """What each step of the recipe took."""
        return self.path / "steps.json"

    @property
    def predicted(self) -> Path:
        """The classes that this round's model predicts, where a stopping rule compares them with the next one's."""
        return self.path / "predicted.parquet"

    @property
    def metadata(self) -> Path:
        """What the images' client metadata are to hold, where `publish.metadata` asks for it."""
        return self.path / "metadata.parquet"

    @property
    def proposals(self) -> Path:
        """Which labels the model proposes for selected images, where `publish.prelabel` asks for it."""
        return self.path / "proposals.json"

    @property
    def foreseen(self) -> Path:
        """What the model answers on the picks before they are labelled, where the strategy audits it."""
        return self.path / "foreseen.json"

    @property
    def prelabelled(self) -> Path:
        """What became of the proposals; written when that is over."""
        return self.path / "prelabelled.json"

    @property
    def published(self) -> Path:
        """What became of `metadata`; written when that is over."""
        return self.path / "published.json"

    @property
    def result(self) -> Path:
        """What the round came to; written last."""
        return self.path / "result.json"

    def read_result(self) -> dict[str, Any]:
        """Read what the round came to.

        Raises
        ------
        Unusable
            If the file is damaged.
        """
        with self.reading(self.result):
            return read_object(self.result, RESULT)

    @contextmanager
    def reading(self, path: Path) -> Iterator[None]:
        """Say that a file of this round is damaged if the block, which reads it, can make nothing of it.

        Raises
        ------
        Unusable
            In place of what the block raises.
        """
        try:
            yield
        except (OSError, ValueError, LookupError, TypeError, AttributeError, pl.exceptions.PolarsError) as error:
            raise Unusable(
                f"{path} is damaged ({' '.join(str(error).split())})",
                "stopped there. Put the file back, or bring the tasks that the run moved back, which works without it: "
                + command_for("restore", self.path.parents[1]),
            ) from None


def read_object(path: Path, shape: Shape) -> dict[str, Any]:
    """Read a JSON object of at least this shape.

    Raises
    ------
    OSError, ValueError
        If there is none.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 -- of a file, not of an argument
    for name, kind in shape.items():
        if name not in content or not isinstance(content[name], kind):
            raise ValueError(f"it has no {name!r}, or a wrong one")
    return content
