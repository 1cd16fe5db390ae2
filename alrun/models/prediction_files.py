"""The rows of a predictions file, whatever its format: a mapping each, with COCO's keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alrun.errors import DataError
from alrun.table_files import read_table

Row = Mapping[str, Any]

BOX = ("x", "y", "width", "height")
PROBABILITY = "p_"
_STRUCTURED = ("bbox", "segmentation")
_NUMBERS = (*BOX, "score", "image_id", "category_id")


def read_rows(file: Path) -> list[Row]:
    """Return the rows of a ``.json``, ``.csv`` or ``.parquet`` file.

    In a table the columns `x`, `y`, `width` and `height` become `bbox`, and each ``p_CLASS`` an entry of
    `probabilities`; an empty cell is a missing key. A cell that is no number where one is wanted stays as it is: the
    check of the rows names it.

    Raises
    ------
    DataError
        If the file cannot be read, or is no list of objects.
    """
    match file.suffix.lower():
        case ".json":
            return _json(file)
        case ".csv" | ".parquet":
            return [_row(row) for row in read_table(file).iter_rows(named=True)]
    raise DataError(f"model.path={file}: expected a name that ends with .json, .csv or .parquet")


def read_json(file: Path) -> Any:
    """Return the content of a JSON file; `DataError` if it is none."""
    try:
        return json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is not JSON: {error}") from error


def _json(file: Path) -> list[Row]:
    content = read_json(file)
    if not isinstance(content, list):
        raise DataError(f"{file}: expected a list of objects, one a detection, as in COCO's results files")
    # What is no object has no key at all, so that the check of the rows says what it lacks.
    return [row if isinstance(row, dict) else {"given": row} for row in content]


def _row(cells: Mapping[str, Any]) -> Row:
    row: dict[str, Any] = {}
    probabilities: dict[str, Any] = {}
    for name, cell in cells.items():
        if cell is None or cell == "":
            continue
        if name.startswith(PROBABILITY):
            probabilities[name.removeprefix(PROBABILITY)] = _number(cell)
        elif name in _NUMBERS:
            row[name] = _number(cell)
        else:
            row[name] = _structure(cell) if name in _STRUCTURED else cell
    if not row.keys().isdisjoint(BOX):
        row["bbox"] = [row.pop(side, None) for side in BOX]
    if probabilities:
        row["probabilities"] = probabilities
    return row


def _number(cell: Any) -> Any:
    if isinstance(cell, str):
        for kind in (int, float):
            try:
                return kind(cell)
            except ValueError:
                continue
    return cell


def _structure(cell: Any) -> Any:
    if isinstance(cell, str):
        try:
            return json.loads(cell)
        except (ValueError, RecursionError):
            return cell
    return cell
