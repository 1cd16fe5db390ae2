"""Object labels in the COCO format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alrun.datasets.base import Dataset
from alrun.datasets.coco import Coco
from alrun.datasets.importer import contents
from alrun.datasets.testing import DatasetContract
from alrun.errors import DataError
from alrun.types import Label, LabelledObject
from tests.datasets import pictures


def example(images: int = 1) -> dict[str, Any]:
    """Describe images of 10 x 20 pixels, and one box in the first."""
    return {
        "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}],
        "images": [{"id": i, "file_name": f"{i}.png", "width": 10, "height": 20} for i in range(images)],
        "annotations": [{"id": 50, "image_id": 0, "category_id": 3, "bbox": [1, 2, 3, 4]}],
    }


def coco(folder: Path, content: Any) -> Coco:
    (folder / "images").mkdir(exist_ok=True)
    (folder / "instances.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return Coco(folder / "images", folder / "instances.json")


def label(folder: Path, **annotation: Any) -> tuple[tuple[float, float], ...]:
    content = example()
    content["annotations"][0].update(annotation)
    (item,) = coco(folder, content).items()
    assert item.label is not None
    (found,) = item.label.objects
    assert found.name == "cat"
    return found.points


class TestCoco(DatasetContract):
    def dataset(self, folder: Path) -> Dataset:
        dataset = coco(folder, example(30))
        for seed in range(30):
            path = folder / "images" / f"{seed}.png"
            if not path.exists():
                path.write_bytes(pictures.encoded(pictures.noise(seed, 20, 10)))
        return dataset


def test_images_come_with_their_objects_and_an_image_without_any_is_labelled_empty(tmp_path: Path) -> None:
    dataset = coco(tmp_path, example(2))
    assert dataset.ontology().objects == ("dog", "cat")
    box = LabelledObject("cat", ((0.1, 0.1), (0.4, 0.3)))
    assert [(item.title, item.label) for item in dataset.items()] == [
        ("0.png", Label(objects=(box,))),
        ("1.png", Label()),
    ]


def test_points_worked_by_hand(tmp_path: Path) -> None:
    box = ((0.1, 0.1), (0.4, 0.3))
    assert label(tmp_path) == box
    assert label(tmp_path, bbox=[-5, 10, 100, 100]) == ((0, 0.5), (1, 1))  # clipped to the image
    assert label(tmp_path, segmentation=[[0, 0, 5, 0, 5, 30]]) == ((0, 0), (0.5, 0), (0.5, 1))
    assert label(tmp_path, segmentation=[[0, 0, 5, 0, 5, 5], [6, 6, 7, 6, 7, 7]]) == box  # stays one object
    assert label(tmp_path, segmentation={"counts": [1, 2], "size": [20, 10]}, iscrowd=1) == box
    assert label(tmp_path, segmentation=[[0, 0, 5, 0, 5, 5]], iscrowd=1) == box
    assert label(tmp_path, segmentation=[]) == box


@pytest.mark.parametrize(
    ("section", "change", "message"),
    [
        ("annotations", {"category_id": 4}, "annotation 50: category_id 4 is not in the file"),
        ("annotations", {"image_id": 9}, "annotation 50: image_id 9 is not in the file"),
        ("annotations", {"image_id": "0"}, "annotation 50: 'image_id' must be int, got '0'"),
        ("annotations", {"bbox": [1, 2, 3]}, "annotation 50: 'bbox' must be"),
        ("annotations", {"bbox": [1, 2, -3, 4]}, "annotation 50: 'bbox' must be"),
        ("annotations", {"bbox": None}, "annotation 50: 'bbox' must be a list"),
        ("annotations", {"bbox": [1, 2, 3, float("nan")]}, "annotation 50: 'bbox' must be a list of finite"),
        ("annotations", {"segmentation": [[0, 0, 1, 1]]}, "annotation 50: a polygon needs three"),
        ("annotations", {"segmentation": [[0, 0, 1, 1, 2, 2, 3]]}, "annotation 50: a polygon needs three"),
        ("annotations", {"id": None}, "annotation at place 0: 'id' must be int"),
        ("images", {"width": 0}, "annotation 50: its image is 0 x 20 pixels"),
        ("images", {"height": None}, "annotation 50: its image: 'height' must be int"),
        ("images", {"file_name": "../secret.png"}, "image 0: file_name .* inside the images' folder"),
        ("images", {"file_name": "/etc/passwd"}, "image 0: file_name .* inside the images' folder"),
        ("categories", {"name": "cat"}, "two categories are called 'cat' .ids 7 and 3"),
        ("categories", {"id": 3}, "category 3 occurs twice"),
    ],
)
def test_a_malformed_entry_is_named(section: str, change: dict[str, Any], message: str, tmp_path: Path) -> None:
    content = example()
    content[section][0].update(change)
    with pytest.raises(DataError, match=message):
        len(coco(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "expected an object with a list 'categories'"),
        ('{"categories": [], "images": {}}', "expected an object with a list 'images'"),
        ('{"categories": [3], "images": [], "annotations": []}', "category at place 0: expected an object, got 3"),
    ],
)
def test_a_file_that_is_no_coco_file_is_explained(content: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        coco(tmp_path, content).ontology()


def test_two_images_of_one_file_are_refused(tmp_path: Path) -> None:
    content = example(2)
    content["images"][1]["file_name"] = "0.png"
    with pytest.raises(DataError, match=r"two images have the file_name '0\.png' \(ids 0 and 1\)"):
        len(coco(tmp_path, content))


def test_missing_paths_are_explained(tmp_path: Path) -> None:
    dataset = coco(tmp_path, example())
    with pytest.raises(DataError, match=r"dataset\.annotations=.*expected a COCO .* is a folder"):
        Coco(dataset.images, tmp_path).identity()
    with pytest.raises(DataError, match=r"dataset\.images=.*does not exist"):
        Coco(tmp_path / "gone", dataset.annotations).identity()


def test_images_that_are_not_there_are_reported(tmp_path: Path) -> None:
    dataset = coco(tmp_path, example(2))
    (tmp_path / "images" / "1.png").write_bytes(pictures.png(0))
    assert [image.title for image in contents(dataset, tmp_path / "cache", 0).pool] == ["1.png"]


def test_all_annotations_at_fault_are_named_at_once(tmp_path: Path) -> None:
    content = example()
    (box,) = content["annotations"]
    wrong: tuple[dict[str, Any], ...] = ({"category_id": 4}, {"image_id": 9}, {"bbox": [1, 2, 3]}, {})
    content["annotations"] = [{**box, "id": number, **change} for number, change in enumerate(wrong)]
    with pytest.raises(DataError) as raised:
        coco(tmp_path, content).ontology()
    first, second, third = str(raised.value).splitlines()
    assert first.endswith("instances.json: annotation 0: category_id 4 is not in the file")
    assert second.strip() == "annotation 1: image_id 9 is not in the file"
    assert third.strip().startswith("annotation 2: 'bbox' must be [x, y, width, height]")


@pytest.mark.parametrize(
    "nothing",
    [
        {"bbox": [500, 5, 10, 10]}, {"bbox": [1, 2, 0, 4]}, {"bbox": [-9, -9, 9, 9]},
        {"segmentation": [[1, 1, 1, 5, 1, 9]]},
    ],
    ids=str,
)  # fmt: skip
def test_an_object_of_which_nothing_is_in_the_image_is_not_used_and_named(
    nothing: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    content = example()
    content["annotations"].append({**content["annotations"][0], "id": 51, **nothing})
    (item,) = coco(tmp_path, content).items()
    assert item.label is not None
    assert len(item.label.objects) == 1
    assert "not used, as nothing of it lies in its image: annotation 51" in caplog.text
