"""A CSV or Parquet file of image paths and labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast, get_args

import polars as pl

from alrun.datasets.base import Item, Split, TestSize
from alrun.datasets.sources import class_label, class_ontology, existing_file, file_item, fingerprint
from alrun.errors import DataError, one_of
from alrun.files import digest
from alrun.table_files import read_table
from alrun.types import Ontology, Scalar

FORMAT = 1


@dataclass(frozen=True)
class Table:
    """One row an image.

    Attributes
    ----------
    path
        A file whose name ends with ``.csv`` (with a header) or ``.parquet``.
    image_column
        Paths of the images, relative to the table's folder or absolute; they are the titles too.
    label_column
        One class an image, empty where it is not known. None: no image has a label.
    split_column
        ``pool``, ``test`` (held out; needs a label), or empty: left to the split by seed. None: all are left to it.
    classes
        The classes that people may choose, in this order. Empty: those that occur, sorted.
    """

    path: Path
    test_size: TestSize = 0.2
    image_column: str = "path"
    label_column: str | None = "label"
    split_column: str | None = None
    classes: tuple[str, ...] = ()

    def identity(self) -> Mapping[str, Scalar]:
        """Return digests of the table and of every image's size and time of change."""
        images = {title: self._file.parent / title for title, _, _ in self._rows}
        return {
            "dataset": "table",
            "format": FORMAT,
            "path": str(self._file),
            "table": digest(self._file.read_bytes()),
            "files": fingerprint(images),
            "columns": repr((self.image_column, self.label_column, self.split_column)),
            "classes": repr(self.classes),
        }

    def ontology(self) -> Ontology:
        """Return one question, the class."""
        found = [label for _, label, _ in self._rows if label]
        return class_ontology(found, self.classes, f"table {self._file}")

    def items(self) -> Iterator[Item]:
        """Yield the rows in the table's order."""
        for title, label, split in self._rows:
            yield file_item(title, self._file.parent / title, class_label(label) if label else None, split)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    @cached_property
    def _file(self) -> Path:
        return existing_file(self.path, "dataset.path", "a CSV or Parquet file")

    @cached_property
    def _rows(self) -> list[tuple[str, str | None, Split | None]]:
        """Image path, label and split of each row."""
        frame = _read(self._file)
        absent = [None] * frame.height
        titles, labels, splits = (
            absent if name is None else self._column(frame, name)
            for name in (self.image_column, self.label_column, self.split_column)
        )
        rows = zip(titles, labels, splits, strict=True)
        return [self._row(number, *row) for number, row in enumerate(rows, start=1)]

    def _column(self, frame: pl.DataFrame, name: str) -> list[str | None]:
        if name not in frame.columns:
            raise DataError(f"{self._file} has no column {name!r}: {one_of(name, frame.columns)}")
        try:
            return frame[name].cast(pl.String).to_list()
        except pl.exceptions.PolarsError as error:
            raise DataError(f"{self._file}: column {name!r} is {frame[name].dtype}, expected text") from error

    def _row(
        self, number: int, title: str | None, label: str | None, split: str | None
    ) -> tuple[str, str | None, Split | None]:
        if not title:
            raise DataError(f"{self._file}, row {number}: column {self.image_column!r} is empty, expected a path")
        if split and split not in get_args(Split):
            allowed = f"{one_of(split, get_args(Split))}, or nothing"
            raise DataError(f"{self._file}, row {number} ({title}): {self.split_column}={split!r}; {allowed}")
        if split == "test" and not label:
            raise DataError(f"{self._file}, row {number} ({title}): an image held out for the test needs a label")
        return title, label or None, cast("Split | None", split or None)


def _read(file: Path) -> pl.DataFrame:
    if file.suffix.lower() not in {".csv", ".parquet"}:
        raise DataError(f"dataset.path={file}: expected a name that ends with .csv or .parquet")
    return read_table(file)
