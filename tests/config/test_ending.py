"""How the ways in which a job ends are told."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from alrun.config.play import BUG, ending
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


def test_a_component_cannot_end_the_process_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "alrun"):
        ended = ending(lambda: sys.exit(0), tmp_path)
    assert ended.code == BUG
    assert "a bug in alrun or in a component: SystemExit(0)" in caplog.text
    assert f"Once it is mended: python -m alrun action=resume run={tmp_path}" in caplog.text
