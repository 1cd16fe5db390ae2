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
    """Read the picks that :func:`write_selection` wrote for one round."""
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    return [
        Pick(int(r["rank"]), r["task_id"], r["data_hash"], r["title"], float(r["score"]), r["reason"]) for r in rows
    ]


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """Write a table, whole or not at all."""
    out = io.BytesIO()
    frame.write_parquet(out)
    write_bytes(path, out.getvalue())
