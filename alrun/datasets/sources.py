"""What datasets made of the user's own files share: checks of paths, items, fingerprints and classes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from alrun.datasets.base import Item, Split
from alrun.errors import DataError, one_of
from alrun.files import digest
from alrun.types import Answer, Label, Ontology, Question, QuestionKind

CLASS = "class"
"""The name of the question whose options are the classes of a folder or a table."""


def existing_folder(path: Path, field: str) -> Path:
    """Return `path` made absolute, or raise `DataError` naming the config's `field`."""
    folder = path.expanduser().resolve()
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "does not exist"
        raise DataError(f"{field}={path}: expected a folder of images, but {folder} {found}")
    return folder


def existing_file(path: Path, field: str, expected: str) -> Path:
    """Return `path` made absolute, or raise `DataError` naming the config's `field` and what is `expected`."""
    file = path.expanduser().resolve()
    if not file.is_file():
        found = "is a folder" if file.exists() else "does not exist"
        raise DataError(f"{field}={path}: expected {expected}, but {file} {found}")
    return file


def file_item(title: str, path: Path, label: Label | None = None, split: Split | None = None) -> Item:
    """Return an item that reads `path`; a missing file is left to the importer, which reports it."""
    state = _stat(path)
    return Item(title, path.read_bytes, label, split, None if state is None else state.st_size)


def fingerprint(files: Mapping[str, Path]) -> str:
    """Return a digest of the files' names, sizes and times of change; reads no file."""
    states = [(name, _stat(path)) for name, path in sorted(files.items())]
    return digest([[name, s and s.st_size, s and s.st_mtime_ns] for name, s in states])


def class_label(name: str) -> Label:
    """Return the label of an image of class `name`."""
    return Label((Answer(CLASS, (name,)),))


def class_ontology(found: Iterable[str], given: tuple[str, ...], source: str) -> Ontology:
    """Return one radio question with the options `given`, or else those `found` in `source`, sorted.

    Raises
    ------
    DataError
        If there is no class at all, one is given twice, or a found one is not among those given.
    """
    classes = sorted(set(found))
    if not classes and not given:
        raise DataError(f"{source} names no class: give those that people may choose, dataset.classes=[cat,dog]")
    if len(set(given)) < len(given):
        raise DataError(f"dataset.classes={list(given)}: each class once")
    for name in classes if given else ():
        if name not in given:
            raise DataError(f"{source} has the class {name!r}: {one_of(name, given)} (dataset.classes)")
    return Ontology(questions=(Question(CLASS, QuestionKind.RADIO, given or tuple(classes)),))


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except (OSError, ValueError):  # ValueError: a null byte in the name
        return None
