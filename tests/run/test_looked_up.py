"""Filters that ask a model and earlier runs."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from alrun.errors import ConfigError, DataError
from tests.run.harness import play, selection

UNLABELLED = "{label_state: unlabelled}"


def test_only_images_that_the_model_predicts_so_are_candidates(tmp_path: Path, cache: Path) -> None:
    project = f"platform.path={tmp_path / 'team.sqlite'}"
    assert play(tmp_path / "first", cache, project, "strategy=random", "budget=200") == 0
    filters = f"filters.all=[{UNLABELLED},{{predicted: {{any: ['3'], min: 0.5}}}}]"
    assert play(tmp_path / "second", cache, project, "strategy=random", "budget=20", filters) == 0
    made = pl.read_parquet(tmp_path / "first" / "predictions.parquet")
    rows = made.filter((pl.col("predicted") == "3") & (pl.col("p_3") >= 0.5) & (pl.col("split") == "pool"))
    candidates = pl.read_parquet(tmp_path / "second" / "pool.parquet").filter("candidate")
    assert set(candidates["data_hash"]) == set(rows["data_hash"])
    assert 20 < candidates.height < 300


def test_a_prediction_before_any_label_is_refused_with_what_to_do(tmp_path: Path, cache: Path) -> None:
    filters = f"filters.all=[{UNLABELLED},{{predicted: {{min: 0.5}}}}]"
    with pytest.raises(ConfigError, match="no trained model: choose a model and label some images first"):
        play(tmp_path, cache, "strategy=random", "budget=5", filters)


def test_what_earlier_runs_selected_is_left_out(tmp_path: Path, cache: Path) -> None:
    first, second = tmp_path / "runs" / "first", tmp_path / "runs" / "second"
    assert play(first, cache, "strategy=random", "budget=30") == 0
    not_again = f"filters.all=[{{not: {{selected_in: ['{tmp_path}/runs/*']}}}}]"
    assert play(second, cache, "strategy=random", "budget=1390", "rounds=2", not_again) == 0
    earlier = {row["data_hash"] for row in selection(first)}
    picked = [row["data_hash"] for row in selection(second)]
    assert len(earlier) == 30
    assert not earlier & set(picked)
    assert len(picked) >= 1437 - 30  # its own first round does not count as an earlier run


def test_a_selection_that_is_none_is_named(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "selection.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match=r"old/selection\.csv is not a run's selection"):
        play(tmp_path / "new", cache, "budget=5", f"filters.all=[{{selected_in: ['{tmp_path}/o*']}}]")
