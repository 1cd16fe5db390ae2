"""Embeddings that are too large for memory are mapped from disk, and nothing in a run's result shows it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import polars as pl
import pytest

from alrun.embeddings.cache import EmbeddedImages
from alrun.run import session
from tests.run.harness import play

CONFIG = (
    "metrics=[typicality,distance_to_labelled]",
    "strategy=badge",
    "model=linear_head",
    "budget=15",
    "initial.size=20",
    "dataset.test_size=100",
)


def test_a_run_with_mapped_embeddings_is_the_same_to_the_last_bit(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, mapped = tmp_path / "memory", tmp_path / "mapped"
    assert play(memory, cache, *CONFIG) == 0
    monkeypatch.setattr(session, "EmbeddedImages", partial(EmbeddedImages, large=1))
    assert play(mapped, cache, *CONFIG) == 0
    for name in ("selection.csv", "curve.csv"):
        assert (mapped / name).read_text() == (memory / name).read_text()
    for name in ("predictions.parquet", "pool.parquet"):
        one, other = (pl.read_parquet(run / name).drop("last_edited_at", strict=False) for run in (memory, mapped))
        assert one.equals(other), name
