"""A project that was there already: where its images are by now, and what its dataset says by now."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from alrun.errors import StateError
from tests.datasets import pictures
from tests.run.harness import play, record, selection

CONFIG = (
    "dataset=folder", "dataset.test_size=0.2", "model=logistic_regression", "embedding.size=8", "strategy=random",
    "metrics=[brightness]",
)  # fmt: skip


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return pictures.two_classes(tmp_path)


def run(folder: Path, cache: str, photos: Path, *more: str) -> int:
    where = (f"dataset.path={photos}", f"platform.path={folder.parent / 'project.sqlite'}")
    return play(folder, folder.parent / cache, *CONFIG, *where, "budget=6", *more)


def notes(folder: Path) -> str:
    return "\n".join(record(folder)["notes"])


def test_another_cache_that_has_the_images_will_do(tmp_path: Path, photos: Path) -> None:
    assert run(tmp_path / "first", "one", photos) == 0
    shutil.rmtree(tmp_path / "one")
    assert run(tmp_path / "second", "two", photos) == 0
    assert len(selection(tmp_path / "second")) == 6
    assert not pl.read_parquet(tmp_path / "second" / "pool.parquet")["brightness"].is_nan().any()


def test_without_any_image_nothing_is_done(tmp_path: Path, photos: Path) -> None:
    assert run(tmp_path / "first", "one", photos) == 0
    shutil.rmtree(tmp_path / "one")
    shutil.rmtree(photos)
    with pytest.raises(StateError, match=r"none of the 24 images of this project can be had .*cache=FOLDER"):
        run(tmp_path / "second", "two", photos, "strategy=diversity", "metrics=[image_diversity]")
    assert "dataset=folder cannot be read" in notes(tmp_path / "second")
    with pytest.raises(StateError, match="6 images are labelled, and none of them can be had"):
        run(tmp_path / "train", "two", photos, "action=train")


def test_labels_that_were_corrected_since_are_told(tmp_path: Path, photos: Path) -> None:
    assert run(tmp_path / "first", "one", photos) == 0
    assert not notes(tmp_path / "first")
    (photos / "dark" / "01.png").rename(photos / "light" / "01.png")
    (photos / "light" / "new.png").write_bytes(pictures.png(99))
    assert run(tmp_path / "second", "one", photos) == 0
    told = notes(tmp_path / "second")
    assert "1 images are labelled otherwise by dataset=folder now, such as 'light/01.png' as 'light'" in told
    assert "1 of the 31 images of dataset=folder are not in it, such as light/new.png" in told
