"""The contract that every way of computing passes. Inherit :class:`ComputeContract` and say which one is meant."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from functools import partial
from pathlib import Path

import pytest

from alrun.compute.base import Compute
from alrun.errors import BadImages

LASTS = 60.0
"""Seconds that the work on a part takes which is to be ended before."""


def noted(folder: Path, number: int) -> int:
    """Append the process to the part's file, and return the square; a negative part has a bad image, 99 takes long."""
    with (folder / str(number)).open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    if number < 0:
        raise BadImages({f"image {number}": "lost", "another": "cut short"})
    if number == 99:
        time.sleep(LASTS)
        (folder / "over").touch()
    return number**2


def in_here(number: int) -> tuple[int, str]:
    """Return the part, and what a relative path leads to."""
    return number, Path("here").read_text(encoding="utf-8")


class ComputeContract(ABC):
    """What holds wherever work is done."""

    @abstractmethod
    def compute(self) -> Compute:
        """Return the way of computing; it has room for two parts at a time."""

    def test_it_is_a_way_of_computing(self) -> None:
        """It implements the port."""
        assert isinstance(self.compute(), Compute)
        assert self.compute().images >= 1

    @pytest.mark.parametrize("count", [0, 1, 2, 9])
    def test_every_part_is_done_once_and_comes_in_its_order(self, count: int, tmp_path: Path) -> None:
        """Also where there are none, and where there is one."""
        assert list(self.compute().map(partial(noted, tmp_path), range(count))) == [n**2 for n in range(count)]
        processes = [(tmp_path / str(number)).read_text().splitlines() for number in range(count)]
        assert [len(of_one) for of_one in processes] == [1] * count
        if count > 1:  # one is not worth the way
            own = {name == str(os.getpid()) for of_one in processes for name in of_one}
            assert own == {not self.compute().elsewhere}

    def test_the_first_error_is_raised_as_it_was(self, tmp_path: Path) -> None:
        """Its type and all that it says; what was done before it has come."""
        results = self.compute().map(partial(noted, tmp_path), [3, 4, -1, -2])
        assert [next(results), next(results)] == [9, 16]
        with pytest.raises(BadImages) as caught:
            next(results)
        assert caught.value.reasons == {"image -1": "lost", "another": "cut short"}
        assert str(caught.value) == "image image -1 cannot be decoded: lost, and 1 more"

    def test_relative_paths_count_from_where_one_is(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """As they do in the config."""
        (tmp_path / "here").write_text("found")
        monkeypatch.chdir(tmp_path)
        assert list(self.compute().map(in_here, [1, 2])) == [(1, "found"), (2, "found")]

    def test_closing_it_ends_what_is_being_worked_on(self, tmp_path: Path) -> None:
        """Ctrl-C leaves no process behind."""
        if not self.compute().elsewhere:
            pytest.skip("nothing is worked on while somebody else has the word")
        results = self.compute().map(partial(noted, tmp_path), [1, 99, 2])
        assert next(results) == 1
        began = time.monotonic()
        while not (tmp_path / "99").exists():
            assert time.monotonic() < began + LASTS
            time.sleep(0.05)
        process = Path("/proc") / (tmp_path / "99").read_text().strip()
        results.close()  # type: ignore[attr-defined]
        while process.exists() and time.monotonic() < began + LASTS / 2:
            time.sleep(0.05)
        assert not process.exists()
        assert not (tmp_path / "over").exists()
