"""A long or large selection is announced before it begins, and too little memory is said in time."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from alrun.run.selection import cost
from alrun.run.selection.cost import announce, free_bytes, in_words, operations_per_second
from alrun.strategies.batch_bald import BatchBald
from alrun.strategies.cost import Size, Work
from alrun.strategies.random import Random
from alrun.strategies.testing import pool


def test_a_long_selection_is_announced(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(cost, "operations_per_second", lambda: 1e8)
    caplog.set_level(logging.INFO, "alrun")
    announce(BatchBald(), pool(BatchBald(), 400), 20)
    (line,) = caplog.messages
    assert line.startswith("selecting 20 of 400 takes at most about ")


def test_a_short_one_is_not(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(cost, "operations_per_second", lambda: pytest.fail("there was nothing to time"))
    caplog.set_level(logging.INFO, "alrun")
    announce(Random(), pool(Random(), 400), 20)
    assert not caplog.messages


def test_too_little_memory_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    memory = tmp_path / "meminfo"
    memory.write_text("MemTotal:       9999999 kB\nMemAvailable:       1024 kB\n", encoding="ascii")
    monkeypatch.setattr(cost, "_MEMORY", memory)
    announce(BatchBald(), pool(BatchBald(), 400), 2)
    (warning,) = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert "1 MB are free" in warning
    assert "strategy=pipeline" in warning


def test_a_system_that_does_not_say_warns_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "_MEMORY", tmp_path / "none")
    assert free_bytes() is None


@pytest.mark.parametrize(
    ("seconds", "held", "said"),
    [
        (0.2, 2e5, "at most about 1 s and 1 MB"),
        (42.4, 1.24e9, "at most about 42 s and 1.2 GB"),
        (600.0, 3e8, "at most about 10 minutes and 300 MB"),
        (9000.0, 3e8, "at most about 2 hours and 300 MB"),
    ],
)
def test_times_and_sizes_are_rounded_for_people(seconds: float, held: float, said: str) -> None:
    line = in_words(Size(1_000_000, 1_000, dimensions=512), Work(0, held), seconds)
    assert line == f"selecting 1,000 of 1,000,000 x 512 takes {said} of memory besides what it looks at"


def test_the_machine_is_timed() -> None:
    assert 1e8 < operations_per_second() < 1e14
