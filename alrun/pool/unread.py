"""Images that could not be decoded in a process that may be on another machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from socket import gethostname

from alrun.errors import ConfigError
from alrun.types import ImageFile


@dataclass(frozen=True)
class Unread:
    """Why images could not be decoded.

    Attributes
    ----------
    reasons
        In a few words, by data hash.
    unseen
        The data hashes of those of which there is no file, as the machine `where` sees it.
    """

    reasons: Mapping[str, str]
    unseen: frozenset[str]
    where: str

    @classmethod
    def of(cls, images: Sequence[ImageFile], reasons: Mapping[str, str]) -> Unread:
        """Look, in the process that could not decode them, whether the files are there."""
        unseen = (image.data_hash for image in images if image.data_hash in reasons and not image.path.exists())
        return cls(reasons, frozenset(unseen), gethostname())

    def check(self, images: Sequence[ImageFile]) -> None:
        """Look again here: a disk that is not shared must not cost an image its row.

        Raises
        ------
        ConfigError
            If a file is here that was not there.
        """
        for image in images if self.unseen else ():
            if image.data_hash in self.unseen and image.path.exists():
                raise ConfigError(
                    f"{self.where} does not see {image.path}, which is here: the machines of a cluster must reach the "
                    "cache under the same path. Put it on a disk that they share (cache=FOLDER)"
                )
