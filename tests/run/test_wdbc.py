"""`experiment=wdbc` is the protocol of the published table: `tests/strategies/wdbc.py` has it without a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from sklearn.svm import SVC

from alrun.datasets.importer import contents
from alrun.datasets.wdbc import FEATURES, MIDDLE, SCALE, Wdbc
from tests.run.sweeping import sweep, tables
from tests.strategies.wdbc import INITIAL, PUBLISHED, SPREAD, Array

POOL, HELD_OUT = 341, 228
SEEDS = 3


def play(folder: Path, cache: Path, *overrides: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Run the experiment with some of its values changed; return the rows and the picks of its tables."""
    codes = sweep(folder, "experiment=wdbc", f"cache={cache}", *overrides)
    assert set(codes) == {0}
    found = tables(folder)
    return found.rows, found.picks


def standardised(cache: Path) -> tuple[dict[str, Array], dict[str, int]]:
    """Return the features and the class of each image of seed 0's pool, by data hash without hyphens."""
    pool = contents(Wdbc(), cache, 0).pool
    assert len(pool) == POOL
    names = [image.digest for image in pool]
    pixels = {name: np.asarray(Image.open(cache / "images" / name[:2] / name), float).ravel() for name in names}
    features = {name: (values[:FEATURES] - MIDDLE) / SCALE for name, values in pixels.items()}
    return features, {
        image.digest: int(image.label.answer("diagnosis") == ("benign",)) for image in pool if image.label
    }


def published_area(rows: pl.DataFrame, strategy: str, seed: int) -> float:
    """Return the paper's AUBC: the area under the accuracies after each query, divided by the number of queries.

    It is a little less than alrun's, which divides by the width: one less than the queries.
    """
    curve = rows.filter(pl.col("round") > 0, role="job", arm=strategy, seed=seed).sort("labelled")
    labelled, queries = curve["labelled"].to_numpy(), POOL - INITIAL
    mean = np.trapezoid(curve["accuracy"].to_numpy(), labelled) / (labelled[-1] - labelled[0])
    return float(mean) * (queries - 1) / queries


@pytest.mark.parametrize("strategy", ["margin", "kcenter"])
def test_each_pick_is_that_of_a_plain_loop_over_standardised_rows(strategy: str, tmp_path: Path, cache: Path) -> None:
    """The smallest |decision value| of the paper's SVM, or the largest distance to what is labelled."""
    _, picks = play(tmp_path, cache, f"strategy={strategy}", "seed=0", "rounds=6", "sweep.full_data=false")
    features, classes = standardised(cache)
    chosen = [[name.replace("-", "") for name in names] for names in picks.sort("round")["data_hashes"]]
    assert [len(names) for names in chosen] == [INITIAL] + [1] * 6
    labelled = chosen[0]
    for (pick,) in chosen[1:]:
        names = sorted(features.keys() - set(labelled))
        others, known = (np.stack([features[name] for name in some]) for some in (names, labelled))
        svm = SVC(gamma=1 / 30).fit(known, [classes[name] for name in labelled])
        gaps = np.sqrt(np.square(others[:, None] - known).sum(axis=2)).min(axis=1)
        worth = -np.abs(svm.decision_function(others)) if strategy == "margin" else gaps
        assert worth[names.index(pick)] == pytest.approx(worth.max(), abs=1e-3)
        labelled.append(pick)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> pl.DataFrame:
    """Return the table of three seeds; twenty rows a round, not one, so that it takes half a minute."""
    rows, _ = play(tmp_path_factory.mktemp("sweep"), cache, "seed=range(3)", "budget=20", "rounds=17")
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("strategy", list(PUBLISHED))
def test_the_mean_area_of_three_seeds_is_near_the_published_one(strategy: str, swept: pl.DataFrame) -> None:
    """Within three standard deviations of a mean of three, by the published standard deviation over seeds."""
    areas = [published_area(swept, strategy, seed) for seed in range(SEEDS)]
    assert np.mean(areas) == pytest.approx(PUBLISHED[strategy], abs=3 * SPREAD[strategy] / np.sqrt(SEEDS))


@pytest.mark.slow
def test_all_strategies_end_with_the_same_labels_and_the_ceiling(swept: pl.DataFrame) -> None:
    """Paired: the same test rows and first labels for each seed; in the end everything is labelled."""
    for seed in range(SEEDS):
        jobs = swept.filter(seed=seed, role="job")
        assert jobs.filter(round=0)["accuracy"].n_unique() == 1
        ends = jobs.filter(round=17)
        assert ends["labelled"].to_list() == [POOL] * len(PUBLISHED)
        assert ends["examples"].to_list() == [HELD_OUT] * len(PUBLISHED)
        ceiling = swept.filter(seed=seed, role="full_data")["accuracy"].item()
        assert ends["accuracy"].to_list() == pytest.approx([ceiling] * len(PUBLISHED), abs=1 / HELD_OUT)


@pytest.mark.slow
def test_asking_near_the_boundary_is_better_than_asking_at_random(swept: pl.DataFrame) -> None:
    """For each seed; the published difference of margin is 0.0113."""
    for seed in range(SEEDS):
        assert published_area(swept, "margin", seed) > published_area(swept, "random", seed)
