"""A folder of images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alrun.datasets.base import Item, TestSize
from alrun.datasets.sources import class_label, class_ontology, existing_folder, file_item, fingerprint
from alrun.errors import DataError
from alrun.types import Ontology, Scalar

FORMAT = 1


@dataclass(frozen=True)
class Folder:
    """Every file in a folder and its sub-folders; hidden ones (``.name``) are skipped, links are followed.

    A file that is no image is reported by the import. The folder is listed once in an object's life.

    Attributes
    ----------
    path
        The folder; ``~`` is the home folder.
    class_folders
        Whether the first-level folder of an image is its class. An image directly in `path` has no label.
    classes
        The classes that people may choose, in this order. Empty: the names of the first-level folders.
    """

    path: Path
    test_size: TestSize = 0.2
    class_folders: bool = True
    classes: tuple[str, ...] = ()

    def identity(self) -> Mapping[str, Scalar]:
        """Return a digest of every file's relative path, size and time of change."""
        return {
            "dataset": "folder",
            "format": FORMAT,
            "path": str(self._root),
            "files": fingerprint(self._files),
            "class_folders": self.class_folders,
            "classes": repr(self.classes),
        }

    def ontology(self) -> Ontology:
        """Return one question, the class."""
        found = {title.split("/")[0] for title in self._files if "/" in title} if self.class_folders else ()
        return class_ontology(found, self.classes, f"folder {self._root}")

    def items(self) -> Iterator[Item]:
        """Yield the files sorted by relative path, which is the title (with forward slashes)."""
        for title, path in self._files.items():
            labelled = self.class_folders and "/" in title
            yield file_item(title, path, class_label(title.split("/")[0]) if labelled else None)

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self._files)

    @cached_property
    def _root(self) -> Path:
        return existing_folder(self.path, "dataset.path")

    @cached_property
    def _files(self) -> dict[str, Path]:
        files = {_title(path, self._root): path for path in _walk(self._root, set())}
        if not files:
            raise DataError(f"dataset.path={self.path}: there is no file in {self._root}; expected images")
        return dict(sorted(files.items()))


def _walk(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """Yield the files below `folder`; a folder that several links lead to (or a loop of them) is read once."""
    real = folder.resolve()
    if real in seen:
        return
    seen.add(real)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"folder {folder} cannot be listed: {error.strerror}") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(Path(entry.path), seen)
        elif entry.is_file() or entry.is_symlink():  # a broken link is reported as a missing image
            yield Path(entry.path)


def _title(path: Path, root: Path) -> str:
    """Return the relative path as text: bytes of a name that are no UTF-8 are written out."""
    return os.fsencode(path.relative_to(root).as_posix()).decode(errors="backslashreplace")
