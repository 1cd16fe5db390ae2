"""How the ways in which a job ends are told."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from alrun.config.play import ending
from alrun.errors import StateError


def test_an_error_of_the_system_without_a_number_says_what_it_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def play() -> int:
        raise OSError("disk full")

    with caplog.at_level(logging.ERROR, "alrun"):
        ended = ending(play, tmp_path)
    assert (ended.code, ended.error) == (StateError.exit_code, "disk full")
    assert caplog.messages[0].startswith("disk full; python -m alrun action=resume run=")
