"""A folder of images."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alrun.datasets.base import Dataset
from alrun.datasets.folder import Folder
from alrun.datasets.importer import import_dataset
from alrun.datasets.sources import class_label
from alrun.datasets.testing import DatasetContract
from alrun.errors import DataError
from tests.datasets import pictures


def fill(folder: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_bytes(pictures.png(seed))


class TestFolder(DatasetContract):
    def dataset(self, folder: Path) -> Dataset:
        fill(folder, *(f"{'ab'[i % 2]}/{i}.png" for i in range(30)))
        return Folder(folder)


class TestFolderWithoutClasses(DatasetContract):
    def dataset(self, folder: Path) -> Dataset:
        fill(folder, *(f"{i}.png" for i in range(30)), "deep/down/below.png")
        return Folder(folder, class_folders=False, classes=("cat", "dog"))


def titles(folder: Folder) -> list[str]:
    return [item.title for item in folder.items()]


def test_first_level_folders_are_the_classes_and_an_image_outside_them_has_no_label(tmp_path: Path) -> None:
    fill(tmp_path, "owl/1.png", "cat/old/2.png", "3.png")
    folder = Folder(tmp_path)
    assert folder.ontology().questions[0].options == ("cat", "owl")
    assert [(item.title, item.label) for item in folder.items()] == [
        ("3.png", None), ("cat/old/2.png", class_label("cat")), ("owl/1.png", class_label("owl")),
    ]  # fmt: skip


def test_given_classes_keep_their_order_and_may_have_no_image_yet(tmp_path: Path) -> None:
    fill(tmp_path, "owl/1.png")
    assert Folder(tmp_path, classes=("owl", "cat")).ontology().questions[0].options == ("owl", "cat")


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["1.png"], {}, r"names no class: .*dataset\.classes=\[cat,dog\]"),
        (["a/1.png"], {"class_folders": False}, "names no class"),
        (["cat/1.png"], {"classes": ("cats", "dogs")}, "did you mean 'cats'"),
        (["cat/1.png"], {"classes": ("cat", "cat")}, "each class once"),
    ],
)
def test_wrong_classes_are_explained(
    names: list[str], options: dict[str, tuple[str, ...]], message: str, tmp_path: Path
) -> None:
    fill(tmp_path, *names)
    with pytest.raises(DataError, match=message):
        Folder(tmp_path, **options).ontology()  # type: ignore[arg-type]


def test_a_folder_that_is_missing_a_file_or_empty_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name, message in (("gone", "does not exist"), ("file", "is a file"), ("empty", "there is no file in")):
        with pytest.raises(DataError, match=message):
            Folder(tmp_path / name).identity()


def test_hidden_files_are_skipped_and_others_that_are_no_image_reported(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "a/.hidden.png", ".git/2.png")
    (tmp_path / "a" / "notes.txt").write_text("words")
    imported = import_dataset(Folder(tmp_path), tmp_path / ".cache")
    assert [row.image.title for row in imported.rows] == ["a/1.png"]
    assert [out.name for out in imported.left_out] == ["a/notes.txt"]


def test_links_are_followed_but_loops_are_not_and_broken_ones_are_reported(tmp_path: Path) -> None:
    fill(tmp_path, "root/a/1.png", "elsewhere/2.png")
    root = tmp_path / "root"
    (root / "a" / "up").symlink_to(root)
    (root / "b").symlink_to(tmp_path / "elsewhere")
    (root / "b" / "self").symlink_to(root / "b")
    (root / "a" / "broken.png").symlink_to(tmp_path / "nothing")
    imported = import_dataset(Folder(root), tmp_path / "cache")
    assert [row.image.title for row in imported.rows] == ["a/1.png", "b/2.png"]
    assert [(out.name, out.reason[:7]) for out in imported.left_out] == [("a/broken.png", "missing")]


def test_identity_follows_names_sizes_and_times_of_change(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "a/2.png")
    seen = [Folder(tmp_path).identity()]
    os.utime(tmp_path / "a" / "1.png", ns=(1, 1))
    seen.append(Folder(tmp_path).identity())
    (tmp_path / "a" / "2.png").rename(tmp_path / "a" / "3.png")
    seen.append(Folder(tmp_path).identity())
    fill(tmp_path, "b/4.png")
    seen.append(Folder(tmp_path).identity())
    assert all(one != other for i, one in enumerate(seen) for other in seen[:i])


def test_a_name_that_is_not_utf8_can_be_written_into_any_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/a/\xff.png")).write_bytes(pictures.png(0))
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert titles(Folder(tmp_path)) == ["a/\\xff.png"]
    assert len(import_dataset(Folder(tmp_path), tmp_path / ".cache").rows) == 1
