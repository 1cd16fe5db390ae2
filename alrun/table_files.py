"""The tables that people give: CSV and Parquet."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from alrun.errors import DataError


def read_table(file: Path) -> pl.DataFrame:
    """Read a table; every cell of one whose name ends with ``.csv`` is text, any other is Parquet.

    Raises
    ------
    DataError
        If it cannot be read, or is a CSV file in another encoding than UTF-8 or with another separator than a comma.
    """
    csv = file.suffix.lower() == ".csv"
    try:
        frame = pl.read_csv(file, infer_schema=False, glob=False) if csv else pl.read_parquet(file, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        if csv and file.is_file():
            _check_text(file, file.read_bytes())
        raise DataError(f"{file} cannot be read: {error}") from error
    if csv:
        with file.open("rb") as content:
            _check_text(file, content.readline())
    return frame


def _check_text(file: Path, content: bytes) -> None:
    """Refuse what polars does not read, or takes for oddly named columns."""
    try:
        header = content.decode().partition("\n")[0]
    except UnicodeDecodeError:
        raise DataError(f"{file} is not valid UTF-8: save it in that encoding") from None
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if mark in header and "," not in header:
            raise DataError(f"{file}: its columns are separated by {name}; needed: commas")
