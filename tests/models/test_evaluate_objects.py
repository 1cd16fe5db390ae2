"""How good found objects are: by pycocotools' own command path, by hand, and by a plain loop."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from alrun.errors import DataError
from alrun.models.detections import Detections, labelled_objects
from alrun.models.evaluate_objects import evaluate_objects
from alrun.models.masks import read_mask
from alrun.types import Label, LabelledObject

NAMES = ("cat", "dog", "cow")
WIDTH, HEIGHT = 100, 80
Row = tuple[int, int, float, tuple[float, float, float, float]]
"""Image, class, score, box."""


def table(rows: list[Row], images: int, *, masks: bool = False) -> Detections:
    rows = sorted(rows, key=lambda row: row[0])
    return Detections(
        names=NAMES,
        sizes=np.tile([float(WIDTH), HEIGHT], (images, 1)),
        images=np.array([row[0] for row in rows], np.int64),
        classes=np.array([row[1] for row in rows], np.int64),
        scores=np.array([row[2] for row in rows], np.float64),
        boxes=np.array([row[3] for row in rows], np.float64).reshape(-1, 4),
        masks=tuple(read_mask([triangle(row[3])], WIDTH, HEIGHT) for row in rows) if masks else None,
    )


def triangle(box: tuple[float, float, float, float]) -> list[float]:
    x, y, w, h = box
    return [x, y, x + w, y, x, y + h]


def random_rows(seed: int, images: int) -> tuple[list[Row], list[Row]]:
    """Labelled boxes of whole pixels, and found ones: near them, confused, doubled, missed, and out of nowhere."""
    rng = np.random.default_rng(seed)
    labelled: list[Row] = []
    found: list[Row] = []
    for image in range(images):
        for _ in range(rng.integers(0, 5)):
            box = (*rng.integers(0, 50, 2).tolist(), *rng.integers(5, 30, 2).tolist())
            name = int(rng.integers(0, 2 if seed % 2 else 3))  # with odd seeds nothing is a cow
            labelled.append((image, name, 1.0, box))
            for _ in range(rng.integers(0, 3)):
                moved = (np.array(box) + rng.integers(-3, 4, 4)).clip(1).tolist()
                found.append((image, name if rng.random() < 0.8 else 2, round(rng.random(), 2), tuple(moved)))
        if rng.random() < 0.5:
            found.append((image, int(rng.integers(3)), round(rng.random(), 2), (1.0, 1.0, 20.0, 20.0)))
    return labelled, found


def by_pycocotools(labelled: list[Row], found: list[Row], images: int, folder: Path, kind: str) -> npt.NDArray[Any]:
    """Return COCO's twelve figures as anybody gets them: from two files, by `summarize`."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    def shape(box: tuple[float, float, float, float]) -> dict[str, Any]:
        return {"bbox": list(box), "segmentation": [triangle(box)]} if kind == "segm" else {"bbox": list(box)}

    instances = {
        "info": {},
        "images": [{"id": i, "width": WIDTH, "height": HEIGHT} for i in range(images)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(NAMES)],
        "annotations": [
            {"id": n, "image_id": i, "category_id": c, "iscrowd": 0, "area": box[2] * box[3], **shape(box)}
            for n, (i, c, _, box) in enumerate(labelled, 1)
        ],
    }
    results = [{"image_id": i, "category_id": c, "score": score, **shape(box)} for i, c, score, box in found]
    if kind == "segm":
        for result in results:
            del result["bbox"]
            result["segmentation"] = _encoded(result["segmentation"][0])
    (folder / "instances.json").write_text(json.dumps(instances))
    (folder / "results.json").write_text(json.dumps(results))
    with redirect_stdout(StringIO()):
        truth = COCO(str(folder / "instances.json"))
        evaluation = COCOeval(truth, truth.loadRes(str(folder / "results.json")), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    stats: npt.NDArray[Any] = evaluation.stats
    return stats


def _encoded(polygon: list[float]) -> dict[str, Any]:
    from pycocotools import mask

    (encoded,) = mask.frPyObjects([polygon], HEIGHT, WIDTH)
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


@pytest.mark.parametrize("kind", ["bbox", "segm"])
@pytest.mark.parametrize("seed", range(4))
def test_map_and_mar_are_those_of_pycocotools(seed: int, kind: str, tmp_path: Path) -> None:
    labelled, found = random_rows(seed, 25)
    theirs = by_pycocotools(labelled, found, 25, tmp_path, kind)
    masks = kind == "segm"
    ours, _ = evaluate_objects(table(found, 25, masks=masks), table(labelled, 25, masks=masks), 0.5, 0.5)
    assert (ours.map, ours.map_50, ours.map_75, ours.mar) == pytest.approx(
        (theirs[0], theirs[1], theirs[2], theirs[8]), abs=1e-6
    )
    assert [iou for iou, _, _ in ours.by_iou] == [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]
    assert (ours.per_class[2].ap is None) == bool(seed % 2)  # no cow is labelled


def overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    wide = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    high = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    common = max(wide, 0) * max(high, 0)
    return common / (a[2] * a[3] + b[2] * b[3] - common)


def plain_counts(labelled: list[Row], found: list[Row], iou: float) -> dict[tuple[str, str], int]:
    """Match one image: same class first, then across classes, each in the order of scores."""
    counts: dict[tuple[str, str], int] = {}
    found = sorted(found, key=lambda row: -row[2])
    pairs: dict[int, int] = {}
    for across in (False, True):
        for i, (_, name, _, box) in enumerate(found):
            free = [
                (overlap(box, other), -j)
                for j, (_, truth, _, other) in enumerate(labelled)
                if j not in pairs.values() and (truth != name if across else truth == name)
            ]
            if i not in pairs and free and max(free)[0] >= iou:
                pairs[i] = -max(free)[1]
    for i, (_, name, _, _) in enumerate(found):
        key = NAMES[labelled[pairs[i]][1]] if i in pairs else "background", NAMES[name]
        counts[key] = counts.get(key, 0) + 1
    for j, (_, truth, _, _) in enumerate(labelled):
        if j not in pairs.values():
            counts[NAMES[truth], "missed"] = counts.get((NAMES[truth], "missed"), 0) + 1
    return counts


@pytest.mark.parametrize("seed", range(4))
def test_counts_are_those_of_a_plain_loop(seed: int) -> None:
    labelled, found = random_rows(seed, 30)
    ours, outcomes = evaluate_objects(table(found, 30), table(labelled, 30), 0.4, 0.5)
    expected: dict[tuple[str, str], int] = {}
    for image in range(30):
        one = plain_counts(
            [r for r in labelled if r[0] == image], [r for r in found if r[0] == image and r[2] >= 0.4], 0.5
        )
        for key, count in one.items():
            expected[key] = expected.get(key, 0) + count
        hits = sum(count for (truth, name), count in one.items() if truth == name)
        row = outcomes.row(image, named=True)
        assert (row["tp"], row["tp"] + row["fn"]) == (hits, row["objects"])
        assert row["tp"] + row["fp"] == row["detections"]
    rows, columns = (*NAMES, "background"), (*NAMES, "missed")
    confusion = {(rows[i], columns[j]): n for i, line in enumerate(ours.confusion) for j, n in enumerate(line) if n}
    assert confusion == expected
    tp = sum(count for (truth, name), count in expected.items() if truth == name)
    fp = sum(count for (_, name), count in expected.items() if name != "missed") - tp
    fn = sum(count for (truth, _), count in expected.items() if truth != "background") - tp
    assert (ours.precision, ours.recall) == pytest.approx((tp / (tp + fp), tp / (tp + fn)))
    assert ours.f1 == pytest.approx(2 * tp / (2 * tp + fp + fn))


def test_worked_by_hand() -> None:
    labelled = table([(0, 0, 1, (0, 0, 10, 10)), (0, 1, 1, (50, 0, 10, 10)), (1, 0, 1, (0, 0, 10, 10))], 3)
    found = table(
        [
            (0, 0, 0.9, (0, 0, 10, 5)),  # IoU 0.5 with the cat
            (0, 2, 0.8, (50, 0, 10, 10)),  # the dog, taken for a cow
            (0, 0, 0.2, (50, 0, 10, 10)),  # below the confidence
            (2, 1, 0.7, (0, 0, 10, 10)),  # out of nowhere
        ],
        3,
    )
    ours, outcomes = evaluate_objects(found, labelled, 0.3, 0.5)
    assert ours.confusion == ((1, 0, 0, 1), (0, 0, 1, 0), (0, 0, 0, 0), (0, 1, 0, 0))
    assert (ours.precision, ours.recall, ours.f1) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert outcomes.to_dicts() == [
        {"objects": 2, "detections": 2, "tp": 1, "fp": 1, "fn": 1, "mean_iou": 0.25, "error": 0.5},
        {"objects": 1, "detections": 0, "tp": 0, "fp": 0, "fn": 1, "mean_iou": 0.0, "error": 1.0},
        {"objects": 0, "detections": 1, "tp": 0, "fp": 1, "fn": 0, "mean_iou": None, "error": 1.0},
    ]
    cat = ours.per_class[0]
    assert (cat.precision, cat.recall, cat.support) == (1.0, 0.5, 2)
    assert (ours.images, ours.objects) == (3, 3)


def test_f1_is_right_where_precision_and_recall_sum_to_less_than_1() -> None:
    """The original divides by max(p + r, 1): it gives .32 for p = r = .4."""
    labelled = [(0, 0, 1.0, (20.0 * i, 0.0, 10.0, 10.0)) for i in range(5)]
    found = [(0, 0, 0.9, (20.0 * i, 0.0 if i < 2 else 40.0, 10.0, 10.0)) for i in range(5)]
    ours, _ = evaluate_objects(table(found, 1), table(labelled, 1), 0.5, 0.5)
    assert (ours.precision, ours.recall, ours.f1) == pytest.approx((0.4, 0.4, 0.4))


@pytest.mark.parametrize("labelled", [[], [(0, 0, 1.0, (0.0, 0.0, 5.0, 5.0))]])
@pytest.mark.parametrize("found", [[], [(1, 1, 0.9, (0.0, 0.0, 5.0, 5.0))]])
def test_nothing_found_and_nothing_labelled_have_defined_figures(labelled: list[Row], found: list[Row]) -> None:
    ours, outcomes = evaluate_objects(table(found, 2), table(labelled, 2), 0.5, 0.5)
    assert ours.map == (0.0 if labelled else None)
    assert ours.mar == (0.0 if labelled else None)
    assert ours.precision == (0.0 if found else None)
    assert ours.recall == (0.0 if labelled else None)
    assert ours.f1 == (0.0 if labelled or found else None)
    assert outcomes["error"].to_list() == [float(bool(labelled)), float(bool(found))]


def test_no_image_at_all_is_refused() -> None:
    with pytest.raises(DataError, match="nothing to evaluate"):
        evaluate_objects(table([], 0), table([], 0), 0.5, 0.5)


def test_labels_become_objects_in_pixels() -> None:
    box = LabelledObject("dog", ((0.1, 0.25), (0.4, 0.5)))
    shape = LabelledObject("cow", ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5)))
    strange = LabelledObject("ghost", ((0.0, 0.0), (1.0, 1.0)))
    sizes = np.array([[WIDTH, HEIGHT], [10, 10]], np.float64)
    found = labelled_objects([Label(objects=(box, strange)), Label(objects=(shape,))], NAMES, sizes, masks=True)
    assert found.boxes.tolist() == [[10, 20, 30, 20], [0, 0, 5, 5]]
    assert (found.images.tolist(), found.classes.tolist()) == ([0, 1], [1, 2])
    assert found.masks is not None
    assert found.masks[0] is None
    assert found.masks[1] == read_mask([[0, 0, 5, 0, 0, 5]], 10, 10)
    assert labelled_objects([Label(objects=(box,))], NAMES, sizes[:1], masks=True).masks is None


def test_images_are_taken_in_any_order_and_more_than_once() -> None:
    found = table([(0, 0, 0.1, (0, 0, 1, 1)), (2, 1, 0.2, (0, 0, 2, 2)), (2, 2, 0.3, (0, 0, 3, 3))], 3)
    taken = found.of([2, 1, 2, 0])
    assert taken.images.tolist() == [0, 0, 2, 2, 3]
    assert taken.scores.tolist() == [0.2, 0.3, 0.2, 0.3, 0.1]
    assert taken.counts.tolist() == [2, 0, 2, 1]
    assert len(found.from_score(0.2)) == 2
    assert found.from_score(0.2).counts.tolist() == [0, 0, 2]
