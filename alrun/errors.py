"""Every error that alrun raises on purpose, and the exit code each one ends a run with.

::

    AlrunError
    ├── ConfigError            2  the config or an input of the user's is wrong
    │   └── DataError          2  a file of the user's is
    │       └── BadImages      2  images cannot be had or decoded: a run does without them
    ├── Waiting                3  nothing is wrong: people have to act first, then `resume`
    ├── PlatformError          4  the platform refused, failed or has changed
    │   ├── Refused            4  it rejected a request whole (nothing of it was applied)
    │   ├── TooLarge           4  it takes smaller requests only
    │   ├── RateLimited        4  it asks to wait
    │   ├── Unavailable        4  no answer: the request may or may not have been applied
    │   └── NoAccess           4  wrong key, missing permission or unknown project
    ├── NotTracked             4  a tracker did not take a copy of the run
    └── StateError             4  the run, its plan or its project is not in the state the action needs
        └── Unusable           4  a file that the run left is damaged, was changed, or is of another version

Everything else is a bug and ends with exit code 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar


class AlrunError(Exception):
    """Base of all errors that are shown to the user without a traceback."""

    exit_code: ClassVar[int] = 1


class ConfigError(AlrunError):
    """The config, the command line or an input file is wrong; the message says how to mend it."""

    exit_code = 2


class DataError(ConfigError):
    """A file that the user named cannot be used; the message names the file and the place in it."""


class BadImages(DataError):
    """Images cannot be had or decoded.

    Attributes
    ----------
    reasons
        Why, in a few words, by data hash: all such images among those that were asked for.
    """

    def __init__(self, reasons: Mapping[str, str]) -> None:
        name, reason = next(iter(reasons.items()))
        others = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        super().__init__(f"image {name} cannot be decoded: {reason}{others}")
        self.reasons = dict(reasons)

    def __reduce__(self) -> tuple[type[BadImages], tuple[dict[str, str]]]:
        return type(self), (self.reasons,)  # as it travels between processes


class Waiting(AlrunError):
    """The run has done what it can and waits for people; the message says which command continues."""

    exit_code = 3


class PlatformError(AlrunError):
    """The platform refused, failed or has changed since it was last read."""

    exit_code = 4


class Refused(PlatformError):
    """The platform rejected a whole request; nothing of it was applied."""


class TooLarge(PlatformError):
    """The platform takes fewer items in one request; `limit` says how many where it said so."""

    def __init__(self, message: str, limit: int | None = None) -> None:
        super().__init__(message)
        self.limit = limit


class RateLimited(PlatformError):
    """The platform asks to wait; `retry_after` is in seconds where it said so. Nothing was applied."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(PlatformError):
    """No usable answer came: the request may or may not have been applied. Ask the platform which."""


class NoAccess(PlatformError):
    """The key, the role or the project's name does not give access."""


class NotTracked(AlrunError):
    """A tracker did not take what was sent to it. The run goes on: its folder holds everything."""

    exit_code = 4


class StateError(AlrunError):
    """The run folder, the plan or the project is not in the state that the action needs."""

    exit_code = 4


class Unusable(StateError):
    """A file that a run left cannot be used: it is missing, not whole, was changed, or is of another version.

    Attributes
    ----------
    what
        Which file, and what is wrong with it; the rest of the message says what to do.
    """

    def __init__(self, what: str, advice: str) -> None:
        super().__init__(what, advice)
        self.what = what

    def __str__(self) -> str:
        return ": ".join(self.args)


def one_of(given: str, allowed: Sequence[str]) -> str:
    """Say what is allowed in place of `given`, with the nearest match first where there is one."""
    from difflib import get_close_matches

    nearest = get_close_matches(given, allowed, n=1, cutoff=0.6)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    return f"{hint}allowed: {', '.join(allowed) if allowed else '(none)'}"


def raised_in(error: BaseException) -> str:
    """Return the file and the line in which an exception was raised."""
    from traceback import extract_tb

    last = extract_tb(error.__traceback__)[-1]
    return f"{last.filename}, line {last.lineno}"


def name_of(kind: type) -> str:
    """Return how people choose components of this class: by the name of its file, or, their own, by its `_target_`."""
    return name_of_target(f"{kind.__module__}.{kind.__qualname__}")


def name_of_target(target: str) -> str:
    """Return how people choose the component with this `_target_`, as :func:`name_of`."""
    return target.split(".")[-2] if target.startswith("alrun.") else target
