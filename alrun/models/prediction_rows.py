"""Checking the rows of a predictions file: what a row says, or every fault in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, ParamSpec, TypeVar

from alrun.errors import DataError, one_of
from alrun.models.imported import Known
from alrun.models.masks import BadMask, Mask, box_around, finite, read_mask
from alrun.models.prediction_files import Row

P = ParamSpec("P")
T = TypeVar("T")

NAMES = ("data_hash", "title", "file_name", "image_id")
SUM_TOLERANCE = 1e-3
SHOWN = 20


class BadRow(ValueError):
    """One thing that is wrong with a row."""


@dataclass(frozen=True, slots=True)
class Found:
    """One object: the row of its image, its class, and the rest as in `alrun.models.detections`."""

    image: int
    name: int
    score: float
    box: list[float]
    probabilities: list[float] | None
    mask: Mask | None


@dataclass
class Faults:
    """The faults of a file's rows, which are counted from 1."""

    rows: dict[str, list[int]] = field(default_factory=dict)

    def attempt(self, number: int, read: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Return what `read` returns; None if it raises `BadRow`, which is kept."""
        try:
            return read(*args, **kwargs)
        except BadRow as error:
            self.rows.setdefault(str(error), []).append(number)
        return None

    def refuse(self, source: str, count: int) -> None:
        """Raise `DataError` that names every row at fault, if there is any; equal faults are told once."""
        if not self.rows:
            return
        wrong = sorted({number for numbers in self.rows.values() for number in numbers})
        told = list(self.rows.items())
        lines = [f"  {_named(numbers)}: {fault}" for fault, numbers in told[:SHOWN]]
        rest = sorted({number for _, numbers in told[SHOWN:] for number in numbers})
        lines += [f"  and other faults in {_named(rest)}"] if rest else []
        raise DataError(
            f"{source}: {len(wrong)} of {count} rows cannot be used (rows are counted from 1; nothing of the file was "
            "used):\n" + "\n".join(lines)
        )


class Images:
    """Finds the image that a row is about.

    A row has exactly one of the keys `data_hash`, `title`, `file_name` and `image_id`. A file name is that of an image
    whose title is the same, or else whose title's last part is. An `image_id` that is a number is looked up in the
    instances file, which gives the file name; one that is text is a data hash or a file name.
    """

    def __init__(self, images: Sequence[Known], files: Mapping[int, str] | None) -> None:
        self._files = files
        self._hashes = {image.data_hash: [row] for row, image in enumerate(images)}
        self._titles: dict[str, list[int]] = {}
        self._names: dict[str, list[int]] = {}
        for row, image in enumerate(images):
            self._titles.setdefault(image.title, []).append(row)
            self._names.setdefault(PurePosixPath(image.title).name, []).append(row)

    def row(self, given: Row) -> int | None:
        """Return the image's row; None if the project has no such image; `BadRow` if it cannot be told."""
        keys = [key for key in NAMES if key in given]
        if len(keys) != 1:
            raise BadRow(f"has {' and '.join(keys) or 'no image'}; needed: exactly one of {', '.join(NAMES)}")
        (key,) = keys
        value = given[key]
        if key == "image_id" and type(value) is int:
            value = self._file(value)
        if not isinstance(value, str) or not value:
            raise BadRow(f"{key} is {value!r:.60}; allowed: text{' or a whole number' if key == 'image_id' else ''}")
        places = {"data_hash": (self._hashes,), "title": (self._titles,), "file_name": (self._titles, self._names)}
        for names in places.get(key, (self._hashes, self._titles, self._names)):
            found = names.get(value, [])
            if len(found) > 1:
                raise BadRow(f"{key} {value!r:.60} is that of {len(found)} images of the project; use data_hash")
            if found:
                return found[0]
        return None

    def _file(self, number: int) -> str:
        if self._files is None:
            raise BadRow("image_id is a number; name COCO's file that says which image it is, model.instances=FILE")
        if number not in self._files:
            raise BadRow(f"image_id {number} is not in the file model.instances")
        return self._files[number]


@dataclass(frozen=True)
class ObjectRows:
    """Reads rows of objects; `categories` are the ontology's class names by category id, where they are known."""

    images: Images
    known: Sequence[Known]
    names: Sequence[str]
    categories: Mapping[int, str] | None

    def read(self, rows: Sequence[Row], faults: Faults) -> list[Found]:
        """Return the objects in images of the project; what is wrong goes to `faults`, also in other images."""
        chances = any("probabilities" in row for row in rows)
        found = (self._read(number, row, faults, chances=chances) for number, row in enumerate(rows, 1))
        return [one for one in found if one is not None]

    def _read(self, number: int, row: Row, faults: Faults, *, chances: bool) -> Found | None:
        image = faults.attempt(number, self.images.row, row)
        name = faults.attempt(number, self._class, row)
        score = faults.attempt(number, _share, row.get("score"), "score")
        each = faults.attempt(number, probabilities, row.get("probabilities"), self.names) if chances else None
        shape = faults.attempt(number, self._shape, row, None if image is None else self.known[image])
        if image is None or name is None or score is None or shape is None:
            return None
        return Found(image, name, score, shape[0], each, shape[1])

    def _class(self, row: Row) -> int:
        if ("class" in row) == ("category_id" in row):
            raise BadRow("needs a class or a category_id, one of the two")
        if "class" in row:
            name = row["class"]
        else:
            if self.categories is None:
                raise BadRow(
                    "category_id is a number; say which class it is: model.instances=FILE, or model.category_ids=[...] "
                    "with the ids of the ontology's classes in their order"
                )
            number = row["category_id"]
            name = self.categories.get(number) if type(number) is int else None
            if name is None:
                known = ", ".join(f"{key} ({value})" for key, value in self.categories.items())
                raise BadRow(f"category_id is {number!r:.60}; allowed: {known}")
        if name not in self.names:
            raise BadRow(f"class {name!r:.60} is not in the project's ontology; {one_of(str(name), self.names)}")
        return self.names.index(name)

    def _shape(self, row: Row, image: Known | None) -> tuple[list[float], Mask | None]:
        """Return box and mask; what depends on the image's size is not checked in an image of another project."""
        if "bbox" not in row and "segmentation" not in row:
            raise BadRow("needs a box (bbox, or x, y, width and height) or a segmentation")
        box = _box(row["bbox"]) if "bbox" in row else None
        if image is None:
            return box or [0.0, 0.0, 1.0, 1.0], None
        if image.width is None or image.height is None:
            raise BadRow("the size of its image is not known to the platform")
        mask = None
        if "segmentation" in row:
            try:
                mask = read_mask(row["segmentation"], image.width, image.height)
            except BadMask as error:
                raise BadRow(f"segmentation {error}") from error
            box = box or box_around(mask)
            if box[2] <= 0 or box[3] <= 0:
                raise BadRow("segmentation has no pixel in the image")
        assert box is not None
        if box[0] >= image.width or box[1] >= image.height or box[0] + box[2] <= 0 or box[1] + box[3] <= 0:
            raise BadRow(f"bbox {box} lies outside its image of {image.width} x {image.height} pixels")
        return box, mask


def probabilities(given: Any, names: Sequence[str]) -> list[float]:
    """Return one probability for each of `names`, scaled to sum to 1 exactly where rounding left them short."""
    if given is None:
        raise BadRow("has no probabilities, which other rows have")
    if not isinstance(given, Mapping):
        raise BadRow(f"probabilities are {given!r:.60}; allowed: an object with a number for each class")
    strange = sorted(str(name) for name in given if name not in names)
    if strange:
        raise BadRow(f"has a probability of {strange[0]!r:.60}, which is not a class; {one_of(strange[0], names)}")
    lacking = [name for name in names if name not in given]
    if lacking:
        raise BadRow(f"has no probability of {', '.join(lacking)}")
    values = [_share(given[name], f"the probability of {name}") for name in names]
    total = sum(values)
    if abs(total - 1) > SUM_TOLERANCE:
        raise BadRow(f"has probabilities that sum to {total:.6g}; needed: 1")
    return [value / total for value in values]


def class_rows(
    rows: Sequence[Row], images: Images, names: Sequence[str], faults: Faults
) -> Iterator[tuple[int, list[float]]]:
    """Yield the row of each image and its class probabilities; what is wrong goes to `faults`."""
    first: dict[int, int] = {}
    for number, row in enumerate(rows, 1):
        image = faults.attempt(number, images.row, row)
        chances = faults.attempt(number, probabilities, row.get("probabilities"), names)
        if image is None or chances is None:
            continue
        if first.setdefault(image, number) != number:
            faults.rows.setdefault(f"its image has probabilities already, in row {first[image]}", []).append(number)
        else:
            yield image, chances


def _box(given: Any) -> list[float]:
    numbers = isinstance(given, list) and len(given) == 4 and all(finite(n) for n in given)
    if not numbers or given[2] <= 0 or given[3] <= 0:
        raise BadRow(f"bbox is {given!r:.80}; allowed: x, y, width, height in pixels, finite, the sizes above 0")
    return [float(n) for n in given]


def _share(given: Any, what: str) -> float:
    if not finite(given) or not 0 <= given <= 1:
        raise BadRow(f"{what} is {given!r:.60}; allowed: a number in 0..1" if given is not None else f"has no {what}")
    return float(given)


def _named(numbers: Iterable[int]) -> str:
    """Return ``row 3`` or ``rows 1-4, 7``; `numbers` ascend."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    texts = [str(a) if a == b else f"{a}-{b}" for a, b in spans]
    alone = len(spans) == 1 and spans[0][0] == spans[0][1]
    return f"row{'' if alone else 's'} {', '.join(texts)}"
