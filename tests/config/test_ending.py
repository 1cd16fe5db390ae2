"""How the ways in which a job ends are told."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from alrun.config.play import BUG, ending
from alrun.errors import PlatformError, StateError


def test_an_error_of_the_system_without_a_number_says_what_it_says(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def play() -> int:
        raise OSError("disk full")

    with caplog.at_level(logging.ERROR, "alrun"):
        ended = ending(play, tmp_path)
    assert (ended.code, ended.error) == (StateError.exit_code, "disk full")
    assert caplog.messages[0].startswith(
        "disk full. If the run had started to write, finish it with: python -m alrun action=resume"
    )


def test_a_component_cannot_end_the_process_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "alrun"):
        ended = ending(lambda: sys.exit(0), tmp_path)
    assert ended.code == BUG
    assert "a bug in alrun or in a component: SystemExit(0)" in caplog.text
    assert f"Once it is mended: python -m alrun action=resume run={tmp_path}" in caplog.text


@pytest.mark.parametrize(
    ("said", "told"), [("the platform does not answer", True), ("do that, then action=resume run=x", False)]
)
def test_an_error_in_mid_run_says_how_to_go_on_where_it_does_not_say_so_itself(
    said: str, told: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def play() -> int:
        raise PlatformError(said)

    with caplog.at_level(logging.ERROR, "alrun"):
        ending(play, tmp_path)
        assert caplog.messages == [said], "nothing was written yet"
        journal = tmp_path / "rounds" / "01" / "journal.jsonl"
        journal.parent.mkdir(parents=True)
        journal.touch()
        caplog.clear()
        ending(play, tmp_path)
        last = caplog.messages[-1]
        assert told == (f"To continue: python -m alrun action=resume run={tmp_path}; to undo them: " in last)
        (journal.parent / "result.json").touch()
        caplog.clear()
        ending(play, tmp_path)
        assert caplog.messages == [said], "the round is over"
