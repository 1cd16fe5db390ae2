"""The client metadata of the images: they belong to the storage items behind the data, which projects share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from alrun.errors import Refused
from alrun.platform.encord.errors import asked
from alrun.platform.encord.rows import Rows
from alrun.platform.writes import SetMetadata

if TYPE_CHECKING:
    from encord import Project
    from encord.http.v2.api_client import ApiClient
    from encord.storage import StorageItem


class Metadata:
    """Reads and changes client metadata, each in one request for all images that it names."""

    def __init__(self, project: Project, api: ApiClient, rows: Rows) -> None:
        self._project = project
        self._api = api
        self._rows = rows
        self._items: dict[str, StorageItem] = {}

    def read(self, data_hashes: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return what the storage items say now."""
        known = self._rows.of_images(data_hashes)
        rows = [known[name] for name in dict.fromkeys(data_hashes) if name in known]
        images = [row for row in rows if row.data_type.value == "image" and row.backing_item_uuid is not None]
        uuids = {str(row.data_hash): str(row.backing_item_uuid) for row in images}
        if not uuids:
            return {}
        found = asked("reading client metadata", self._read, sorted(set(uuids.values())))
        self._items = {name: found[uuid] for name, uuid in uuids.items() if uuid in found}
        return {name: asked("reading client metadata", _metadata_of, item) for name, item in self._items.items()}

    def write(self, request: SetMetadata) -> None:
        """Change client metadata; `Refused` if two of the images are one storage item."""
        self._rows.of(request.tasks)
        names = [ref.data_hash for ref in request.tasks]
        if any(name not in self._items for name in names):
            self.read(names)
        if missing := [name for name in names if name not in self._items]:
            raise Refused(f"the platform names no file for the image {missing[0]}")
        items = [self._items[name] for name in names]
        if len({item.uuid for item in items}) != len(items):
            raise Refused("two of the images are one file, which has client metadata only once: name them apart")
        if not items:
            return

        def send() -> None:
            with self._project.create_bundle(bundle_size=len(items)) as bundle:
                for item, after in zip(items, request.after, strict=True):
                    item.update(client_metadata=dict(after), bundle=bundle)

        asked("writing client metadata", send)

    def _read(self, uuids: Sequence[str]) -> dict[str, StorageItem]:
        """Ask as `EncordUserClient.get_storage_items` does, which a project's own client does not have."""
        from encord.http.v2.payloads import Page
        from encord.orm.storage import GetItemsBulkPayload
        from encord.orm.storage import StorageItem as Content
        from encord.storage import StorageItem

        page = self._api.post(
            "storage/items/get-bulk",
            params=None,
            payload=GetItemsBulkPayload(item_uuids=[UUID(uuid) for uuid in uuids], sign_urls=False),
            result_type=Page[Content],
        )
        return {str(content.uuid): StorageItem(self._api, content) for content in page.results}


def _metadata_of(item: Any) -> dict[str, Any]:
    return dict(item.client_metadata or {})
