"""The files that one round of a run leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
        """What became of that; written when it is over."""
        return self.path / "published.json"

    @property
    def result(self) -> Path:
        """What the round came to; written last."""
        return self.path / "result.json"
