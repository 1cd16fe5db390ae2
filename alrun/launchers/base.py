"""The launcher port: something that calls a function for each job, somewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

Play = Callable[[str], None]
"""Plays the job in a folder. A function of a module, so that another process finds it by name."""


@runtime_checkable
class Launcher(Protocol):
    """A way to run jobs: a frozen dataclass. What comes out of a job does not depend on it."""

    def launch(self, play: Play, folders: Sequence[Path], threads: int) -> Iterator[Path]:
        """Call ``play(folder)`` for each of the folders, and yield the folder when its call is over.

        A folder is yielded however its call ended: also when it raised, and when its process was killed. None of
        that keeps another from being played. Closing the iterator (Ctrl-C does) ends what is still being played.

        Parameters
        ----------
        folders
            Absolute; on a disk that every machine sees which takes part.
        threads
            How many threads each job may use, 1 or more.

        Raises
        ------
        ConfigError
            If this way of launching is not available here; nothing was played.
        """
        ...


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for the block: processes that start in it inherit them."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
