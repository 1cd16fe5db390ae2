"""Twenty people work through the SDK while a run parks and brings back the queue: nothing is lost or overwritten."""

from __future__ import annotations

from pathlib import Path

from benchmarks.encord_annotators import EACH, measure


def test_nothing_is_lost_or_overwritten_while_people_work(tmp_path: Path) -> None:
    measured = measure(tasks=300, annotators=20, folder=tmp_path)
    assert measured.wrong == ()
    assert measured.worked_on == 20 * 4 * EACH
    assert measured.others == measured.worked_on / 2
    assert measured.overlapping > 0
    assert measured.left_alone > 0
