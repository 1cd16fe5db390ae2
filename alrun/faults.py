"""Named fault points: where tests, and nobody else, may stop a process or break a write.

A point is reached by calling :func:`reach` with its name. In production this is one look-up in an empty
dict. A test arms a point in its own process with :func:`arm`, or in a child process through the environment
variable ``ALRUN_FAULTS="NAME:NTH=kill"``, which ends that process with SIGKILL when the point is reached for
the NTH time (from 1).
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable

ENVIRONMENT = "ALRUN_FAULTS"

_armed: dict[tuple[str, int], Callable[[], None]] = {}
_reached: Counter[str] = Counter()
_recording = False


def kill() -> None:
    """End this process as a power cut would: no handler, no clean-up."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm(name: str, nth: int, action: Callable[[], None] = kill) -> None:
    """Run `action` when the point `name` is reached for the `nth` time (from 1) in this process."""
    _armed[name, nth] = action


def record() -> None:
    """Count the points that are reached from now on (see :func:`reached`)."""
    global _recording  # noqa: PLW0603
    _recording = True


def reached() -> dict[str, int]:
    """Return how often each point was reached since :func:`record` or :func:`arm`."""
    return dict(_reached)


def reset() -> None:
    """Disarm every point and forget the counts."""
    global _recording  # noqa: PLW0603
    _armed.clear()
    _reached.clear()
    _recording = False


def reach(name: str) -> None:
    """Mark a place in durable code; does nothing unless a test armed or records it."""
    if not _armed and not _recording:
        return
    _reached[name] += 1
    action = _armed.get((name, _reached[name]))
    if action is not None:
        action()


def _arm_from_environment() -> None:
    for item in filter(None, os.environ.get(ENVIRONMENT, "").split(",")):
        point, _, action = item.partition("=")
        name, _, nth = point.rpartition(":")
        if action != "kill" or not name or not nth.isdigit():
            message = f"{ENVIRONMENT}={item!r} is not of the form NAME:NTH=kill"
            raise ValueError(message)
        arm(name, int(nth))


_arm_from_environment()
