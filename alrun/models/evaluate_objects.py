"""How good found objects are: mAP and mAR as COCO defines them, and what became of each object at one threshold."""

from __future__ import annotations

from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.errors import DataError
from alrun.models.detections import Detections
from alrun.models.masks import Mask, box_mask

IOUS = np.linspace(0.5, 0.95, 10)
MOST = 100
"""How many objects an image and class mAP and mAR look at, those with the highest scores: COCO's number."""


@dataclass(frozen=True, slots=True)
class ObjectClassFigures:
    """The figures of one class, 0..1, higher is better; None where there is nothing that they could be of.

    `ap` is the mean average precision over the thresholds; `precision`, `recall` and `f1` are at one threshold and
    confidence; `support` counts labelled objects.
    """

    name: str
    ap: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True, slots=True)
class ObjectEvaluation:
    """What :func:`evaluate_objects` found.

    Attributes
    ----------
    map, mar
        Mean over the classes with labelled objects and the thresholds 0.50, 0.55, ... 0.95 of average precision
        (precision interpolated at 101 recalls) and of final recall; at most 100 objects an image and class. None if
        no object is labelled.
    map_50, map_75
        The same at one threshold.
    by_iou
        (threshold, mAP, mAR) for each.
    precision, recall, f1
        TP / (TP + FP), TP / (TP + FN) and 2 TP / (2 TP + FP + FN) over all classes together, at the overlap `iou`
        and of objects with a score of `confidence` or above.
    confusion
        Counts, one row a labelled class and a last one for background, one column a found class and a last one for
        missed: (cat, dog) counts cats found as dogs, (cat, missed) cats that nothing was found for, (background, dog)
        dogs found where nothing is labelled.
    """

    images: int
    objects: int
    iou: float
    confidence: float
    map: float | None
    map_50: float | None
    map_75: float | None
    mar: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    by_iou: tuple[tuple[float, float | None, float | None], ...]
    per_class: tuple[ObjectClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form."""
        return asdict(self)


def evaluate_objects(
    found: Detections, labelled: Detections, confidence: float, iou: float
) -> tuple[ObjectEvaluation, pl.DataFrame]:
    """Compare what was found with what is labelled, in the same N >= 1 images.

    Masks are compared if both have any (a box is then the mask of its rectangle), else boxes.

    Returns
    -------
    ObjectEvaluation
        The figures of all images together.
    polars.DataFrame
        One row an image: `objects`, `detections`, `tp`, `fp`, `fn`, `mean_iou` (mean over its labelled objects of the
        best overlap with one of the same class; null without any) and `error`, which is 1 - F1: 1 - 2 TP / (2 TP + FP
        + FN), 0 for an image in which nothing is labelled and nothing was found.

        Objects found with a score of `confidence` or above are gone through from the highest score on; each takes
        the labelled object of its class, not taken yet, that it overlaps most, if by `iou` or more (TP). What is left
        over on both sides is an FP and an FN; pairs of them that overlap by `iou` or more are confused classes.

    Raises
    ------
    DataError
        If there is no image.
    """
    if not len(labelled.sizes):
        raise DataError("nothing to evaluate: no labelled image has predictions")
    classes = len(labelled.names)
    masks = found.masks is not None and labelled.masks is not None
    by_iou, per_class_ap = _coco(found, labelled, masks=masks)
    confusion = np.zeros((classes + 1, classes + 1), np.int64)
    images = zip(found.from_score(confidence).each(), labelled.each(), strict=True)
    rows = [_image(one, truth, iou, confusion, masks=masks) for one, truth in images]
    hits = confusion.diagonal()[:classes]
    claims, support = confusion[:, :classes].sum(axis=0), confusion[:classes].sum(axis=1)
    per_class = tuple(
        ObjectClassFigures(name, ap, _ratio(h, c), _ratio(h, s), _ratio(2 * h, c + s), int(s))
        for name, ap, h, c, s in zip(labelled.names, per_class_ap, hits, claims, support, strict=True)
    )
    tp, fp_and_tp, fn_and_tp = hits.sum(), claims.sum(), support.sum()
    evaluation = ObjectEvaluation(
        images=len(labelled.sizes),
        objects=len(labelled),
        iou=iou,
        confidence=confidence,
        map=_mean([ap for _, ap, _ in by_iou]),
        map_50=by_iou[0][1],
        map_75=by_iou[5][1],
        mar=_mean([ar for _, _, ar in by_iou]),
        precision=_ratio(tp, fp_and_tp),
        recall=_ratio(tp, fn_and_tp),
        f1=_ratio(2 * tp, fp_and_tp + fn_and_tp),
        by_iou=by_iou,
        per_class=per_class,
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )
    return evaluation, pl.DataFrame(rows, schema_overrides={"mean_iou": pl.Float64, "error": pl.Float64})


def _coco(
    found: Detections, labelled: Detections, *, masks: bool
) -> tuple[tuple[tuple[float, float | None, float | None], ...], list[float | None]]:
    """Return threshold, mAP and mAR of each threshold, and AP of each class, by pycocotools."""
    from pycocotools.cocoeval import COCOeval

    with redirect_stdout(StringIO()):  # it prints its progress
        evaluation = COCOeval(_index(labelled, masks=masks), _index(found, masks=masks), "segm" if masks else "bbox")
        evaluation.params.iouThrs = IOUS
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.params.maxDets = [MOST]
        evaluation.evaluate()
        evaluation.accumulate()
    precision, recall = evaluation.eval["precision"][..., 0, 0], evaluation.eval["recall"][..., 0, 0]
    by_iou = tuple(
        (round(float(iou), 2), _mean_of_known(precision[t]), _mean_of_known(recall[t])) for t, iou in enumerate(IOUS)
    )
    return by_iou, [_mean_of_known(precision[:, :, c]) for c in range(len(labelled.names))]


def _index(objects: Detections, *, masks: bool) -> Any:
    """Return the objects as pycocotools reads them."""
    from pycocotools.coco import COCO

    annotations = [
        {
            "id": row + 1,
            "image_id": int(objects.images[row]),
            "category_id": int(objects.classes[row]),
            "bbox": box,
            "area": box[2] * box[3],
            "score": float(objects.scores[row]),
            "iscrowd": 0,
            **({"segmentation": _masks(objects, [row])[0]} if masks else {}),
        }
        for row, box in enumerate(objects.boxes.tolist())
    ]
    coco = COCO()
    coco.dataset = {
        "images": [{"id": i, "width": int(w), "height": int(h)} for i, (w, h) in enumerate(objects.sizes.tolist())],
        "categories": [{"id": i, "name": name} for i, name in enumerate(objects.names)],
        "annotations": annotations,
    }
    coco.createIndex()
    return coco


def _image(
    found: Detections, labelled: Detections, iou: float, confusion: npt.NDArray[np.int64], *, masks: bool
) -> dict[str, Any]:
    """Count what became of the objects of one image, in `confusion` too."""
    overlaps = _overlaps(found, labelled, masks=masks)
    same = found.classes[:, None] == labelled.classes[None]
    order = np.argsort(-found.scores, kind="stable")
    right = _matched(np.where(same, overlaps, -1), iou, order)
    tp = len(right)
    others = overlaps.copy()
    for row, column in right.items():
        others[row], others[:, column] = -1, -1
    wrong = _matched(others, iou, order)
    pairs = right | wrong
    background, missed = len(labelled.names), len(labelled.names)
    taken = set(pairs.values())
    for row, name in enumerate(found.classes.tolist()):
        confusion[labelled.classes[pairs[row]] if row in pairs else background, name] += 1
    for column, name in enumerate(labelled.classes.tolist()):
        confusion[name, missed] += column not in taken
    fp, fn = len(found) - tp, len(labelled) - tp
    best = np.where(same, overlaps, 0).max(axis=0, initial=0)
    return {
        "objects": len(labelled),
        "detections": len(found),
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "mean_iou": float(best.mean()) if len(labelled) else None,
        "error": 1 - 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 0.0,
    }


def _matched(overlaps: npt.NDArray[np.float64], iou: float, order: npt.NDArray[np.intp]) -> dict[int, int]:
    """Return the column that each row takes: in `order`, the one not taken yet with the greatest overlap."""
    pairs: dict[int, int] = {}
    open_overlaps = overlaps.copy()
    for row in order.tolist() if overlaps.shape[1] else ():
        column = int(open_overlaps[row].argmax())
        if open_overlaps[row, column] >= min(iou, 1 - 1e-10):  # as pycocotools: a perfect overlap may round
            pairs[row] = column
            open_overlaps[:, column] = -1
    return pairs


def _overlaps(found: Detections, labelled: Detections, *, masks: bool) -> npt.NDArray[np.float64]:
    """Return the intersection over union of each found with each labelled object."""
    from pycocotools import mask

    shape = len(found), len(labelled)
    if not all(shape):
        return np.zeros(shape)
    sides = [_masks(o, range(len(o))) if masks else o.boxes.copy() for o in (found, labelled)]
    return np.asarray(mask.iou(*sides, [0] * len(labelled)), np.float64).reshape(shape)


def _masks(objects: Detections, rows: Any) -> list[Mask]:
    assert objects.masks is not None
    return [
        objects.masks[row]
        or box_mask(objects.boxes[row].tolist(), *objects.sizes[objects.images[row]].astype(int).tolist())
        for row in rows
    ]


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _mean_of_known(values: npt.NDArray[np.float64]) -> float | None:
    """Return the mean without -1, by which pycocotools says that a class has no labelled object."""
    known = values[values > -1]
    return float(known.mean()) if known.size else None
