"""The tracker port: something that keeps a copy of a run where people compare many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class TrackedRound:
    """One round that is over.

    Attributes
    ----------
    number
        0 for the initial set, else from 1.
    labelled
        How many labelled images there were: what the figures are plotted over.
    at
        When it was over; the same whenever it is asked for.
    figures
        What the round came to, by name.
    """

    number: int
    labelled: int
    at: datetime
    figures: Mapping[str, float]


@dataclass(frozen=True)
class TrackedRun:
    """A run, or a sweep, as its folder has it.

    Attributes
    ----------
    run_id
        Which run it is, in this and any other tracker.
    status
        As in `run.json`: `running`, `waiting`, `failed`, `done`, ...
    ended_at
        None while it is under way.
    parameters
        The resolved config, flattened; the same whenever it is asked for.
    rounds
        Those that are over.
    files
        What people may want to open beside the figures.
    parent
        The `run_id` of the sweep that it is a job of; None for no job of a sweep.
    """

    run_id: str
    name: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    rounds: tuple[TrackedRound, ...] = ()
    files: tuple[Path, ...] = ()
    parent: str | None = None


@runtime_checkable
class Tracker(Protocol):
    """A tracker: a frozen dataclass. The run folder stays the truth: what is lost here can be sent again."""

    @property
    def place(self) -> str:
        """Where the runs are kept, for people, and to tell one place from another; holds no secret."""
        ...

    def send(self, run: TrackedRun) -> None:
        """Make what is kept of a run equal to `run`. A round that is kept already is not added again.

        Raises
        ------
        NotTracked
            If that did not work, within seconds; part of it may be kept now.
        """
        ...
