"""The one retry policy: jittered, bounded by a deadline, honouring what the platform asks up to a cap."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from alrun.errors import PlatformError, RateLimited, Unavailable

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Patience:
    """Waits between tries of one piece of work, until its deadline.

    Attributes
    ----------
    first, cap
        The first pause and the longest, in seconds. A pause doubles from try to try and is shortened by up to
        half at random, so that many clients do not come back at once. A platform that says how long to wait is
        obeyed up to the cap, with up to `first` seconds more.
    deadline
        Seconds after which the last error is raised instead.
    """

    first: float = 0.5
    cap: float = 60.0
    deadline: float = 300.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _tries: int = field(default=0, init=False)
    _began: float | None = field(default=None, init=False)

    def fresh(self) -> Patience:
        """Return the same policy for another piece of work."""
        return Patience(self.first, self.cap, self.deadline, self.sleep, self.clock)

    def pause(self, error: PlatformError) -> None:
        """Wait before the next try, or raise `error` if the deadline would pass meanwhile."""
        now = self.clock()
        self._began = now if self._began is None else self._began
        jitter = random.random()  # noqa: S311
        pause = min(self.cap, self.first * 2.0 ** min(self._tries, 60)) * (1 - jitter / 2)
        if isinstance(error, RateLimited) and error.retry_after is not None:
            pause = min(self.cap, error.retry_after + self.first * jitter)
        if now + pause - self._began > self.deadline:
            raise error
        self._tries += 1
        self.sleep(pause)


def patiently(patience: Patience, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `ask`, which may be sent any number of times, until it is answered or the patience is at its end."""
    patience = patience.fresh()
    while True:
        try:
            return ask(*args, **kwargs)
        except (RateLimited, Unavailable) as error:
            patience.pause(error)
