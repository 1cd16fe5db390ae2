"""The filter presets of a project, as its Explorer keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alrun.platform.encord.errors import asked
from alrun.platform.presets import FilterPreset

if TYPE_CHECKING:
    from alrun.platform.encord.platform import Connection

PAGE = 1000


class Presets:
    """Reads the filter presets of a project."""

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._api = connection.api

    def listed(self) -> list[FilterPreset]:
        """Return all filter presets; one request a page."""
        return asked(
            "listing the filter presets",
            lambda: [
                FilterPreset(str(one.uuid), one.name) for one in self._project.list_filter_presets(page_size=PAGE)
            ],
        )

    def definition(self, uuid: str) -> Any:
        """Return the JSON of a preset as it comes.

        `ProjectFilterPreset.get_filter_preset_json` asks for the same, but drops every member that it does not know,
        and with it what a preset may mean.
        """
        from encord.orm.base_dto import RootModelDTO

        path = f"active/{self._project.project_hash}/presets/{uuid}/raw"
        return asked(
            "reading a filter preset", lambda: self._api.get(path, params=None, result_type=RootModelDTO[Any]).root
        )
