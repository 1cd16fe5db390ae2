"""Progress bars for what takes long: on a terminal only, silent elsewhere, and one at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")

_shown = False  # a terminal has room for one display: what is within another one is silent


def track(items: Iterable[T], label: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` while a bar named `label` shows how many of `total` are done."""
    with _bar(remaining=True) as bar:
        if bar is None:
            yield from items
        else:
            yield from bar.track(items, total=total, description=label)


@contextmanager
def gauge(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of `total` are done, while something else decides; yields a function that takes the number."""
    with _bar(remaining=False) as bar:
        if bar is None:
            yield lambda _: None
        else:
            task = bar.add_task(label, total=total)
            yield lambda done: bar.update(task, completed=done)


@contextmanager
def _bar(*, remaining: bool) -> Iterator[Progress | None]:
    """Open a display; None where nobody looks, or another one is open."""
    global _shown  # noqa: PLW0603
    if _shown or sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    time = TimeRemainingColumn() if remaining else TimeElapsedColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), time)
    _shown = True
    try:
        with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
            yield bar
    finally:
        _shown = False
