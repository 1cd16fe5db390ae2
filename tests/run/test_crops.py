"""What is inside the outlines of labelled objects: cut out once, embedded, and compared."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from PIL import Image

from alrun.datasets.decode import BadImage
from alrun.embeddings.file import File
from alrun.errors import ConfigError
from alrun.pool import images as decoding
from alrun.run.actions import ACTIONS
from tests.run.harness import make_job, play

QUALITY = ("metrics=[random,object_annotation_quality]", "model=none", "strategy=random")
NAMES = ("upright", "level")
BOXES = ((4, 6, 10, 8), (20, 12, 8, 12))
WRONG = 7


def images(folder: Path) -> tuple[str, ...]:
    """Write twelve images, each with two striped boxes, and a COCO file in which those of one image are swapped."""
    folder.mkdir()
    objects = []
    for number in range(12):
        canvas = np.random.default_rng(number).integers(60, size=(32, 40, 3), dtype=np.uint8)
        for place, (x, y, w, h) in enumerate(BOXES):
            inside = canvas[y : y + h, x : x + w]
            inside[:] = 0
            inside[:, : w // 2] = 255 * (place == 0)
            inside[: h // 2] |= np.uint8(255 * place)
            category = 2 - place if number == WRONG else 1 + place
            one = {"id": 2 * number + place, "image_id": number, "category_id": category, "bbox": [x, y, w, h]}
            objects.append({**one, "area": w * h, "iscrowd": 0, "segmentation": []})
        Image.fromarray(canvas).save(folder / f"{number}.png")
    content = {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 40, "height": 32} for i in range(12)],
        "annotations": objects,
        "categories": [{"id": 1 + i, "name": name} for i, name in enumerate(NAMES)],
    }
    (folder / "instances.json").write_text(json.dumps(content))
    annotations = f"dataset.annotations={folder / 'instances.json'}"
    return ("dataset=coco", f"dataset.images={folder}", annotations, "dataset.test_size=0")


def pixels(path: Path) -> npt.NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


def values(folder: Path) -> dict[str, float]:
    pool = pl.read_parquet(folder / "pool.parquet")
    return dict(zip(pool["title"], pool["object_annotation_quality"], strict=True))


def test_swapped_classes_are_found_and_nothing_is_cut_out_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, cache = images(tmp_path / "images"), tmp_path / "cache"
    project = f"platform.path={tmp_path / 'project.sqlite'}"
    assert play(tmp_path / "label", cache, *dataset, project, *QUALITY, "budget=12") == 0
    assert np.isnan(list(values(tmp_path / "label").values())).all()  # nothing was labelled when it was measured

    assert play(tmp_path / "score", cache, *dataset, project, *QUALITY, "action=score") == 0
    found = values(tmp_path / "score")
    assert found.pop(f"{WRONG}.png") == 0
    assert min(found.values()) >= 8 / 9
    crops = [pixels(path) for path in (cache / "crops").rglob("*.png")]
    assert len(crops) == 24
    assert {crop.shape for crop in crops} == {(h, w, 3) for _, _, w, h in BOXES}
    assert {crop.mean() for crop in crops} == {255 / 2}

    def refuse(*_: object) -> None:
        raise BadImage("decoded again")

    monkeypatch.setattr(decoding, "_upright", refuse)
    assert play(tmp_path / "again", cache, *dataset, project, *QUALITY, "action=score", "embedding.size=8") == 0
    assert values(tmp_path / "again") == values(tmp_path / "score")


def test_vectors_of_whole_images_are_refused(tmp_path: Path) -> None:
    dataset = images(tmp_path / "images")
    job = make_job(tmp_path / "run", tmp_path / "cache", *dataset, *QUALITY, "action=score")
    with pytest.raises(ConfigError, match="embedding=file has vectors of whole images only"):
        ACTIONS["score"](replace(job, embedding=File(tmp_path / "vectors.npy")))
