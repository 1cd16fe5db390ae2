"""Bars are for people who look: one at a time, and whatever is shown, nothing is chosen otherwise."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

from alrun.numeric.d2 import d2_sample, row_norms, rows_of
from alrun.numeric.kcenter import k_center
from alrun.progress import gauge, track
from tests.strategies.pools import gaussian


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watched(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_a_bar_within_another_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    with gauge("outer", 2) as show:
        show(1)
        assert list(track(range(3), "inner")) == [0, 1, 2]
        show(2)
    with gauge("after", 1):
        pass
    assert "outer" in terminal.getvalue()
    assert "inner" not in terminal.getvalue()
    assert "after" in terminal.getvalue()


def test_a_loop_that_is_left_early_leaves_room_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watched(monkeypatch)
    for number in track(range(10), "first"):
        if number == 3:
            break
    assert list(track(range(2), "second")) == [0, 1]
    assert "second" in terminal.getvalue()


def test_nothing_is_written_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with gauge("outer", 2) as show:
        show(1)
    assert list(track([7], "items")) == [7]
    assert capsys.readouterr() == ("", "")


def test_who_looks_gets_the_same_picks(monkeypatch: pytest.MonkeyPatch) -> None:
    points = gaussian(0, 300, 5)
    factors = [rows_of(points)]

    def picked() -> list[list[int]]:
        centres, _ = k_center(points, points[:0], 0, 20)
        drawn, _ = d2_sample(factors, row_norms(factors, 300), 0, 20, np.random.default_rng(0))
        return [centres.tolist(), drawn.tolist()]

    unseen, terminal = picked(), watched(monkeypatch)
    assert picked() == unseen
    assert "picking the farthest" in terminal.getvalue()
    assert "drawing" in terminal.getvalue()
