"""Predictions that were made elsewhere, in a file."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Le

from alrun.errors import DataError
from alrun.files import digest as content_digest
from alrun.models.detections import Detections
from alrun.models.imported import Imported, Known
from alrun.models.masks import require_pycocotools
from alrun.models.prediction_files import Row, read_json, read_rows
from alrun.models.prediction_rows import Faults, Found, Images, ObjectRows, class_rows
from alrun.types import Ontology

log = logging.getLogger("alrun")


@dataclass(frozen=True)
class Predictions:
    """What a model of yours said, from a file: class probabilities of images, or objects in them.

    ``docs/predictions.md`` says what a row must hold. The file may hold more images than the project; an image
    without a row has no objects, or no probabilities, which is an error as soon as they are needed. Nothing is
    trained, so that no labelled images are needed to begin with.

    Attributes
    ----------
    path
        A ``.json`` (COCO's results format), ``.csv`` or ``.parquet`` file.
    instances
        A COCO "instances" file: which image an `image_id` that is a number means, and which class a `category_id`.
    category_ids
        The category ids of the ontology's object classes, in the ontology's order; empty: as `instances` says.
    confidence
        Objects with a lower score count neither for a selection nor for precision, recall, F1 and confusion; mAP
        and mAR look at all.
    iou
        From which overlap on an object counts as found, for precision, recall, F1 and confusion.
    """

    inputs: ClassVar[Literal["hashes"]] = "hashes"

    path: Path
    instances: Path | None = None
    category_ids: tuple[int, ...] = ()
    confidence: Annotated[float, Ge(0), Le(1)] = 0.3
    iou: Annotated[float, Gt(0), Le(1)] = 0.5

    def read(self, images: Sequence[Known], ontology: Ontology) -> Imported:
        """Return the predictions for `images`.

        Raises
        ------
        DataError
            If a file is missing or malformed, the ontology has nothing that it could be about, a row is wrong (the
            message names every such row), or no row is about any of the images.
        """
        file = _existing(self.path, "path")
        rows = read_rows(file)
        categories, files = self._instances(ontology)
        finder = Images(images, files)
        faults = Faults()
        digest = content_digest(file.read_bytes())
        places = {image.data_hash: row for row, image in enumerate(images)}
        if _holds_objects(rows, ontology):
            if not ontology.objects:
                raise DataError(f"{file} holds objects, but the project's ontology has no object class")
            require_pycocotools()
            found = ObjectRows(finder, images, ontology.objects, categories).read(rows, faults)
            faults.refuse(str(file), len(rows))
            _say_what_matched(str(file), len(rows), [one.image for one in found], images)
            objects = _table(found, images, ontology.objects)
            return Imported(str(file), places, None, objects, self.confidence, self.iou, digest)
        if ontology.target is None:
            raise DataError(
                f"{file} holds no box and no segmentation, so that its rows are class probabilities of images, but the "
                "project's ontology has no radio question that they could answer"
            )
        options = ontology.target.options
        probabilities = np.full((len(images), len(options)), np.nan)
        matched = []
        for image, chances in class_rows(rows, finder, options, faults):
            probabilities[image] = chances
            matched.append(image)
        faults.refuse(str(file), len(rows))
        _say_what_matched(str(file), len(rows), matched, images)
        return Imported(str(file), places, probabilities, digest=digest)

    def _instances(self, ontology: Ontology) -> tuple[dict[int, str] | None, dict[int, str] | None]:
        """Return class names by category id and file names by image id, as far as they are known."""
        categories = files = None
        if self.instances is not None:
            file = _existing(self.instances, "instances")
            content = read_json(file)
            categories = _by_id(content, "categories", "name", file)
            files = _by_id(content, "images", "file_name", file)
        if self.category_ids:
            names = ontology.objects
            if len(set(self.category_ids)) < len(self.category_ids) or len(self.category_ids) != len(names):
                raise DataError(
                    f"model.category_ids={list(self.category_ids)}: needed is a different id for each of the "
                    f"ontology's {len(names)} object classes, in this order: {', '.join(names) or '(none)'}"
                )
            categories = dict(zip(self.category_ids, names, strict=True))
        return categories, files


def _existing(path: Path, name: str) -> Path:
    file = path.expanduser().resolve()
    if not file.is_file():
        raise DataError(f"model.{name}={path}: there is no file {file}")
    return file


def _by_id(content: Any, section: str, key: str, file: Path) -> dict[int, str]:
    entries = content.get(section) if isinstance(content, Mapping) else None
    if not isinstance(entries, list):
        raise DataError(f"{file}: expected an object with a list {section!r}, as in COCO's instances files")
    found: dict[int, str] = {}
    for place, entry in enumerate(entries):
        number, name = (entry.get("id"), entry.get(key)) if isinstance(entry, Mapping) else (None, None)
        if type(number) is not int or not isinstance(name, str) or number in found:
            raise DataError(
                f"{file}: {section} at place {place}: needed are a new whole number 'id' and a text {key!r}"
            )
        found[number] = name
    return found


def _holds_objects(rows: Sequence[Row], ontology: Ontology) -> bool:
    """Whether the rows are objects; a file without any row is of the kind that the ontology has first."""
    if not rows:
        return bool(ontology.objects)
    return any(not row.keys().isdisjoint(("bbox", "segmentation", "score")) for row in rows)


def _say_what_matched(source: str, count: int, matched: Sequence[int], images: Sequence[Known]) -> None:
    if count and not matched and images:
        raise DataError(
            f"{source}: none of its {count} rows is about an image of the project; titles there are "
            f"{', '.join(repr(image.title) for image in images[:3])}, see docs/predictions.md"
        )
    if not count:
        log.warning("predictions: %s has no row: nothing was found in any of %d images", source, len(images))
        return
    about = len(set(matched))
    log.info(
        "predictions: %d rows about %d of %d images; %d rows about images that are not in the project",
        len(matched), about, len(images), count - len(matched),
    )  # fmt: skip


def _table(found: Sequence[Found], images: Sequence[Known], names: tuple[str, ...]) -> Detections:
    """Return the objects sorted by image, then by score, highest first."""
    ordered = sorted(found, key=lambda one: (one.image, -one.score))
    chances = [one.probabilities for one in ordered]
    known = bool(chances) and all(row is not None for row in chances)
    return Detections(
        names=names,
        sizes=np.array([(image.width or 1, image.height or 1) for image in images], np.float64).reshape(-1, 2),
        images=np.array([one.image for one in ordered], np.int64),
        classes=np.array([one.name for one in ordered], np.int64),
        scores=np.array([one.score for one in ordered], np.float64),
        boxes=np.array([one.box for one in ordered], np.float64).reshape(-1, 4),
        probabilities=np.array(chances, np.float64).reshape(len(ordered), len(names)) if known else None,
        masks=tuple(one.mask for one in ordered) if any(one.mask is not None for one in ordered) else None,
    )
