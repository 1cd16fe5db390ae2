"""Tags as collections of the project, which people see in the product under the same name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from alrun.errors import PlatformError, Refused
from alrun.platform.encord.errors import asked, listed

if TYPE_CHECKING:
    from encord import Project
    from encord.collection import ProjectCollection

PAGE = 1000


class Tags:
    """The project's collections of images, by name. The platform lets several have one name: they are one tag.

    A collection that was seen once is not looked up again, unless a request to it fails.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[str, list[ProjectCollection]] | None = None

    def read(self) -> dict[str, frozenset[str]]:
        """Return every tag with the data hashes that have it: one listing, and one request a page of each."""
        self._known = None
        return {name: self._members(name, found) for name, found in self._collections().items()}

    def names(self) -> frozenset[str]:
        """Return every tag's name: one listing."""
        self._known = None
        return frozenset(self._collections())

    def add(self, name: str, data_hashes: Sequence[str]) -> None:
        """Give a tag, which is created if it is new; giving it twice is the same as once."""
        found = self._collections().get(name) or [self._create(name)]
        self._change(name, found[0], data_hashes, add=True)

    def remove(self, name: str, data_hashes: Sequence[str]) -> None:
        """Take a tag."""
        for collection in self._collections().get(name, []):
            self._change(name, collection, data_hashes, add=False)

    def drop(self, name: str) -> None:
        """Delete a tag."""
        self._known = None  # nothing of that name may stay, also of other origin
        try:
            for collection in self._collections().get(name, []):
                asked(f"deleting the tag {name!r}", self._project.delete_collection, collection.uuid)
        finally:
            self._known = None

    def _collections(self) -> dict[str, list[ProjectCollection]]:
        if self._known is None:
            from encord.orm.collection import ProjectCollectionType

            found = listed("listing the collections", self._project.list_collections, page_size=PAGE)
            known: dict[str, list[ProjectCollection]] = {}
            for collection in found:
                if collection.collection_type is ProjectCollectionType.FRAME:
                    known.setdefault(collection.name, []).append(collection)
            self._known = known
        return self._known

    def _members(self, name: str, collections: Sequence[ProjectCollection]) -> frozenset[str]:
        return frozenset(
            str(row.data_hash)
            for collection in collections
            for row, _ in listed(f"reading the tag {name!r}", collection.list_frames, page_size=PAGE)
        )

    def _create(self, name: str) -> ProjectCollection:
        known = self._collections()
        try:
            collection = asked(f"creating the tag {name!r}", self._project.create_collection, name)
        except PlatformError:
            self._known = None  # it may be there by now: looked up before anything else is tried
            raise
        known[name] = [collection]
        return collection

    def _change(self, name: str, collection: ProjectCollection, data_hashes: Sequence[str], *, add: bool) -> None:
        if not data_hashes:
            return
        from encord.orm.collection import ProjectDataCollectionItemRequest as Item

        items = [Item(data_uuid=data_hash, frame=0) for data_hash in data_hashes]
        change = collection.add_items if add else collection.remove_items
        verb = "giving" if add else "taking"
        try:
            failed = asked(f"{verb} the tag {name!r}", lambda: change(items)).failed_items  # type: ignore[arg-type]
        except PlatformError:
            self._known = None
            raise
        if failed:
            raise Refused(
                f"{verb} the tag {name!r}: the platform rejected {len(failed)} of {len(items)} images, such as "
                f"{failed[0].data_uuid}; the others have changed"
            )
