"""One retry policy: jittered, bounded by a deadline, honouring what the platform asks up to a cap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from alrun.errors import PlatformError, RateLimited, Refused, Unavailable
from alrun.platform.retry import Patience, patiently


@dataclass
class Clock:
    """A clock that only sleeping moves."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def patience(self, **options: float) -> Patience:
        return Patience(sleep=self.sleep, clock=lambda: self.now, **options)


def failing(*errors: PlatformError) -> Callable[[], str]:
    rest = list(errors)

    def ask() -> str:
        if rest:
            raise rest.pop(0)
        return "answer"

    return ask


def test_an_answer_costs_no_pause() -> None:
    clock = Clock()
    assert patiently(clock.patience(), failing()) == "answer"
    assert clock.pauses == []


def test_pauses_double_with_jitter_up_to_the_cap() -> None:
    clock = Clock()
    silence = [Unavailable("no answer")] * 8
    assert patiently(clock.patience(first=1.0, cap=20.0, deadline=1000.0), failing(*silence)) == "answer"
    for pause, full in zip(clock.pauses, (1, 2, 4, 8, 16, 20, 20, 20), strict=True):
        assert full / 2 <= pause <= full
    assert len({pause / full for pause, full in zip(clock.pauses[5:], (20, 20, 20), strict=True)}) == 3


def test_what_the_platform_asks_is_honoured_up_to_the_cap() -> None:
    clock = Clock()
    asked = [RateLimited("slower", retry_after=seconds) for seconds in (3.0, 0.0, 500.0)]
    patiently(clock.patience(first=0.5, cap=60.0), failing(*asked))
    assert 3.0 <= clock.pauses[0] <= 3.5
    assert 0.0 <= clock.pauses[1] <= 0.5
    assert clock.pauses[2] == 60.0


def test_the_deadline_ends_it_with_the_last_error_and_without_a_pause_beyond() -> None:
    clock = Clock()
    errors = [Unavailable(f"error {number}") for number in range(100_000)]
    with pytest.raises(Unavailable, match="error"):
        patiently(clock.patience(first=1.0, cap=8.0, deadline=60.0), failing(*errors))
    assert 30.0 < clock.now <= 60.0


def test_each_piece_of_work_has_the_whole_deadline() -> None:
    clock = Clock()
    patience = clock.patience(first=1.0, cap=8.0, deadline=60.0)
    for _ in range(20):
        assert patiently(patience, failing(*[Unavailable("no answer")] * 4)) == "answer"
    assert clock.now > 60.0


def test_any_number_of_tries_is_possible() -> None:
    clock = Clock()
    patience = clock.patience(first=1e-9, cap=1e-9, deadline=10.0)
    assert patiently(patience, failing(*[Unavailable("no answer")] * 3000)) == "answer"


def test_a_refusal_is_an_answer() -> None:
    clock = Clock()
    with pytest.raises(Refused):
        patiently(clock.patience(), failing(Refused("no")))
    assert clock.pauses == []
