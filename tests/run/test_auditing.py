"""A run with an audit says how good the model was on images it had not learned from."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.run.harness import play, result, selection

AUDITED = (
    "strategy=audit", "strategy.share=0.3", "strategy@strategy.inner=margin", "metrics=[random]", "budget=20",
    "initial.size=30", "recipe=park",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    path = tmp_path_factory.mktemp("audited") / "run"
    assert play(path, cache, *AUDITED, "rounds=2") == 0
    return path


def test_the_answers_are_those_of_the_model_of_the_round_before(folder: Path, tmp_path: Path, cache: Path) -> None:
    assert play(tmp_path / "shorter", cache, *AUDITED, "rounds=1") == 0
    predicted = pl.read_parquet(tmp_path / "shorter" / "predictions.parquet").filter(split="pool")
    expected = dict(predicted.select("data_hash", "predicted").iter_rows())
    foreseen = json.loads((folder / "rounds" / "02" / "foreseen.json").read_text())
    assert len(foreseen) == 20
    assert foreseen == {data_hash: expected[data_hash] for data_hash in foreseen}


def test_random_picks_and_the_strategy_s_are_counted_apart(folder: Path) -> None:
    for number in (1, 2):
        foreseen = json.loads((folder / "rounds" / f"{number:02d}" / "foreseen.json").read_text())
        labels = result(folder, number)["labels"]
        right = {True: 0, False: 0}
        for row in selection(folder):
            if row["round"] == str(number):
                right[row["reason"].startswith("audit: ")] += labels[row["data_hash"]] == [foreseen[row["data_hash"]]]
        audit = result(folder, number)["audit"]
        assert (audit["audited"], audit["others"]) == (6, 14)
        assert (audit["right"], audit["others_right"]) == (right[True], right[False])
        assert audit["accuracy"]["low"] <= audit["right"] / 6 <= audit["accuracy"]["high"]


def test_the_report_says_it_for_all_rounds_together(folder: Path) -> None:
    right = sum(result(folder, number)["audit"]["right"] for number in (1, 2))
    page = (folder / "report.html").read_text()
    assert f"the model was right on {right} of 12 images drawn at random" in page
    assert result(folder, 0)["audit"] is None


def test_without_a_model_to_audit_there_is_no_audit(tmp_path: Path, cache: Path) -> None:
    own = ("strategy=audit", "strategy@strategy.inner=random", "metrics=[random]", "model=none", "budget=5")
    assert play(tmp_path / "run", cache, *own) == 0
    assert result(tmp_path / "run")["audit"] is None
    assert not (tmp_path / "run" / "rounds" / "01" / "foreseen.json").exists()
