"""Metrics of pixels within a run: one pass, kept for the next run, and a broken image costs its own row."""

from __future__ import annotations

import logging
from pathlib import Path

import polars as pl
import pytest

from tests.metrics.pixel_metrics import METRICS
from tests.run.harness import platform_of, play

ALL = f"metrics=[{','.join(METRICS)},random]"


def scored(folder: Path, cache: Path, *overrides: str) -> pl.DataFrame:
    assert play(folder, cache, "action=score", *overrides) == 0
    return pl.read_parquet(folder / "pool.parquet")


def test_every_metric_is_a_column_and_a_second_run_decodes_nothing(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "alrun")
    first = scored(tmp_path / "first", cache, ALL)
    again = scored(tmp_path / "again", cache, ALL)
    told = [line for line in caplog.messages if line.startswith("metrics of pixels")]
    assert told == [
        f"metrics of pixels: {first.height} images decoded, 0 from the cache",
        f"metrics of pixels: 0 images decoded, {first.height} from the cache",
    ]
    assert first.equals(again)
    assert set(first["width"]) == set(first["height"]) == {8.0}
    assert first.select(pl.col(*METRICS).is_finite().all()).row(0) == (True,) * len(METRICS)
    assert 0.2 < first["brightness"].mean() < 0.4  # type: ignore[operator]


def test_a_broken_image_has_no_value_and_the_others_have(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = scored(tmp_path / "whole", cache, ALL)
    own = tmp_path / "cache"
    data_hash = scored(tmp_path / "import", own, "metrics=random")["data_hash"][7]
    ([image], _) = platform_of(tmp_path / "import" / "project.sqlite").images([data_hash])
    image.path.write_bytes(image.path.read_bytes()[:50])
    found = scored(tmp_path / "broken", own, ALL)
    missing = found.filter(pl.col("brightness").is_nan())
    assert missing["data_hash"].to_list() == [data_hash]
    assert not missing["random"].is_nan().any()
    assert f"left out: image {data_hash}: " in caplog.text
    kept = found.filter(~pl.col("brightness").is_nan())
    assert kept.equals(whole.join(kept, on="task_id", how="semi"))
