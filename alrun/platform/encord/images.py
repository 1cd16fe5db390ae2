"""The project's images on this machine: asked for in bulk, downloaded once, kept by content."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from alrun.errors import NoAccess, Refused, TooLarge, Unavailable
from alrun.files import append_line
from alrun.platform.encord.download import Downloader, Expired, Lost, Unreachable, connections
from alrun.platform.encord.errors import asked
from alrun.platform.retry import Patience
from alrun.platform.store import FORMATS, ImageStore
from alrun.progress import gauge
from alrun.types import ImageFile, LeftOut

if TYPE_CHECKING:
    from encord.http.v2.api_client import ApiClient
    from encord.objects import LabelRowV2

log = logging.getLogger("alrun")

BATCH = 1000
"""How many URLs to ask for at once: few enough that they do not expire while they wait."""

ASKED_AGAIN = 2
"""How often an expired URL is asked for anew."""

PATIENCE = Patience(first=0.5, cap=8, deadline=30)
"""How long to try one image whose download breaks."""

_LINE = re.compile(r"(?P<item>\S+) (?P<digest>[0-9a-f]{32})")


@dataclass(frozen=True)
class ImageLimits:
    """The largest image that is taken, in pixels and in bytes, and how many are downloaded at once."""

    pixels: int = 64_000_000
    size: int = 64 * 2**20
    threads: int = 16


@dataclass
class Images:
    """The images of one project.

    Attributes
    ----------
    folder
        Holds the images and the index, which says what was downloaded as what. A storage item never changes its
        content, so that an item of the index is not asked for again.
    """

    api: ApiClient
    folder: Path
    limits: ImageLimits = field(default_factory=ImageLimits)

    def __post_init__(self) -> None:
        self._store = ImageStore(self.folder / "images")
        self._index = self.folder / "images.txt"

    def fetch(
        self, data_hashes: Sequence[str], rows: Mapping[str, LabelRowV2]
    ) -> tuple[list[ImageFile], list[LeftOut]]:
        """Bring images here; those that cannot be had come back with the reason, the others in the order asked for.

        Raises
        ------
        Unavailable
            If not one image of a batch could be downloaded. What came before is kept.
        """
        left_out: dict[str, str] = {}
        items: dict[str, str] = {}
        for data_hash in data_hashes:
            row = rows.get(data_hash)
            reason = self._objection(row)
            if row is None or reason is not None:
                left_out[data_hash] = reason or ""
            else:
                items[data_hash] = str(row.backing_item_uuid)
        digests = self._known()
        missing = list(dict.fromkeys(item for item in items.values() if not self._here(digests, item)))
        failed = self._download(missing, digests) if missing else {}
        left_out |= {data_hash: failed[item] for data_hash, item in items.items() if item in failed}
        files = [
            ImageFile(h, self._store.path(digests[items[h]]), digests[items[h]])
            for h in data_hashes
            if h not in left_out
        ]
        return files, [LeftOut(h, left_out[h]) for h in data_hashes if h in left_out]

    def _objection(self, row: LabelRowV2 | None) -> str | None:
        if row is None:
            return "the project has no such image"
        if row.data_type.value != "image":
            return f"it is of type {row.data_type.value!r}, not a single image"
        if row.backing_item_uuid is None:
            return "the platform names no file for it"
        return _too_many_pixels(row.width or 0, row.height or 0, self.limits.pixels)

    def _known(self) -> dict[str, str]:
        try:
            lines = self._index.read_text("ascii", "replace").splitlines()
        except FileNotFoundError:
            return {}
        found = (_LINE.fullmatch(line) for line in lines)  # a line that a kill tore does not match
        return {match["item"]: match["digest"] for match in found if match}

    def _here(self, digests: Mapping[str, str], item: str) -> bool:
        return item in digests and self._store.path(digests[item]).is_file()

    def _download(self, items: Sequence[str], digests: dict[str, str]) -> dict[str, str]:
        """Download storage items into the store and `digests`; return why others failed."""
        failed: dict[str, str] = {}
        self.folder.mkdir(parents=True, exist_ok=True)
        with (
            gauge("downloading images", len(items)) as show,
            connections(self.limits.threads) as session,
            warnings.catch_warnings(),
        ):
            warnings.filterwarnings("ignore", module="PIL")  # for the threads too, which must not change it
            downloader = Downloader(session, self.limits.size, PATIENCE)
            for start in range(0, len(items), BATCH):
                batch = items[start : start + BATCH]
                fetched: dict[str, str] = {}
                try:
                    unreachable = self._batch(downloader, batch, fetched, failed)
                finally:
                    self._remember(fetched)
                    digests |= fetched
                if unreachable and not fetched:
                    reason = next(iter(unreachable.values()))
                    raise Unavailable(f"downloading {len(batch)} images: none came ({reason})")
                failed |= unreachable
                show(start + len(batch))
        log.info("images: %d downloaded, %d could not be had", len(items) - len(failed), len(failed))
        return failed

    def _batch(
        self, downloader: Downloader, items: Sequence[str], fetched: dict[str, str], failed: dict[str, str]
    ) -> dict[str, str]:
        """Download one batch, asking again for URLs that expired; return what could not be reached."""
        unreachable: dict[str, str] = {}
        for _ in range(1 + ASKED_AGAIN):
            expired: list[str] = []
            for item, outcome in self._outcomes(downloader, self._signed(items, failed)):
                match outcome:
                    case str():
                        fetched[item] = outcome
                    case Expired():
                        expired.append(item)
                    case Unreachable():
                        unreachable[item] = str(outcome)
                    case Lost():
                        failed[item] = str(outcome)
            if not expired:
                return unreachable
            items = expired
        failed |= dict.fromkeys(items, "its address gives no access (401 or 403), also when asked for anew")
        return unreachable

    def _outcomes(
        self, downloader: Downloader, urls: Mapping[str, str]
    ) -> Iterator[tuple[str, str | Lost | Expired | Unreachable]]:
        """Yield each item's digest, or why it did not come, in the order in which they end."""

        def fetch(url: str) -> str | Lost | Expired | Unreachable:
            try:
                content = downloader.download(url)
            except (Lost, Expired, Unreachable) as outcome:
                return outcome
            reason = _unfit(content, self.limits.pixels)
            return self._store.put(content) if reason is None else Lost(reason)

        with ThreadPoolExecutor(self.limits.threads) as threads:
            jobs = {threads.submit(fetch, url): item for item, url in urls.items()}
            try:
                for job in as_completed(jobs):
                    yield jobs[job], job.result()
            finally:
                threads.shutdown(wait=True, cancel_futures=True)

    def _remember(self, fetched: Mapping[str, str]) -> None:
        if fetched:
            self._store.sync()
            lines = "".join(f"\n{item} {digest}" for item, digest in fetched.items())
            append_line(self._index, lines)  # begins with a line end: the last append may have been torn

    def _signed(self, items: Sequence[str], failed: dict[str, str]) -> dict[str, str]:
        """Return a URL for each item, in one request; one that the platform does not give spoils no other."""
        try:
            found = asked("asking for image addresses", self._urls, items)
        except (NoAccess, Refused, TooLarge) as error:
            if len(items) == 1:
                failed[items[0]] = str(error)
                return {}
            half = len(items) // 2
            return self._signed(items[:half], failed) | self._signed(items[half:], failed)
        failed |= {item: "the platform gives no address for it" for item in items if item not in found}
        return found

    def _urls(self, items: Sequence[str]) -> dict[str, str]:
        """Ask as `EncordUserClient.get_storage_items` does, whose answer would ask again for each URL it lacks."""
        from encord.http.v2.payloads import Page
        from encord.orm.storage import GetItemsBulkPayload, StorageItem

        signed = self.api.post(
            "storage/items/get-bulk",
            params=None,
            payload=GetItemsBulkPayload(item_uuids=[UUID(item) for item in items], sign_urls=True),
            result_type=Page[StorageItem],
        )
        return {str(item.uuid): item.signed_url for item in signed.results if item.signed_url}


def _unfit(content: bytes, pixels: int) -> str | None:
    """Say why a file cannot be used, by its first bytes; its pixels are not decoded."""
    from PIL import Image

    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            return _too_many_pixels(*image.size, pixels)
    except Image.DecompressionBombError:
        return f"too large: more than {pixels // 10**6} megapixels"
    except Exception:  # noqa: BLE001  Pillow raises whatever a damaged header leads to
        return f"not an image in a format that alrun reads ({', '.join(FORMATS)})"


def _too_many_pixels(width: int, height: int, limit: int) -> str | None:
    if width * height <= limit:
        return None
    return f"too large: {width} x {height} pixels, at most {limit // 10**6} megapixels"
