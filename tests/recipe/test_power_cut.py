"""What is on the disk when the power fails: every line before a write, and enough to finish from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alrun.platform.writes import RecipeWrite
from alrun.recipe.journal import Journal
from alrun.recipe.park import ParkRest
from alrun.recipe.unfinished import unfinished
from tests.recipe.playground import REST, Playground
from tests.recipe.wire import Moment, Wire


class PowerCut(BaseException):
    """Nobody catches it."""


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> dict[int, int]:
    """Return how many bytes of each file, by inode, are on the disk for sure."""
    sizes: dict[int, int] = {}
    sync = os.fsync

    def noted(handle: int) -> None:
        sync(handle)
        sizes[os.fstat(handle).st_ino] = os.fstat(handle).st_size

    monkeypatch.setattr(os, "fsync", noted)
    return sizes


def _on_disk(journal: Path, synced: dict[int, int]) -> int:
    return synced.get(journal.stat().st_ino, 0)


def test_every_line_of_the_journal_is_on_the_disk_before_any_write(tmp_path: Path, synced: dict[int, int]) -> None:
    play = Playground(tmp_path, ParkRest())
    seen: list[RecipeWrite] = []

    def hook(_: int, request: RecipeWrite | None, moment: Moment) -> None:
        if request is not None and moment == "before":
            seen.append(request)
            assert _on_disk(play.journal, synced) == play.journal.stat().st_size

    applier = play.applier(Wire(play.platform, hook))
    applier.prepare()
    applier.restore()
    assert len(seen) > 10
    assert _on_disk(play.journal, synced) == play.journal.stat().st_size


def test_a_run_that_lost_what_was_not_on_the_disk_still_finishes(tmp_path: Path, synced: dict[int, int]) -> None:
    """The power fails before each of the requests, reads included, and takes the lines that nothing had synced yet."""
    lost = 0
    for cut in range(2, 1000):
        folder = tmp_path / str(cut)
        folder.mkdir()
        play = Playground(folder, ParkRest())

        def hook(number: int, _: RecipeWrite | None, moment: Moment, cut: int = cut) -> None:
            if number == cut and moment == "before":
                raise PowerCut

        wire = Wire(play.platform, hook)
        try:
            play.applier(wire).prepare()
            play.applier(wire).restore()
        except PowerCut:
            size = _on_disk(play.journal, synced)
            lost += play.journal.stat().st_size > size
            os.truncate(play.journal, size)
        else:
            break
        if not Journal(play.journal, play.plan).progress.restoring:
            play.applier().prepare()
        play.applier().restore()
        play.assert_back(*REST)
        assert play.reasons() == {}
        assert unfinished(play.platform) == []
    assert cut > 20
    assert lost
