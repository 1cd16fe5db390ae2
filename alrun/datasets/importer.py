"""From a dataset to the image store: every image decoded once, bad ones reported and left out."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from alrun.datasets.base import Dataset, Item, Split
from alrun.datasets.decode import LIMITS, BadImage, Limits, check, check_size, decoders, quiet_pillow
from alrun.datasets.split import held_out_count, stratified
from alrun.errors import DataError, name_of
from alrun.files import digest, write_text
from alrun.platform.port import Contents, NewImage
from alrun.platform.store import ImageStore
from alrun.progress import track
from alrun.seeds import generator
from alrun.types import Label, LeftOut

VERSION = 2
"""Of the record of an import; another number, and everything is imported again."""

IMAGES = "images"
"""The folder of the image store within the cache."""


@dataclass(frozen=True, slots=True)
class Row:
    """An imported image, and its split where the dataset decides it."""

    image: NewImage
    split: Split | None


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import found: the images in the dataset's order, and what was left out and why."""

    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a dataset holds: a digest of its images, labels and ontology, and how many images there are."""

    digest: str
    images: int


def identity(dataset: Dataset, cache: Path) -> Identity:
    """Import `dataset` and say what it holds.

    Raises
    ------
    DataError
        If the dataset's source does not exist or is malformed.
    """
    rows = import_dataset(dataset, cache).rows
    content = [
        [row.image.digest, None if row.image.label is None else row.image.label.to_json(), row.split] for row in rows
    ]
    return Identity(digest([dataset.ontology().to_json(), content]), len(rows))


def import_dataset(dataset: Dataset, cache: Path, limits: Limits = LIMITS) -> Imported:
    """Bring every image of `dataset` into the image store under `cache`.

    An image that is missing, unreadable, damaged, over the `limits` or a copy of an earlier one is left out and
    reported. The image of several copies has the label that one of them has. If they have different labels, nobody
    knows which is right: that is reported first, with both, the image has none, and it is held out for no test. The
    second import of the same thing reads a record only, unless images are gone from the store. Two
    processes may import at once.

    Raises
    ------
    DataError
        If the dataset's source does not exist or is malformed.
    """
    record = _record(dataset, cache, limits)
    store = ImageStore(cache / IMAGES)
    known = _recorded(record)
    if known is not None and all(store.path(row.image.digest).is_file() for row in known.rows):
        return known
    imported = _import(dataset, store, limits)
    store.sync()  # the record must not outlive what it names
    record.parent.mkdir(parents=True, exist_ok=True)
    write_text(record, json.dumps(asdict(imported)))
    return imported


def left_out(dataset: Dataset, cache: Path) -> tuple[LeftOut, ...]:
    """Return what the import of `dataset` left out and why; only if it was never imported, that is done now."""
    known = _recorded(_record(dataset, cache, LIMITS))
    return (import_dataset(dataset, cache) if known is None else known).left_out


def contents(dataset: Dataset, cache: Path, seed: int) -> Contents:
    """Import `dataset` and split it by `seed`: what a new project is made of.

    A split that the dataset gives wins. Of the other labelled images `test_size` are held out, in proportion to
    their classes where the ontology has a radio question; the order of the rows does not matter.

    Raises
    ------
    ConfigError
        If `test_size` cannot be met.
    DataError
        If no image is left, or one that the dataset holds out has no label.
    """
    imported = import_dataset(dataset, cache)
    ontology = dataset.ontology()
    if not imported.rows:
        reasons = "; ".join(f"{out.name}: {out.reason}" for out in imported.left_out[:5])
        raise DataError(f"none of the {len(imported.left_out)} images could be imported ({reasons})")
    for row in imported.rows:
        if row.split == "test" and row.image.label is None:
            raise DataError(f"{row.image.title!r} is held out for the test by its dataset, but has no label")
    open_rows = [row.image for row in imported.rows if row.split is None and row.image.label is not None]
    target = ontology.target
    chosen = stratified(
        [image.digest for image in open_rows],
        [_class(image, target.name if target else None) for image in open_rows],
        held_out_count(dataset.test_size, len(open_rows)),
        generator(seed, 0, "split"),
    )
    pool: list[NewImage] = []
    held_out: list[NewImage] = []
    for row in imported.rows:
        is_test = row.split == "test" or row.image.digest in chosen
        (held_out if is_test else pool).append(row.image)
    identity = digest([ontology.to_json(), *([_plain(image) for image in part] for part in (pool, held_out))])
    return Contents(identity, name_of(type(dataset)), ontology, cache / IMAGES, pool, held_out)


def _import(dataset: Dataset, store: ImageStore, limits: Limits) -> Imported:
    found = _Found()
    items = track(dataset.items(), "importing images", len(dataset))
    workers = decoders()
    with quiet_pillow(), ThreadPoolExecutor(workers) as threads:
        for item, image in _examined(items, store, limits, threads, 4 * workers):
            found.add(item, image)
    return found.imported()


class _Found:
    """What an import has found so far; copies of one image are brought together."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._labelled: dict[str, NewImage] = {}
        self._left_out: list[LeftOut] = []
        self._contradictions: list[LeftOut] = []
        self._contradicted: set[str] = set()

    def add(self, item: Item, image: NewImage | LeftOut) -> None:
        if isinstance(image, LeftOut):
            self._left_out.append(image)
            return
        first = self._rows.setdefault(image.digest, Row(image, item.split)).image
        labelled = self._labelled.setdefault(image.digest, image) if image.label is not None else image
        if labelled.label != image.label:
            self._contradicted.add(image.digest)
            self._contradictions.append(LeftOut(item.title, _contradiction(labelled, image)))
        elif first is not image:
            self._left_out.append(LeftOut(item.title, f"the same content as {first.title!r}"))

    def imported(self) -> Imported:
        """Return each image once: with the label that is known of it, and without one if that is not sure."""
        rows: list[Row] = []
        untested: list[LeftOut] = []
        for name, row in self._rows.items():
            if name not in self._contradicted:
                label = self._labelled[name].label if name in self._labelled else None
                rows.append(row if row.image.label == label else replace(row, image=replace(row.image, label=label)))
            elif row.split == "test":
                untested.append(LeftOut(row.image.title, "held out for the test, but its label is not sure"))
            else:
                rows.append(replace(row, image=replace(row.image, label=None)))
        return Imported(tuple(rows), (*self._contradictions, *untested, *self._left_out))


def _examined(
    items: Iterable[Item], store: ImageStore, limits: Limits, threads: Executor, ahead: int
) -> Iterator[tuple[Item, NewImage | LeftOut]]:
    """Read, decode and store the items in `threads`, at most so many `ahead`; yield them in order."""
    waiting: deque[tuple[Item, Future[NewImage | LeftOut]]] = deque()
    for item in items:
        waiting.append((item, threads.submit(_examine, item, store, limits)))
        if len(waiting) > ahead:
            done, future = waiting.popleft()
            yield done, future.result()
    for done, future in waiting:
        yield done, future.result()


def _examine(item: Item, store: ImageStore, limits: Limits) -> NewImage | LeftOut:
    try:
        if item.size is not None:
            check_size(item.size, limits)
        content = item.read()
        width, height = check(content, limits)
    except FileNotFoundError:
        return LeftOut(item.title, "missing: there is no such file")
    except BadImage as error:
        return LeftOut(item.title, str(error))
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        return LeftOut(item.title, f"cannot be read: {getattr(error, 'strerror', None) or error}")
    return NewImage(item.title, store.put(content), width, height, item.label, item.metadata)


def _contradiction(first: NewImage, image: NewImage) -> str:
    return (
        f"the same content as {first.title!r}, but labelled {_words(image)}, and that one {_words(first)}: which is "
        "right is not known, so the image is used without a label. Correct one of them, or remove it"
    )


def _words(image: NewImage) -> str:
    """Return an image's label in words."""
    return " and ".join(map(repr, image.label.classes if image.label is not None else ())) or "as empty"


def _class(image: NewImage, question: str | None) -> str | None:
    if image.label is None or question is None:
        return None
    return next(iter(image.label.answer(question)), None)


def _plain(image: NewImage) -> dict[str, Any]:
    """Return what `asdict` does; that copies the metadata of every image, which takes most of a job's start."""
    values = {name: getattr(image, name) for name in NewImage.__dataclass_fields__}
    return values | {"label": None if image.label is None else image.label.to_json()}


def _record(dataset: Dataset, cache: Path, limits: Limits) -> Path:
    """Return where the record of an import is, or would be."""
    kind = f"{type(dataset).__module__}.{type(dataset).__qualname__}"
    key = digest([VERSION, kind, dict(dataset.identity()), asdict(limits)])
    return cache / "datasets" / f"{key}.json"


def _recorded(record: Path) -> Imported | None:
    """Read an earlier import; None if there is none or the file is not what `import_dataset` wrote."""
    try:
        return _read(record, record.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@lru_cache(maxsize=4)
def _read(record: Path, written: int) -> Imported | None:  # noqa: ARG001 -- a record that is written anew is read anew
    """Read a record; the jobs of a sweep that one process plays read it once."""
    try:
        content = json.loads(record.read_bytes())
        return Imported(
            tuple(_row(row) for row in content["rows"]), tuple(LeftOut(**out) for out in content["left_out"])
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _row(content: Mapping[str, Any]) -> Row:
    fields = dict(content["image"])
    label = fields.pop("label")
    image = NewImage(**fields, label=None if label is None else Label.from_json(label))
    return Row(image, cast("Split | None", content["split"]))
