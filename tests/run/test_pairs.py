"""Jobs with one seed are pairs, whatever the strategy; and what they share is computed once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from alrun.run.sweeps.table import read_sweeps
from tests.run.sweeping import IMAGES, SMALL, draw, sweep

ARMS = ("random", "margin", "kcenter")
MISTAKEN = ("model=random_forest", "model.trees=5", "annotator.error_rate=0.3", "budget=20", "sweep.full_data=false")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Return the folder of a sweep whose model and oracle both draw at random."""
    made = tmp_path_factory.mktemp("pairs")
    given = (*SMALL, *MISTAKEN, f"dataset.path={draw(made / 'images')}", f"cache={cache}")
    assert sweep(made / "sweep", *given, f"strategy={','.join(ARMS)}", "seed=0,1") == [0] * 6
    return made / "sweep"


def by_seed(folder: Path, values: Mapping[str, object]) -> list[list[object]]:
    """Return what each arm has, for each seed; `values` are by job."""
    jobs = read_sweeps([folder]).rows.filter(round=0).sort("seed", "number")
    return [[values[job] for job in jobs.filter(seed=seed)["job"]] for seed in (0, 1)]


def test_the_split_is_the_same_for_every_strategy(folder: Path) -> None:
    held_out = {
        job.name: sorted(pl.read_parquet(job / "predictions.parquet").filter(split="test")["data_hash"])
        for job in (folder / "jobs").iterdir()
    }
    first, second = by_seed(folder, held_out)
    assert first == [first[0]] * len(ARMS)
    assert second == [second[0]] * len(ARMS)
    assert first[0] != second[0]


def test_the_initial_set_and_the_first_model_are_the_same_for_every_strategy(folder: Path) -> None:
    tables = read_sweeps([folder])
    picks: dict[str, object] = dict(tables.picks.filter(round=0).select("job", "data_hashes").iter_rows())
    figures: dict[str, object] = {
        row[0]: row[1:] for row in tables.rows.filter(round=0).select("job", "accuracy", "log_loss").iter_rows()
    }
    for values in (picks, figures):
        first, second = by_seed(folder, values)
        assert first == [first[0]] * len(ARMS)
        assert second == [second[0]] * len(ARMS)
        assert first[0] != second[0]


def test_the_oracle_makes_the_same_mistakes_for_every_strategy(folder: Path) -> None:
    tables = read_sweeps([folder])
    given = tables.picks.explode("data_hashes", "labels").join(
        tables.rows.select("job", "round", "seed"), ["job", "round"]
    )
    answers = given.group_by("data_hashes", "seed").agg(pl.col("labels").n_unique(), pl.len().alias("times"))
    assert answers.filter(pl.col("times") > 1).height > 30  # or there would be little to compare
    assert answers["labels"].max() == 1
    between = given.group_by("data_hashes").agg(pl.col("labels").n_unique(), pl.col("seed").n_unique())
    assert between.filter(pl.col("seed") == 2)["labels"].max() == 2  # another seed, other mistakes


def test_strategies_choose_otherwise_from_there(folder: Path) -> None:
    last = read_sweeps([folder]).picks.filter(round=2)["data_hashes"].to_list()
    assert len({tuple(picks) for picks in last}) == len(last)


def test_parallel_jobs_compute_each_feature_once(tmp_path: Path) -> None:
    given = (*SMALL, f"dataset.path={draw(tmp_path / 'images')}", f"cache={tmp_path / 'cache'}", "rounds=1")
    metrics = ("metrics=[random,brightness]", "strategy=kcenter", "seed=0,1", "sweep.full_data=false")
    assert sweep(tmp_path / "sweep", *given, *metrics, "launcher=processes", "launcher.workers=2") == [0, 0]
    said = "".join(path.read_text() for path in tmp_path.glob("sweep/jobs/*/alrun.log"))
    assert sum(map(int, re.findall(r"embeddings: (\d+) computed", said))) == IMAGES
    assert 0 < sum(map(int, re.findall(r"metrics of pixels: (\d+) images decoded", said))) <= IMAGES
