"""The tables of a run folder: selections as CSV, everything else as Parquet."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from alrun.files import write_bytes, write_text
from alrun.types import Pick

SELECTION_COLUMNS = ("round", "rank", "task_id", "data_hash", "title", "score", "reason")


def write_selection(path: Path, rounds: Sequence[tuple[int, Sequence[Pick]]]) -> None:
    """Write picks as CSV (RFC 4180, UTF-8), in the order of rounds and ranks."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(SELECTION_COLUMNS)
    for number, picks in rounds:
        for p in picks:
            writer.writerow([number, p.rank, p.task_id, p.data_hash, p.title, repr(p.score), p.reason])
    write_text(path, out.getvalue())


def read_selection(path: Path) -> list[Pick]:
    """Read the picks that :func:`write_selection` wrote for one round.

    Raises
    ------
    OSError, ValueError
        If the file is not there, or is not whole.
    """
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read()
    rows = csv.reader(io.StringIO(text), strict=True)
    if tuple(next(rows, ())) != SELECTION_COLUMNS or not text.endswith("\n"):
        raise ValueError("it is not a complete table of picks")
    return [
        Pick(int(rank), task_id, data_hash, title, float(score), reason)
        for _, rank, task_id, data_hash, title, score, reason in rows
    ]


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """Write a table, whole or not at all."""
    out = io.BytesIO()
    frame.write_parquet(out)
    write_bytes(path, out.getvalue())
