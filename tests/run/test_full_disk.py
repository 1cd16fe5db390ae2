"""An error that names no file, as that of a full disk does not, is told with the file that could not be written."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from alrun.config.play import ending
from alrun.errors import StateError
from alrun.files import append_line, write_json
from alrun.run.tables import write_parquet


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond this many bytes; the system's error names no file either."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_json(path, list(range(100))),
        lambda path: append_line(path, "x" * 100),
        lambda path: write_parquet(path, pl.DataFrame({"a": range(100)})),
    ],
)
def test_the_file_is_named(write: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "record"

    def play() -> int:
        with room_for(10):
            write(path)
        return 0

    ended = ending(play, tmp_path)
    assert ended.code == StateError.exit_code
    assert ended.error == f"{path}: File too large"
    assert f"{path}: File too large. If the run had started to write" in caplog.text
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []
