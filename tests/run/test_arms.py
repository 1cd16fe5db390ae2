"""What a sweep compares: every strategy that is not like another is an arm, and every other difference a setting."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from alrun.compare.settings import settings
from alrun.errors import DataError
from tests.compare.tables import rows
from tests.run.sweeping import planned

BASE = ("dataset=digits", "metrics=[image_diversity,random]", "sweep.full_data=false", "embedding.size=8")
TWICE = "metrics.image_diversity.clusters=2,16"


def arms(folder: Path, *overrides: str) -> list[tuple[str, str]]:
    """Return the label of the setting and the arm of each job."""
    plan = planned(folder / "sweep", *BASE, *overrides)
    return [(job.planned.facts["setting_label"], job.planned.facts["arm"]) for job in plan.jobs]


def settings_of(folder: Path, *overrides: str) -> int:
    plan = planned(folder / "sweep", *BASE, *overrides)
    return len({job.planned.facts["setting"] for job in plan.jobs})


def test_nested_strategies_are_arms(tmp_path: Path) -> None:
    parts = ("strategy@strategy.first=margin,entropy", "strategy@strategy.then=kcenter,random")
    assert arms(tmp_path, "strategy=pipeline", *parts) == [
        ("", f"pipeline first={first} then={then}")
        for first in ("margin", "entropy") for then in ("kcenter", "random")
    ]  # fmt: skip


def test_a_metric_tells_apart_what_chooses_by_it_and_nothing_else(tmp_path: Path) -> None:
    assert arms(tmp_path, "strategy=random,diversity", TWICE) == [
        ("", "random"),
        ("", "diversity image_diversity.clusters=2"),
        ("", "diversity image_diversity.clusters=16"),
    ]
    assert settings_of(tmp_path, "strategy=random,diversity", TWICE) == 1


@pytest.mark.parametrize(
    "reader", ["filters.all=[{bottom:{metric:image_diversity,n:100}}]", "strategy@initial.strategy=diversity"]
)
def test_a_metric_that_is_read_before_the_strategy_makes_settings(reader: str, tmp_path: Path) -> None:
    found = arms(tmp_path, "strategy=random,margin", TWICE, reader)
    told = [f"metrics.image_diversity.clusters={n}" for n in (2, 16)]
    assert sorted(found) == sorted((label, arm) for label in told for arm in ("random", "margin"))
    assert settings_of(tmp_path, "strategy=random,margin", TWICE, reader) == 2


def test_the_digest_of_a_strategy_covers_its_parameters_and_what_it_chooses_by(tmp_path: Path) -> None:
    def found(*overrides: str) -> str:
        [job] = planned(tmp_path / "sweep", *BASE, "strategy=diversity", "seed=1", *overrides).jobs
        return str(job.planned.facts["strategy_digest"])

    typiclust = "strategy=typiclust"
    assert len({found(), found("budget=7"), found("metrics=[image_diversity]")}) == 1
    assert len({found(), found("metrics.image_diversity.clusters=2"), found(typiclust)}) == 3
    assert found(typiclust, "strategy.neighbours=9") != found(typiclust)


def test_two_choices_of_one_class_are_two_arms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "conf" / "strategy"
    mine.mkdir(parents=True)
    for name, k in (("near", 2), ("far", 9)):
        (mine / f"{name}.yaml").write_text(f"_target_: alrun.strategies.typiclust.TypiClust\nneighbours: {k}\n")
    monkeypatch.chdir(tmp_path)
    search = f"hydra.searchpath=[file://{tmp_path / 'conf'}]"
    assert arms(tmp_path, "strategy=near,far", search) == [("", "near"), ("", "far")]


def test_jobs_that_share_a_name_are_not_made_one_curve() -> None:
    twins = pl.concat([rows({"random": {0: [0.5]}}), rows({"random": {0: [0.6]}}).with_columns(job=pl.lit("other"))])
    with pytest.raises(DataError, match="2 different jobs are called random, seed 0"):
        settings(twins)
