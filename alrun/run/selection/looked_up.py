"""What filters ask for beside the pool: a model's predictions, what earlier runs selected, whose labels are known."""

from __future__ import annotations

import csv
import glob
import logging
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from alrun.errors import ConfigError, DataError
from alrun.filters.looked_up import CONFIDENCE, LABEL_KNOWN, PREDICTED, selected_column
from alrun.models.base import Trained
from alrun.platform.port import KnowsTruth
from alrun.run.selection.inputs import most_likely
from alrun.run.session import Session
from alrun.types import Snapshot

log = logging.getLogger("alrun")


def looked_up(session: Session, snapshot: Snapshot, hashes: Sequence[str], trained: Trained | None) -> list[pl.Series]:
    """Return the columns that the configured filters read beside the pool's own, for the images `hashes`.

    Raises
    ------
    ConfigError
        If a filter goes by predictions and there is no model yet, or by known labels and the platform knows none.
    DataError
        If the selection of an earlier run cannot be read.
    """
    filters = session.job.filters
    columns: list[pl.Series] = []
    if filters.predictions:
        if trained is None:
            raise ConfigError(
                "a filter goes by the predicted class, but there is no trained model: choose a model and label some "
                "images first, without the predicate `predicted`"
            )
        columns += predicted_columns(session, snapshot, hashes, trained)
    for pattern in sorted(filters.runs):
        chosen = _selected_by(pattern, session)
        columns.append(pl.Series(selected_column(pattern), [h in chosen for h in hashes], dtype=pl.Boolean))
    return columns + (known_labels(session, hashes) if filters.truth else [])


def known_labels(session: Session, hashes: Sequence[str]) -> list[pl.Series]:
    """Return the column that says of which images the dataset knows the label.

    Raises
    ------
    ConfigError
        If the platform was made from no dataset.
    """
    if not isinstance(session.platform, KnowsTruth):
        raise ConfigError(
            "a filter goes by `label_known`, but the project was not made from a dataset, and no label is known "
            "beforehand: leave the predicate out"
        )
    known = session.platform.truth(hashes)
    return [pl.Series(LABEL_KNOWN, [name in known for name in hashes], dtype=pl.Boolean)]


def predicted_columns(
    session: Session, snapshot: Snapshot, hashes: Sequence[str], trained: Trained
) -> tuple[pl.Series, pl.Series]:
    """Return the most probable class of each image and its probability; null where there is no image or no class."""
    found = most_likely(session, snapshot, trained, hashes)
    pairs = [found.get(name, (None, None)) for name in hashes]
    return (
        pl.Series(PREDICTED, [name for name, _ in pairs], dtype=pl.String),
        pl.Series(CONFIDENCE, [probability for _, probability in pairs], dtype=pl.Float64),
    )


def _selected_by(pattern: str, session: Session) -> set[str]:
    """Return the data hashes that the runs in the folders of `pattern` selected, this run left out."""
    own = session.folder.path
    found = (Path(name).absolute() for name in sorted(glob.glob(pattern, recursive=True)))  # noqa: PTH207 -- absolute too
    runs = [folder for folder in found if (folder / "selection.csv").is_file() and folder != own.absolute()]
    chosen: set[str] = set()
    for folder in runs:
        try:
            with (folder / "selection.csv").open(newline="", encoding="utf-8") as file:
                chosen.update(row["data_hash"] for row in csv.DictReader(file))
        except (OSError, ValueError, KeyError, csv.Error) as error:
            raise DataError(f"{folder / 'selection.csv'} is not a run's selection ({error!r})") from None
    log.info("selected in %s: %d runs, %d images", pattern, len(runs), len(chosen))
    if not runs:
        session.folder.note(f"filters: selected_in {pattern!r} names no run folder, so no image was selected there")
    return chosen
