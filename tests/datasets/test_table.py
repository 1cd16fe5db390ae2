"""A CSV or Parquet file of image paths and labels."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from alrun.datasets.base import Dataset
from alrun.datasets.importer import contents
from alrun.datasets.sources import class_label
from alrun.datasets.table import Table
from alrun.datasets.testing import DatasetContract
from alrun.errors import DataError
from tests.datasets import pictures


def fill(folder: Path, count: int = 30) -> list[str]:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    names = [f"images/{i}.png" for i in range(count)]
    for seed, name in enumerate(names):
        if not (folder / name).exists():
            (folder / name).write_bytes(pictures.png(seed))
    return names


def write(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


class TestCsv(DatasetContract):
    def dataset(self, folder: Path) -> Dataset:
        rows = [f"{name},{'cat' if i % 2 else ''}" for i, name in enumerate(fill(folder))]
        return Table(write(folder, "\n".join(["path,label", *rows])))


class TestParquet(DatasetContract):
    def dataset(self, folder: Path) -> Dataset:
        names = fill(folder)
        frame = pl.DataFrame({"file": names, "digit": [i % 3 for i in range(30)], "use": ["test", None] * 15})
        frame.write_parquet(folder / "table.parquet")
        return Table(folder / "table.parquet", image_column="file", label_column="digit", split_column="use")


def test_rows_keep_the_tables_order_labels_and_split(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    path = write(tmp_path, "path,label,split\nimages/2.png,007,test\nimages/0.png,,\nimages/1.png,cat,pool\n")
    table = Table(path, split_column="split")
    assert [(item.title, item.label, item.split) for item in table.items()] == [
        ("images/2.png", class_label("007"), "test"),  # text, not the number 7
        ("images/0.png", None, None),
        ("images/1.png", class_label("cat"), "pool"),
    ]
    assert table.ontology().questions[0].options == ("007", "cat")
    split = contents(table, tmp_path / "cache", 0)
    assert [image.title for image in split.held_out] == ["images/2.png"]


def test_a_table_without_labels_needs_classes(tmp_path: Path) -> None:
    path = write(tmp_path, "path\na.png\n")
    with pytest.raises(DataError, match="names no class"):
        Table(path, label_column=None).ontology()
    assert Table(path, label_column=None, classes=("a", "b")).ontology().questions[0].options == ("a", "b")


def test_an_image_that_changed_changes_the_identity(tmp_path: Path) -> None:
    (name,) = fill(tmp_path, 1)
    path = write(tmp_path, f"path,label\n{name},cat\n")
    before = Table(path).identity()
    (tmp_path / name).write_bytes(pictures.png(99) + b"more")
    assert Table(path).identity() != before


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("path,labels\na.png,x\n", {}, "no column 'label': did you mean 'labels'.*allowed: path, labels"),
        ("file,label\na.png,x\n", {}, "no column 'path': allowed: file, label"),
        ("path,label,use\na.png,x,pool\nb.png,x,tset\n", {"split_column": "use"}, "row 2 .b.png.*did you mean 'test'"),
        ("path,label,use\na.png,,test\n", {"split_column": "use"}, "row 1 .*needs a label"),
        ("path,label\na.png,x\n,y\n", {}, "row 2: column 'path' is empty"),
        ("path,label\na.png,x\n", {"classes": ("y", "z")}, "has the class 'x': allowed: y, z"),
        ("", {}, "cannot be read"),
        ("path,label\na,b,c\n", {}, "cannot be read"),
        ("path;label\na.png;x\n", {}, "separated by semicolons; needed: commas"),
        ('path;label\n"a;b.png";x\n"it""s.png";y\n', {}, "separated by semicolons; needed: commas"),
        ("path\tlabel\na.png\tx\n", {}, "separated by tabs; needed: commas"),
    ],
)
def test_a_malformed_table_is_explained(text: str, options: dict[str, str], message: str, tmp_path: Path) -> None:
    table = Table(write(tmp_path, text), **options)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=message):
        (list(table.items()), table.ontology())


def test_a_path_that_is_no_table_is_explained(tmp_path: Path) -> None:
    (tmp_path / "table.xlsx").touch()
    (tmp_path / "broken.parquet").write_bytes(b"no")
    (tmp_path / "latin.csv").write_text("path,label\na.png,x\nb.png,caf\u00e9\n", encoding="latin-1")
    (tmp_path / "wide.csv").write_text("path,label\na.png,x\n", encoding="utf-16")
    for name, message in (
        ("gone.csv", "expected a CSV or Parquet file, but .* does not exist"),
        ("table.xlsx", r"ends with \.csv or \.parquet"),
        ("broken.parquet", "cannot be read"),
        ("wide.csv", "is not valid UTF-8"),
        ("latin.csv", "is not valid UTF-8"),
    ):
        with pytest.raises(DataError, match=message):
            Table(tmp_path / name).identity()


def test_a_column_of_lists_is_no_column_of_paths(tmp_path: Path) -> None:
    pl.DataFrame({"path": [["a"]], "label": ["b"]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="column 'path' is List"):
        len(Table(tmp_path / "t.parquet"))
