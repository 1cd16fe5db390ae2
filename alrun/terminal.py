"""What people read and type on the terminal: answers on the standard output, everything else on the standard error."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console

_PLAIN = re.compile(r"[A-Za-z0-9_./=:+-]+")
"""What neither a shell nor Hydra's grammar takes for anything else."""

_lost: dict[TextIO, OSError] = {}
"""The first error of each stream that could not be written to."""

answers = logging.getLogger("alrun.answers")
"""For what an action was asked for, such as a status: it can be piped. Goes into the run's log as well."""


class TerminalHandler(logging.Handler):
    """Writes messages without time, level and traceback: those are in the run's log file.

    The streams are looked up for each message, so that messages and progress bars do not tear each other.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Write one message."""
        answer = record.name == answers.name and record.levelno < logging.WARNING
        try:
            show(record.getMessage(), sys.stdout if answer else sys.stderr)
        except Exception:  # noqa: BLE001 -- logging never breaks what it reports on
            self.handleError(record)


def show(text: str, stream: TextIO | None) -> None:
    """Print a line, unless the stream is closed or nobody reads it any more.

    If it cannot be written for another reason, such as a full disk, :func:`flush` tells of it.
    """
    if stream is None:
        return
    try:
        print(text, file=stream, flush=True)
    except BrokenPipeError:
        silence(stream)
    except OSError as error:
        _lost.setdefault(stream, error)


def flush(stream: TextIO | None) -> OSError | None:
    """Write what is in a stream's buffer, at the end of the process; return why anything could not be written.

    A reader that is gone is no reason.
    """
    if stream is None:
        return None
    try:
        stream.flush()
    except BrokenPipeError:
        silence(stream)
    except OSError as error:
        silence(stream)
        _lost.setdefault(stream, error)
    return _lost.get(stream)


def agreed(question: str) -> bool | None:
    """Ask a person on the terminal whether to go on, which only "yes" does; None if there is nobody to ask."""
    if sys.stdin is None or not sys.stdin.isatty():
        return None
    try:
        return input(f"Type 'yes' to {question}: ").strip() == "yes"
    except EOFError:
        print(file=sys.stderr)
        return False


def silence(stream: TextIO) -> None:
    """Send what is still in a stream's buffer, and all that follows, nowhere: its reader is gone, as in `| head`."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def print_all(say: Callable[[Console], None]) -> None:
    """Print what `say` writes, in one piece: rich ends the process where the reader of the output is gone."""
    from rich.console import Console

    console = Console()
    with console.capture() as captured:
        say(console)
    try:
        print(captured.get(), end="", flush=True)
    except BrokenPipeError:
        silence(sys.stdout)


def command_for(action: str, run: Path) -> str:
    """Return the command for an action about a run folder, to be pasted: quoted for Hydra and the shell if need be."""
    given = f"run={run}"
    return f"python -m alrun action={action} {given if _PLAIN.fullmatch(given) else typed(f'run={quoted(str(run))}')}"


def quoted(text: str) -> str:
    """Return a text as a value of Hydra's grammar, where a backslash is one unless a quote follows."""
    return "'" + re.sub(r"(\\+)(?='|\Z)", r"\1\1", text).replace("'", "\\'") + "'"


def typed(argument: str) -> str:
    """Return an argument as it is typed in a shell: in double quotes, which people read best, if these are enough."""
    return quote(argument) if re.search(r'["$`\\!]', argument) else f'"{argument}"'
