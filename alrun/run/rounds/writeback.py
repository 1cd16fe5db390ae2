"""Metric values and model scores as client metadata of the images: `publish.metadata`, nothing by default.

What is to be written is settled with the plan and kept beside it (``metadata.parquet``), so that whoever approves the
plan approves these values. It is written once the plan is approved, before the recipe's first step, and there is no
journal: whether an image has its values is for the platform to say, so that a run that was killed asks, and sends the
remainder only. An image without a value (NaN, or not selected where `score` is asked for) does not have the key; one
that alrun wrote earlier is taken away. Nothing is written that an image has already, and restoring takes nothing back.

`alrun.platform.metadata` says which keys are alrun's. All others stay as they are: each chunk is read right before it
is written and again afterwards, and a foreign key that is not as it was stops the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from alrun.errors import ConfigError, NoAccess, PlatformError, RateLimited, Refused, TooLarge, Unavailable
from alrun.models.base import Trained
from alrun.parts import in_parts
from alrun.platform.metadata import merged, owned, rounded
from alrun.platform.port import KeepsMetadata
from alrun.platform.retry import patiently
from alrun.platform.writes import SetMetadata
from alrun.progress import track
from alrun.run.selection.inputs import most_likely
from alrun.run.session import Session
from alrun.types import Pick, Scalar, Snapshot, TaskRef

GIVE_UP = 20
"""After how many images that the platform refuses one by one the others are not tried any more."""

FROM_MODEL = frozenset({"predicted", "confidence"})
NAMES = ("data_hash", "task_id")
GONE = "it is no longer in the project"


@dataclass
class Outcome:
    """What became of the images; `left_alone` has reasons by data hash, `refused` counts those of the platform."""

    images: int
    written: int = 0
    refused: int = 0
    left_alone: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        as_it_was = self.images - self.written - len(self.left_alone)
        text = f"client metadata: {self.written} of {self.images} images written, {as_it_was} had them already"
        if not self.left_alone:
            return text
        name, reason = next(iter(self.left_alone.items()))
        return f"{text}, {len(self.left_alone)} left alone, such as {name}: {reason}"


def check_publishing(session: Session) -> None:
    """See that the platform can keep what `publish.metadata` names.

    Raises
    ------
    ConfigError
        If it keeps no client metadata.
    """
    if session.job.publish.metadata and not isinstance(session.platform, KeepsMetadata):
        raise ConfigError("publish.metadata: this platform keeps no client metadata: leave it empty")


def needs_model(session: Session) -> bool:
    """Say whether a model's predictions are to be published, or proposed as labels."""
    publish = session.job.publish
    return publish.prelabel is not None or not FROM_MODEL.isdisjoint(publish.metadata)


def metadata_table(
    session: Session, snapshot: Snapshot, pool: pl.DataFrame, picks: Sequence[Pick], trained: Trained | None
) -> pl.DataFrame:
    """Return what is to be written: one row an image, one column a key, null where it has no value."""
    publish = session.job.publish
    pool = pool.filter(pl.col("data_type") == "image").unique("data_hash", keep="first", maintain_order=True)
    scores = {pick.data_hash: pick.score for pick in picks}
    columns: dict[str, Sequence[Any] | pl.Series] = {"score": [scores.get(h) for h in pool["data_hash"]]}
    if trained is not None and not FROM_MODEL.isdisjoint(publish.metadata):
        hashes = pool["data_hash"].to_list()
        found = most_likely(session, snapshot, trained, hashes)
        answers = [found.get(name, (None, None)) for name in hashes]
        columns |= {"predicted": [name for name, _ in answers], "confidence": [score for _, score in answers]}
    for name in publish.metadata:
        given = pool[name].fill_nan(None) if name in pool.columns else columns.get(name, [None] * pool.height)
        kind = pl.String if name == "predicted" else pl.Float64
        columns[name] = pl.Series(given, dtype=kind)
    return pool.select(NAMES).with_columns(
        pl.Series(f"{publish.prefix}{name}", columns[name]) for name in publish.metadata
    )


def preview(session: Session, table: pl.DataFrame) -> list[str]:
    """Return what writing the table would change now, a line a list item; the platform is only read."""
    work = _Work(session, table)
    images, keys, alone = 0, 0, 0
    example = reason = ""
    for names in work.chunks():
        before = work.read(names)
        for name in names:
            after = work.merged(name, before)
            if isinstance(after, str):
                alone, reason = alone + 1, reason or f"{name}: {after}"
            elif after is not None:
                changes = work.changes(before[name], after)
                images, keys, example = images + 1, keys + len(changes), example or f"{name}: {', '.join(changes)}"
    lines = [
        f"Client metadata of {images} of {len(work.values)} images change, {keys} values; restoring takes none back."
    ]
    lines += [f"  for example {example}"] if example else []
    return lines + ([f"  {alone} images are left alone, such as {reason}"] if alone else [])


def write_back(session: Session, table: pl.DataFrame) -> Outcome:
    """Give the images what the table says, where they do not have it.

    Raises
    ------
    PlatformError
        If the platform does not answer for too long, or does not keep what it is sent beside what was there.
    """
    work = _Work(session, table)
    outcome = Outcome(len(work.values))
    for names in track(list(work.chunks()), "writing client metadata"):
        _Chunk(work, outcome).write(names)
    return outcome


class _Work:
    """What is to be written, and how the platform is asked."""

    def __init__(self, session: Session, table: pl.DataFrame) -> None:
        if not isinstance(session.platform, KeepsMetadata):  # check_publishing said so before anything was planned
            raise PlatformError("this platform keeps no client metadata")
        self.platform = session.platform
        self.patience = session.patience
        self.prefix = session.job.publish.prefix
        self._size = session.platform.limits.metadata
        keys = [key for key in table.columns if key not in NAMES]
        self.values: dict[str, dict[str, Scalar | None]] = {}
        self.refs: dict[str, TaskRef] = {}
        for row in table.iter_rows(named=True):
            self.values[row["data_hash"]] = {key: _value(row[key]) for key in keys}
            self.refs[row["data_hash"]] = TaskRef(row["task_id"], row["data_hash"], None)

    def chunks(self) -> list[Sequence[str]]:
        """Return the images in parts that one request takes."""
        return in_parts(list(self.values), self._size)

    def read(self, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Ask for client metadata, in parts if the platform takes fewer images at once."""
        try:
            return patiently(self.patience, self.platform.metadata, names)
        except TooLarge:
            if len(names) == 1:
                raise
            half = len(names) // 2
            return self.read(names[:half]) | self.read(names[half:])

    def merged(self, name: str, before: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | str | None:
        """Return what an image's metadata become, None if nothing changes, or why it is left alone."""
        return merged(before[name], self.values[name], self.prefix) if name in before else GONE

    def changes(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
        """Return each change of a value, in words."""
        old, new = owned(before, self.prefix), owned(after, self.prefix)
        keys = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
        return [f"{key} {_shown(old.get(key))} -> {_shown(new.get(key))}" for key in keys]

    def foreign(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that are not alrun's."""
        return {k: v for k, v in metadata.items() if v is not None and not k.startswith(self.prefix)}


@dataclass
class _Chunk:
    """Images that one request takes; `_sent` has what was read of an image before it was last written."""

    work: _Work
    outcome: Outcome
    _sent: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def write(self, names: Sequence[str]) -> None:
        """Bring the images to their values: read, write, and read again until nothing is left to write."""
        if self.outcome.refused >= GIVE_UP:
            self.outcome.left_alone |= dict.fromkeys(names, f"not tried: {GIVE_UP} others were refused")
            return
        patience = self.work.patience.fresh()
        acknowledged = False
        while True:
            try:
                request = self._remainder(names, acknowledged)
                if request is None:
                    return
                acknowledged = False
                self.work.platform.set_metadata(request)
                acknowledged = True
            except (Unavailable, RateLimited) as error:
                patience.pause(error)
            except (Refused, TooLarge, NoAccess) as error:
                self._after_rejection(names, error)
                return

    def _remainder(self, names: Sequence[str], acknowledged: bool) -> SetMetadata | None:
        """Read the images; note those that must be left alone, count what is written, return what is not."""
        now = self.work.read(names)
        made = {name: self.work.merged(name, now) for name in names if name not in self.outcome.left_alone}
        for name, before in self._sent.items():
            self._check(name, before, now.get(name), acknowledged and made.get(name) not in (None, GONE))
        after = {name: value for name, value in made.items() if isinstance(value, Mapping)}
        self.outcome.left_alone |= {name: value for name, value in made.items() if isinstance(value, str)}
        self.outcome.written += sum(made.get(name, GONE) is None for name in self._sent)
        self._sent = {name: now[name] for name in after}
        refs = tuple(self.work.refs[name] for name in after)
        return SetMetadata(refs, tuple(self._sent.values()), tuple(after.values())) if refs else None

    def _check(self, name: str, before: Mapping[str, Any], now: Mapping[str, Any] | None, not_kept: bool) -> None:
        """Stop at once if a write did something else than it should have, or somebody interfered with it."""
        kept = {} if now is None else self.work.foreign(now)
        lost = [key for key, value in self.work.foreign(before).items() if kept.get(key) != value]
        if now is not None and (lost or not_kept):
            what = f"its {', '.join(lost)} changed meanwhile" if lost else "it does not show what was sent"
            raise PlatformError(
                f"the client metadata of the image {name}: {what}. Stopped, so that nothing else is overwritten: look "
                "at it in the product, then resume"
            )

    def _after_rejection(self, names: Sequence[str], error: PlatformError) -> None:
        """Try a chunk that was rejected in halves, down to single images; note what is refused even alone."""
        if len(names) > 1:
            half = (len(names) + 1) // 2
            for part in (names[:half], names[half:]):
                _Chunk(self.work, self.outcome).write(part)
            return
        self.outcome.refused += 1
        self.outcome.left_alone[names[0]] = f"the platform refuses: {error}"


def _value(given: str | float | None) -> Scalar | None:
    return rounded(given) if isinstance(given, float) else given


def _shown(value: Any) -> str:
    return "(none)" if value is None else repr(value)
