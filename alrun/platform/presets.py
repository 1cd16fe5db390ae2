"""Filter presets: filters that people saved on a platform, as far as alrun reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class FilterPreset:
    """A filter preset of a project; several may have one name."""

    uuid: str
    name: str


class Presets(Protocol):
    """The filter presets of a project, to read. One call of a method is one request, or one a page of a listing.

    Both raise the :class:`~alrun.errors.PlatformError` tree, nothing else.
    """

    def listed(self) -> list[FilterPreset]:
        """Return all filter presets of the project."""
        ...

    def definition(self, uuid: str) -> Any:
        """Return what a filter preset filters by: the JSON that the platform keeps, nothing left out."""
        ...


@runtime_checkable
class KeepsPresets(Protocol):
    """A source of projects on a platform where people save filters as presets."""

    def presets(self) -> Presets:
        """Open the project to read its filter presets; it is never created, and nothing is written.

        Raises
        ------
        ConfigError, NoAccess
            If the project cannot be reached by what the config gives.
        """
        ...
