"""Images on this machine, each stored once, under a digest of its bytes."""

from __future__ import annotations

import os
import re
from pathlib import Path

from alrun.files import digest, write_bytes

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "JPEG2000", "PPM")
"""What an image may be, in Pillow's names. Others are never opened: Pillow runs a program to read EPS, for one."""

_DIGEST = re.compile("[0-9a-f]{32}")


class ImageStore:
    """A folder of images named by content; safe to share between threads and processes.

    A stored image never changes. The name has no suffix, since titles and types of a platform are untrusted.

    Notes
    -----
    `put` alone does not survive a power cut, since two syncs an image take fifteen times as long as the rest of
    it. Whoever records that images are in the store calls `sync` first; and `put` never trusts a file that is
    there already, but compares it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, image_digest: str) -> Path:
        """Return where the image with this digest is, or would be."""
        if not _DIGEST.fullmatch(image_digest):
            raise ValueError(f"{image_digest!a} is not the digest of an image, and could be a path")
        return self._folder.joinpath(image_digest[:2], image_digest)

    def put(self, content: bytes) -> str:
        """Store `content` unless it is there already; return its digest (32 hex digits)."""
        image_digest = digest(content)
        path = self.path(image_digest)
        if not _holds(path, content):
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, content, durable=False)
        return image_digest

    def sync(self) -> None:
        """Return when everything that was `put` so far, by whichever process, is on the disk."""
        os.sync()


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False
