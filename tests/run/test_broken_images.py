"""Broken images within a run: each costs its own row, with the reason, whatever looks at it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.datasets import pictures
from tests.run.harness import platform_of, play, selection

FOLDER = (
    "dataset=folder", "dataset.path={path}", "dataset.test_size=0.2", "model=logistic_regression", "embedding.size=8",
    "metrics=[image_diversity]",
)  # fmt: skip


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Thirty images of two classes, and three files that are none: half a JPEG, nothing, and words."""
    folder = pictures.two_classes(tmp_path)
    half = pictures.encoded(pictures.noise(99, 64, 64), "JPEG")
    for name, content in (("half.jpg", half[: len(half) // 2]), ("nothing.png", b""), ("words.png", b"words")):
        (folder / "dark" / name).write_bytes(content)
    return folder


def run(folder: Path, photos: Path, *overrides: str) -> pl.DataFrame:
    texts = [text.format(path=photos) for text in FOLDER]
    project = folder.parent / "project.sqlite"
    assert play(folder, folder.parent / "cache", *texts, f"platform.path={project}", *overrides) == 0
    return pl.read_parquet(folder / "pool.parquet")


def test_files_that_are_no_images_are_left_out_of_the_import_and_the_report_says_why(
    tmp_path: Path, photos: Path
) -> None:
    pool = run(tmp_path / "run", photos, "budget=5")
    assert pool.height == 24
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Left out at import: 3" in page
    for name, reason in (
        ("dark/half.jpg", "damaged: "),
        ("dark/nothing.png", "the file is empty"),
        ("dark/words.png", "not a PNG, JPEG"),
    ):
        assert f"<bdi>{name}</bdi></td><td><bdi>{reason}" in page


@pytest.mark.parametrize(
    "overrides",
    [
        ("strategy=diversity",),
        ("strategy=kcenter", "metrics=[random]"),
        ("strategy=margin", "initial.size=6", "metrics=[random]", "model=cnn", "model.epochs=1", "model.image_size=8"),
    ],
    ids=["a metric of embeddings", "a strategy on embeddings", "a model on pixels"],
)
def test_images_that_break_after_the_import_cost_their_own_rows(
    overrides: tuple[str, ...], tmp_path: Path, photos: Path
) -> None:
    hashes = run(tmp_path / "import", photos, "action=score", "metrics=[random]")["data_hash"]
    platform = platform_of(tmp_path / "project.sqlite")
    broken = [hashes[3], hashes[17]]
    held_out = platform.held_out()[0].image
    found, _ = platform.images(broken)
    platform.close()
    found[0].path.write_bytes(found[0].path.read_bytes()[:60])
    found[1].path.write_bytes(b"")  # a file that is gone altogether would be imported again
    held_out.path.write_bytes(b"words")
    pool = run(tmp_path / "run", photos, "budget=22", *overrides)
    picked = [row["data_hash"] for row in selection(tmp_path / "run") if row["round"] != "0"]
    assert not set(picked) & set(broken)
    expected = 22 if "initial.size=6" not in overrides else 24 - 6 - len(set(broken) - initial(tmp_path / "run"))
    assert len(picked) == expected
    page = (tmp_path / "run" / "report.html").read_text()
    for title in pool.filter(pl.col("data_hash").is_in(broken))["title"]:
        assert f"<bdi>{title}</bdi></td><td><bdi>" in page
    if "image_diversity" in pool.columns:
        without = pool.filter(pl.col("image_diversity").is_nan())
        assert sorted(without["data_hash"]) == sorted(broken)
        assert np.isnan(without["projection_x"].to_numpy()).all()


def initial(folder: Path) -> set[str]:
    return {row["data_hash"] for row in selection(folder) if row["round"] == "0"}


def test_how_many_images_were_trained_on_leaves_out_those_that_broke(
    tmp_path: Path, photos: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(tmp_path / "run", photos, "budget=10", "strategy=random", "metrics=[random]")
    platform = platform_of(tmp_path / "project.sqlite")
    labelled = [row["data_hash"] for row in selection(tmp_path / "run")]
    for image in platform.images(labelled[:4])[0]:
        image.path.write_bytes(image.path.read_bytes()[:60])
    caplog.set_level("INFO", logger="alrun")
    texts = [text.format(path=photos) for text in FOLDER]
    project = f"platform.path={tmp_path / 'project.sqlite'}"
    assert play(tmp_path / "train", tmp_path / "new cache", *texts, project, "action=train") == 0
    assert "trained on 6 images (4 more are labelled and cannot be decoded), accuracy" in caplog.text
