"""The request log, and the faults that a test puts on the way."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal


@dataclass(frozen=True, slots=True)
class Request:
    """One request that came in.

    Attributes
    ----------
    name
        What it asks for: of v1 the query type and method (`labelrow PUT`), of v2 the method and route
        (`POST projects/{p}/priorities`), of an image `GET image`; an unknown one as it came.
    sent, answered
        How many items the request named, and how many its answer holds.
    status
        The HTTP status of v2 and the envelope's of v1; 0 if the connection was cut.
    user
        Who sent it; None where nobody proved to have.
    began, seconds
        When it came in, in seconds since the epoch, and how long it took.
    """

    name: str
    method: str
    path: str
    sent: int
    answered: int
    status: int
    user: str | None
    began: float
    seconds: float


class Log:
    """Every request in the order of their answers. Safe between threads."""

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._lock = threading.Lock()

    def add(self, request: Request) -> None:
        """Keep one."""
        with self._lock:
            self._requests.append(request)

    def all(self) -> list[Request]:
        """Return what came in so far."""
        with self._lock:
            return list(self._requests)

    def clear(self) -> None:
        """Forget what came in so far."""
        with self._lock:
            self._requests.clear()

    def counts(self) -> Counter[str]:
        """Return how many requests there were of each name."""
        return Counter(request.name for request in self.all())


@dataclass(frozen=True)
class Fault:
    """What goes wrong with some of the requests.

    Attributes
    ----------
    name
        Which requests, as the log names them; `*` and `?` are wildcards.
    does
        `cut` closes the connection without an answer; `status` answers `status` in place of the emulator, with
        `Retry-After` where `retry_after` is given; `slow` waits for `seconds`; `half` sends half of the answer;
        `expired` answers as a store does when a signed URL is too old; `call` calls `action`.
    when
        `before` the request is carried out, which then never happens (but for `slow` and `call`), or `after`,
        when only its answer is lost. `half` is always after.
    times, skip
        How many requests it meets, and how many go by before.
    """

    name: str
    does: Literal["cut", "status", "slow", "half", "expired", "call"]
    when: Literal["before", "after"] = "before"
    times: int = 1
    skip: int = 0
    status: int = 503
    retry_after: float | None = None
    seconds: float = 0.0
    action: Callable[[], None] | None = None


class Faults:
    """The faults that are still to come. Safe between threads; the one that was added first strikes first."""

    def __init__(self) -> None:
        self._seen: list[tuple[Fault, int]] = []
        self._lock = threading.Lock()

    def add(self, fault: Fault) -> None:
        """Let something go wrong."""
        with self._lock:
            self._seen.append((fault, 0))

    def clear(self) -> None:
        """Let everything go well from now on."""
        with self._lock:
            self._seen.clear()

    def strike(self, name: str) -> Fault | None:
        """Return what goes wrong with a request of this name, if anything does."""
        with self._lock:
            for place, (fault, seen) in enumerate(self._seen):
                if seen < fault.skip + fault.times and fnmatchcase(name, fault.name.replace("[", "[[]")):
                    self._seen[place] = fault, seen + 1
                    if seen >= fault.skip:
                        return fault
        return None
