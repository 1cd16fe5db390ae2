"""What a run makes of a metric that somebody wrote: its answer is checked, and an edited one is computed anew."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest

from alrun.errors import DataError
from tests.run.harness import play

POOL = 1437


def score(folder: Path, cache: Path, *overrides: str) -> pl.DataFrame:
    assert play(folder, cache, "action=score", "metrics=[]", "strategy=random", *overrides) == 0
    return pl.read_parquet(folder / "pool.parquet")


def own(gives: str, name: str = "mine") -> str:
    return f"+metrics.{name}={{_target_: tests.run.own_metrics.Answer, gives: {gives}}}"


def test_what_it_gives_is_the_column(tmp_path: Path, cache: Path) -> None:
    for gives in ("row", "list"):
        assert score(tmp_path / gives, cache, own(gives))["mine"].to_list() == list(range(POOL))


@pytest.mark.parametrize(
    ("gives", "fault"),
    [
        ("number", r"it is float64 of shape \(\); needed: float64 of shape \(1437,\), one number an image"),
        ("one", r"it is float64 of shape \(1,\)"), ("none", "it is None"), ("column", r"of shape \(1437, 1\)"),
        ("text", "it is <U"), ("infinite", r"-inf for '.+'; needed: finite numbers, or NaN where it has no value"),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_one_number_an_image_is_refused(
    gives: str, fault: str, tmp_path: Path, cache: Path
) -> None:
    with pytest.raises(DataError, match=rf"metric 'mine' gave no usable answer: .*{fault}.* Nothing was selected"):
        score(tmp_path, cache, own(gives))


def test_one_that_fails_is_named(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(
        RuntimeError, match=r"the metric 'mine' failed: IndexError\('out of words'\) in .*own_metrics.py"
    ):
        score(tmp_path, cache, own("short"))


def test_no_name_of_one_hides_what_a_filter_reads(tmp_path: Path, cache: Path) -> None:
    """The most probable class has a probability of its own, whatever a metric is called."""
    model = ("initial.size=30", "strategy=margin", "budget=10")
    found = []
    for name in ("confidence", "predicted", "sure"):
        mine = f"{{metric: {{name: {name}, min: 700}}}}"
        filters = f"filters.all=[{{predicted: {{max: 1}}}},{{label_state: unlabelled}},{mine}]"
        folder = tmp_path / name
        assert play(folder, cache, "metrics=[]", own("row", name), *model) == 0
        again = ("action=plan", "rounds=2", f"platform.path={folder / 'project.sqlite'}", filters)
        assert play(tmp_path / f"{name} again", cache, "metrics=[]", own("row", name), *model, *again) == 0
        pool = pl.read_parquet(tmp_path / f"{name} again" / "rounds" / "01" / "pool.parquet")
        found.append(pool.filter("candidate")["task_id"].to_list())
        assert pool.filter("candidate")[name].min() >= 700  # type: ignore[operator]
    assert found[0] == found[1] == found[2] != []


def test_an_edited_metric_of_pixels_is_computed_anew(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    found: list[list[float]] = []
    for what in ("min", "max", "min"):
        (tmp_path / "own_extreme.py").write_text(
            "from dataclasses import dataclass\n"
            "from alrun.metrics.images import PixelMetric\n"
            "@dataclass(frozen=True)\n"
            "class Extreme(PixelMetric):\n"
            "    def measure(self, picture):\n"
            f"        return float(picture.rgb.{what}())  # {len(found)}\n"
        )
        sys.modules.pop("own_extreme", None)
        metric = "+metrics.extreme={_target_: own_extreme.Extreme}"
        found.append(score(tmp_path / str(len(found)), cache, metric)["extreme"].to_list())
    sys.modules.pop("own_extreme", None)
    assert found[0] == found[2] == [0.0] * POOL
    assert min(found[1]) > 0
