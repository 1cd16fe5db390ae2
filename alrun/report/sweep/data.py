"""What the report of a comparison is made of beside the comparison itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alrun.compare.comparison import Comparison


@dataclass(frozen=True, slots=True)
class Source:
    """One sweep: its command, and with what it ran. `config_yaml` is the resolved config of its first job."""

    name: str
    command: str
    launcher: str
    started_at: str
    versions: Mapping[str, str]
    config_yaml: str


@dataclass(frozen=True, slots=True)
class FirstPick:
    """One image that a strategy picked early: its data hash, and what it was labelled."""

    data_hash: str
    label: str


@dataclass(frozen=True, slots=True)
class FirstPicks:
    """What each arm of a setting picked first in its first round after the initial set, with one and the same seed."""

    setting: str
    seed: int
    arms: Mapping[str, tuple[FirstPick, ...]]


@dataclass(frozen=True, slots=True)
class Live:
    """How to run the winner on a real project: in words, and the command; None where there is no winner."""

    text: str
    command: str | None


@dataclass(frozen=True, eq=False, slots=True)
class SweepReport:
    """Everything that is said about one or many sweeps.

    Attributes
    ----------
    live
        None where nothing but random was compared.
    thumbnails
        PNG or JPEG bytes by data hash; a pick may have none.
    outputs
        What was written: a name for people, and the path.
    unit
        What the cost counts, such as minutes; None where the sweeps do not agree.
    """

    title: str
    comparison: Comparison
    sources: tuple[Source, ...]
    live: Live | None
    first: tuple[FirstPicks, ...] = ()
    thumbnails: Mapping[str, bytes] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None
