"""The oracle answers for images whose label is known: a run that may choose others is refused before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from alrun.errors import ConfigError
from tests.config.command import alrun
from tests.run.harness import platform_of, play, result, selection, stages

KNOWN, UNKNOWN = 12, 8


@pytest.fixture
def dataset(tmp_path: Path) -> tuple[str, ...]:
    """Return the overrides of a table in which the last images have no label."""
    from PIL import Image

    rows = ["path,label"]
    for i in range(KNOWN + UNKNOWN):
        Image.new("RGB", (8, 8), (10 * i, 0, 0)).save(tmp_path / f"{i:02d}.png")
        rows.append(f"{i:02d}.png,{('cat', 'dog')[i % 2] if i < KNOWN else ''}")
    (tmp_path / "table.csv").write_text("\n".join(rows))
    return "dataset=table", f"dataset.path={tmp_path / 'table.csv'}", "dataset.test_size=0"


SMALL = ("strategy=random", "metrics=random", "model=none", "budget=1")


def test_images_that_the_oracle_cannot_label_are_named_before_anything_moves(
    dataset: tuple[str, ...], tmp_path: Path, cache: Path
) -> None:
    """Also if the first round, by chance, chooses none of them: a later one would stop in the middle."""
    run = tmp_path / "run"
    with pytest.raises(ConfigError) as refused:
        play(run, cache, *dataset, *SMALL, "rounds=20")
    said = str(refused.value)
    assert f"the label of {UNKNOWN} of the {KNOWN + UNKNOWN} images that may be chosen" in said
    assert said.count(".png'") == 5
    assert "and 3 more" in said
    assert all(f"'{i:02d}.png'" not in said for i in range(KNOWN))
    assert "filters=answerable" in said
    platform = platform_of(run / "project.sqlite")
    assert stages(platform) == {"Annotate 1": KNOWN + UNKNOWN}
    assert platform.tags() == {}


def test_the_filter_that_the_message_names_leaves_them_out(
    dataset: tuple[str, ...], tmp_path: Path, cache: Path
) -> None:
    run = tmp_path / "run"
    assert play(run, cache, *dataset, *SMALL, "budget=8", "rounds=3", "filters=answerable") == 0
    assert sorted(row["title"] for row in selection(run)) == [f"{i:02d}.png" for i in range(KNOWN)]
    assert result(run, 2)["selected"] == KNOWN - 8


def test_the_doctor_asks_of_what_the_filters_let_through(dataset: tuple[str, ...], tmp_path: Path, cache: Path) -> None:
    common = (*dataset, *SMALL, "action=doctor", f"cache={cache}")
    refused = alrun(*common, folder=tmp_path)
    assert refused.returncode == 2, refused.stderr
    assert f"the label of {UNKNOWN} of the {KNOWN + UNKNOWN} images" in refused.stderr
    assert alrun(*common, "filters=answerable", folder=tmp_path).returncode == 0
