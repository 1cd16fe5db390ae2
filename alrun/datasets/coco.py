"""Object labels in the COCO format."""

from __future__ import annotations

import json
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from alrun.datasets.base import Item, TestSize
from alrun.datasets.sources import existing_file, existing_folder, file_item, fingerprint
from alrun.errors import DataError
from alrun.files import digest
from alrun.types import Label, LabelledObject, Ontology, Scalar

FORMAT = 2
SHOWN = 20

log = logging.getLogger("alrun")


@dataclass(frozen=True)
class Coco:
    """Images with boxes and polygons: the "instances" JSON of COCO (Lin et al., ECCV 2014).

    An annotation whose segmentation is one polygon becomes a polygon; all others (several parts, run lengths,
    crowds, none) become their box, so that an object stays one object. Points are clipped to the image; an annotation
    of which nothing is left then is not used, with a warning. An image without any annotation is labelled as empty.

    Attributes
    ----------
    images
        The folder that the `file_name` of each image is relative to.
    annotations
        The JSON file.
    """

    images: Path
    annotations: Path
    test_size: TestSize = 0.2

    def identity(self) -> Mapping[str, Scalar]:
        """Return digests of the JSON and of every image's size and time of change."""
        return {
            "dataset": "coco",
            "format": FORMAT,
            "path": str(self._folder),
            "annotations": digest(self._file.read_bytes()),
            "files": fingerprint({name: self._folder / name for name in self._instances.titles.values()}),
        }

    def ontology(self) -> Ontology:
        """Return the categories as object classes, in the file's order."""
        return Ontology(objects=tuple(self._instances.categories.values()))

    def items(self) -> Iterator[Item]:
        """Yield the images in the file's order."""
        for key, title in self._instances.titles.items():
            label = Label(objects=tuple(self._instances.objects.get(key, ())))
            yield file_item(title, self._folder / title, label)

    def __len__(self) -> int:
        """Return the number of images in the JSON."""
        return len(self._instances.titles)

    @cached_property
    def _folder(self) -> Path:
        return existing_folder(self.images, "dataset.images")

    @cached_property
    def _file(self) -> Path:
        return existing_file(self.annotations, "dataset.annotations", "a COCO instances JSON file")

    @cached_property
    def _instances(self) -> _Instances:
        try:
            content = json.loads(self._file.read_bytes())
        except ValueError as error:
            raise DataError(f"{self._file} is not JSON: {error}") from error
        return _Instances.read(content, str(self._file))


@dataclass(frozen=True)
class _Instances:
    """What a COCO file says: the class names by category id; titles and objects by image id."""

    categories: dict[int, str]
    titles: dict[int, str]
    objects: dict[int, list[LabelledObject]]

    @staticmethod
    def read(content: Any, file: str) -> _Instances:
        sections = {}
        for name in ("categories", "images", "annotations"):
            entries = content.get(name) if isinstance(content, dict) else None
            if not isinstance(entries, list):
                raise DataError(f"{file}: expected an object with a list {name!r}, as in COCO's instances files")
            sections[name] = entries
        categories = _by_id(sections["categories"], f"{file}: category")
        names = {key: _value(entry, "name", str, f"{file}: category {key}") for key, entry in categories.items()}
        _check_once(names, f"{file}: two categories are called")
        images = _by_id(sections["images"], f"{file}: image")
        titles = {key: _title(entry, f"{file}: image {key}") for key, entry in images.items()}
        _check_once(titles, f"{file}: two images have the file_name")
        objects = _objects(_by_id(sections["annotations"], f"{file}: annotation"), names, images, file)
        return _Instances(names, titles, objects)


def _objects(
    annotations: Mapping[int, Mapping[str, Any]],
    names: Mapping[int, str],
    images: Mapping[int, Mapping[str, Any]],
    file: str,
) -> dict[int, list[LabelledObject]]:
    """Return the objects by image id; raise `DataError` that names every annotation at fault."""
    objects = defaultdict(list)
    faults: list[str] = []
    unseen: list[str] = []
    for key, entry in annotations.items():
        where = f"annotation {key}"
        try:
            category = _reference(entry, "category_id", names, where)
            image = _reference(entry, "image_id", images, where)
            points = _points(entry, images[image], where)
        except DataError as error:
            faults.append(str(error))
            continue
        if _has_area(points):
            objects[image].append(LabelledObject(names[category], points))
        else:
            unseen.append(where)
    if faults:
        raise DataError(f"{file}: {_listed(faults)}")
    if unseen:
        log.warning("%s: not used, as nothing of it lies in its image: %s", file, _listed(unseen))
    return objects


def _listed(items: Sequence[str]) -> str:
    more = [f"and {len(items) - SHOWN} more"] if len(items) > SHOWN else []
    return "\n  ".join([*items[:SHOWN], *more])


def _has_area(points: Sequence[tuple[float, float]]) -> bool:
    return all(min(side) < max(side) for side in zip(*points, strict=True))


def _by_id(entries: list[Any], what: str) -> dict[int, Mapping[str, Any]]:
    found: dict[int, Mapping[str, Any]] = {}
    for place, entry in enumerate(entries):
        if not isinstance(entry, dict):
            raise DataError(f"{what} at place {place}: expected an object, got {entry!r:.80}")
        key = _value(entry, "id", int, f"{what} at place {place}")
        if key in found:
            raise DataError(f"{what} {key} occurs twice; ids must be unique")
        found[key] = entry
    return found


def _value(entry: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    value = entry.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        given = f"got {value!r:.80}" if key in entry else "it is missing"
        raise DataError(f"{where}: {key!r} must be {kind.__name__}, {given}")
    return value


def _check_once(names: Mapping[int, str], what: str) -> None:
    first: dict[str, int] = {}
    for key, name in names.items():
        if name in first:
            raise DataError(f"{what} {name!r} (ids {first[name]} and {key}); they must differ")
        first[name] = key


def _title(entry: Mapping[str, Any], where: str) -> str:
    title: str = _value(entry, "file_name", str, where)
    path = PurePosixPath(title)
    if not title or path.is_absolute() or ".." in path.parts:
        raise DataError(f"{where}: file_name {title!r} must be a path inside the images' folder")
    return title


def _reference(entry: Mapping[str, Any], key: str, known: Mapping[int, Any], where: str) -> int:
    value: int = _value(entry, key, int, where)
    if value not in known:
        raise DataError(f"{where}: {key} {value} is not in the file")
    return value


def _points(entry: Mapping[str, Any], image: Mapping[str, Any], where: str) -> tuple[tuple[float, float], ...]:
    """Return the outline relative to the image."""
    width, height = (_value(image, side, int, f"{where}: its image") for side in ("width", "height"))
    if width < 1 or height < 1:
        raise DataError(f"{where}: its image is {width} x {height} pixels; expected at least 1 x 1")
    polygons = entry.get("segmentation")
    if not entry.get("iscrowd") and isinstance(polygons, list) and len(polygons) == 1:
        numbers = _numbers(polygons[0], "segmentation", where)
        if len(numbers) < 6 or len(numbers) % 2:
            raise DataError(f"{where}: a polygon needs three or more x, y pairs, got {len(numbers)} numbers")
        corners: Iterable[tuple[float, float]] = zip(numbers[::2], numbers[1::2], strict=True)
    else:
        box = _numbers(entry.get("bbox"), "bbox", where)
        if len(box) != 4 or box[2] < 0 or box[3] < 0:
            raise DataError(f"{where}: 'bbox' must be [x, y, width, height] with no negative size, got {box}")
        corners = ((box[0], box[1]), (box[0] + box[2], box[1] + box[3]))
    return tuple((_clip(x / width), _clip(y / height)) for x, y in corners)


def _numbers(value: Any, key: str, where: str) -> list[float]:
    if not isinstance(value, list) or not all(type(n) in (int, float) and math.isfinite(n) for n in value):
        raise DataError(f"{where}: {key!r} must be a list of finite numbers, got {value!r:.80}")
    return value


def _clip(share: float) -> float:
    return min(max(share, 0.0), 1.0)
