"""Predictions from a file: which image and class a row is about, and that every wrong row is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.errors import AlrunError, ConfigError, DataError
from alrun.models.imported import Imported, ImportedModel, Known
from alrun.models.predictions import Predictions
from alrun.types import Ontology, Question, QuestionKind

OBJECTS = Ontology(objects=("cat", "dog"))
CLASSES = Ontology(questions=(Question("class", QuestionKind.RADIO, ("cat", "dog")),))
IMAGES = (
    Known("hash-0", "day/0.png", 20, 10),
    Known("hash-1", "night/0.png", 20, 10),
    Known("hash-2", "day/2.png", 20, 10),
    Known("hash-3", "twice.png", 20, 10),
    Known("hash-4", "twice.png", 20, 10),
    Known("hash-5", "unsized.png", None, None),
)
GOOD = {"data_hash": "hash-0", "class": "cat", "score": 0.5, "bbox": [1, 2, 3, 4]}
INSTANCES = {
    "categories": [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}, {"id": 9, "name": "cow"}],
    "images": [{"id": 40, "file_name": "day/2.png"}, {"id": 41, "file_name": "elsewhere.png"}],
}


def predictions(folder: Path, rows: Any, **fields: Any) -> Predictions:
    (folder / "results.json").write_text(json.dumps(rows))
    return Predictions(folder / "results.json", **fields)


def read(folder: Path, rows: Any, ontology: Ontology = OBJECTS, **fields: Any) -> Imported:
    return predictions(folder, rows, **fields).read(IMAGES, ontology)


def places(imported: Imported) -> list[int]:
    assert imported.objects is not None
    return [int(row) for row in imported.objects.images]


def instances(folder: Path) -> Path:
    (folder / "instances.json").write_text(json.dumps(INSTANCES))
    return folder / "instances.json"


def test_is_a_model_that_is_read_and_not_fitted(tmp_path: Path) -> None:
    model = predictions(tmp_path, [GOOD])
    assert isinstance(model, ImportedModel)
    assert model.inputs == "hashes"


class TestImages:
    @pytest.mark.parametrize(
        ("key", "value", "row"),
        [
            ("data_hash", "hash-2", 2),
            ("title", "day/2.png", 2),
            ("file_name", "day/0.png", 0),
            ("file_name", "2.png", 2),
            ("image_id", "hash-2", 2),
            ("image_id", "2.png", 2),
            ("image_id", 40, 2),
        ],
    )
    def test_are_found_by_each_key(self, key: str, value: object, row: int, tmp_path: Path) -> None:
        given = {**GOOD, key: value}
        if key != "data_hash":
            del given["data_hash"]
        assert places(read(tmp_path, [given], instances=instances(tmp_path))) == [row]

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"title": "twice.png"}, "title 'twice.png' is that of 2 images of the project; use data_hash"),
            ({"file_name": "0.png"}, "file_name '0.png' is that of 2 images of the project; use data_hash"),
            ({"image_id": 40}, "image_id is a number; name COCO's file .* model.instances=FILE"),
            ({"title": 5}, "title is 5; allowed: text"),
            ({}, "has no image; needed: exactly one of data_hash, title, file_name, image_id"),
            ({"title": "a", "image_id": 3}, "has title and image_id; needed: exactly one of"),
        ],
    )
    def test_that_cannot_be_told_are_named(self, given: dict[str, Any], message: str, tmp_path: Path) -> None:
        rest = {key: value for key, value in GOOD.items() if key != "data_hash"}
        with pytest.raises(DataError, match=f"1 of 2 rows cannot be used(.|\n)*row 2: {message}"):
            read(tmp_path, [GOOD, {**rest, **given}])

    def test_an_id_that_the_instances_file_lacks_is_named(self, tmp_path: Path) -> None:
        row = {"image_id": 99, "class": "cat", "score": 0.5, "bbox": [1, 2, 3, 4]}
        with pytest.raises(DataError, match=r"row 1: image_id 99 is not in the file model\.instances"):
            read(tmp_path, [row], instances=instances(tmp_path))

    def test_of_other_projects_are_left_out_but_one_must_be_ours(self, tmp_path: Path) -> None:
        other = {**GOOD, "data_hash": "of another project"}
        assert places(read(tmp_path, [other, GOOD])) == [0]
        with pytest.raises(
            DataError, match=r"none of its 1 rows is about an image of the project; titles .*'day/0\.png'"
        ):
            read(tmp_path, [other])

    def test_whose_size_is_unknown_cannot_have_boxes(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="row 1: the size of its image is not known"):
            read(tmp_path, [{**GOOD, "data_hash": "hash-5"}])


class TestClasses:
    def test_are_names_or_category_ids(self, tmp_path: Path) -> None:
        row = {key: value for key, value in GOOD.items() if key != "class"}
        by_id = [{**row, "category_id": 3}, {**row, "category_id": 7}]
        for fields in ({"instances": instances(tmp_path)}, {"category_ids": (3, 7)}):
            found = read(tmp_path, by_id, **fields).objects
            assert found is not None
            assert found.classes.tolist() == [0, 1]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"class": "dgo"}, "class 'dgo' is not in the project's ontology; did you mean 'dog'"),
            ({"category_id": 3}, "needs a class or a category_id, one of the two"),
            ({"class": None, "category_id": None}, "needs a class or a category_id, one of the two"),
        ],
    )
    def test_that_are_unknown_are_named(self, change: dict[str, Any], message: str, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=f"row 1: {message}"):
            read(tmp_path, [{**GOOD, **change}])

    def test_a_category_id_is_never_guessed(self, tmp_path: Path) -> None:
        row = {"data_hash": "hash-0", "category_id": 1, "score": 0.5, "bbox": [1, 2, 3, 4]}
        with pytest.raises(DataError, match=r"category_id is a number; say which class it is: model\.instances=FILE"):
            read(tmp_path, [row])
        with pytest.raises(DataError, match=r"category_id is 1; allowed: 7 \(dog\), 3 \(cat\), 9 \(cow\)"):
            read(tmp_path, [row], instances=instances(tmp_path))
        with pytest.raises(DataError, match="class 'cow' is not in the project's ontology"):
            read(tmp_path, [{**row, "category_id": 9}], instances=instances(tmp_path))
        with pytest.raises(DataError, match="a different id for each of the ontology's 2 object classes"):
            read(tmp_path, [row], category_ids=(1,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": 1.5}, "score is 1.5; allowed: a number in 0..1"),
        ({"score": float("nan")}, "score is nan; allowed"),
        ({"score": True}, "score is True; allowed"),
        ({"score": None}, "has no score"),
        ({"bbox": [1, 2, 3]}, r"bbox is \[1, 2, 3\]; allowed: x, y, width, height in pixels"),
        ({"bbox": [1, 2, 0, 4]}, "bbox is .* the sizes above 0"),
        ({"bbox": [1, 2, 3, float("inf")]}, "bbox is .* finite"),
        ({"bbox": [20, 2, 3, 4]}, r"bbox .* lies outside its image of 20 x 10 pixels"),
        ({"bbox": [-9, 2, 3, 4]}, r"bbox .* lies outside its image"),
        ({"segmentation": [[0, 0, 5, 0]]}, "segmentation has a polygon of 4 numbers"),
        ({"segmentation": [[0, 0, 5, 0, 5, 10**400]]}, "segmentation must be polygons: lists of finite numbers"),
        ({"segmentation": []}, "segmentation has no polygon"),
        ({"segmentation": "x"}, "segmentation must be polygons .* or run lengths"),
        (
            {"segmentation": {"size": [20, 10], "counts": [200]}},
            r"segmentation has the size \[20, 10\]; the image's is",
        ),
        (
            {"segmentation": {"size": [10, 20], "counts": [1, 2]}},
            "segmentation has counts that sum to 3; the image has 200 pixels",
        ),
        (
            {"segmentation": {"size": [10, 20], "counts": [-1, 201]}},
            "segmentation has counts that are neither whole numbers",
        ),
        ({"segmentation": {"size": [10, 20], "counts": "P"}}, "segmentation has counts that are cut off"),
        ({"segmentation": {"size": [10, 20], "counts": "\x00"}}, "segmentation has counts that are not COCO's"),
        ({"probabilities": {"cat": 0.5}}, "has no probability of dog"),
        ({"probabilities": {"cat": 0.5, "dog": 0.4}}, "has probabilities that sum to 0.9; needed: 1"),
        ({"probabilities": {"cat": 0.5, "dog": 0.5, "cow": 0}}, "has a probability of 'cow', which is not a class"),
        ({"probabilities": {"cat": -0.5, "dog": 1.5}}, "the probability of cat is -0.5; allowed"),
        ({"probabilities": [0.5, 0.5]}, r"probabilities are \[0.5, 0.5\]; allowed: an object"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    good = {**GOOD, "probabilities": {"cat": 0.5, "dog": 0.5}} if "probabilities" in change else GOOD
    with pytest.raises(DataError, match=f"(.|\n)*row 2: {message}"):
        read(tmp_path, [good, {**good, **change}])


def test_an_object_without_any_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 2: needs a box"):
        read(tmp_path, [GOOD, {key: value for key, value in GOOD.items() if key != "bbox"}])


def test_probabilities_of_some_rows_only_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="row 1: has no probabilities, which other rows have"):
        read(tmp_path, [GOOD, {**GOOD, "probabilities": {"cat": 0.5, "dog": 0.5}}])


def test_equal_faults_are_told_once_and_all_rows_are_named(tmp_path: Path) -> None:
    rows = [GOOD] * 3 + [{**GOOD, "score": 7}] * 4 + [GOOD] + [{**GOOD, "score": 7, "class": 3}]
    with pytest.raises(DataError) as error:
        read(tmp_path, rows)
    assert (
        str(error.value)
        .splitlines()[0]
        .endswith("results.json: 5 of 9 rows cannot be used (rows are counted from 1; nothing of the file was used):")
    )
    assert str(error.value).splitlines()[1] == "  rows 4-7, 9: score is 7; allowed: a number in 0..1"
    many = [{**GOOD, "score": 2 + number} for number in range(50)]
    with pytest.raises(DataError, match="and other faults in rows 21-50"):
        read(tmp_path, many)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
SEGMENTATION = st.one_of(
    JSON,
    st.lists(st.lists(st.floats(allow_nan=False), min_size=6, max_size=8), min_size=1, max_size=2),
    st.fixed_dictionaries(
        {
            "size": st.just([10, 20]) | JSON,
            "counts": st.text("0123456789:;<=>?@ABCDPQRSTUVWXYZ`abcdefghijklmno", max_size=12)
            | st.lists(st.integers(0, 210), max_size=5)
            | JSON,
        }
    ),
)
FIELDS = {
    "data_hash": JSON | st.just("hash-1"),
    "image_id": JSON,
    "class": JSON | st.just("dog"),
    "category_id": JSON,
    "score": JSON,
    "bbox": JSON | st.lists(st.floats(), min_size=4, max_size=4),
    "segmentation": SEGMENTATION,
    "probabilities": JSON | st.fixed_dictionaries({"cat": JSON, "dog": JSON}),
}
WRONG = st.dictionaries(st.sampled_from(sorted(FIELDS)), st.none()).flatmap(
    lambda keys: st.fixed_dictionaries({key: FIELDS[key] for key in keys})
)


@settings(max_examples=150)
@given(st.lists(st.one_of(st.just(GOOD), WRONG.map(lambda change: {**GOOD, **change}), JSON), max_size=6))
def test_any_rows_are_read_or_every_wrong_one_is_named(tmp_path_factory: pytest.TempPathFactory, rows: Any) -> None:
    """A row is wrong if it cannot be read beside good ones; those, and no others, are named."""
    folder = tmp_path_factory.mktemp("rows")
    chances = any(isinstance(row, dict) and "probabilities" in row for row in rows)
    good = {**GOOD, "probabilities": {"cat": 1, "dog": 0}} if chances else GOOD

    def refused(some: list[Any]) -> str | None:
        try:
            read(folder, [good, *some])
        except DataError as error:
            return str(error)
        return None

    wrong = [number for number, row in enumerate(rows, 2) if refused([row]) is not None]
    message = refused(rows)
    assert (message is not None) == bool(wrong)
    if message is not None:
        assert f"{len(wrong)} of {len(rows) + 1} rows" in message
        named: set[int] = set()
        for line in message.splitlines()[1:]:
            spans = re.search(r"rows? ([\d, -]+)", line)
            assert spans is not None
            for span in spans[1].strip(" ,").split(", "):
                first, _, last = span.partition("-")
                named |= set(range(int(first), int(last or first) + 1))
        assert named == set(wrong)


class TestFormats:
    ROWS = (
        {"title": "day/2.png", "class": "dog", "score": 0.25, "bbox": [1.5, 2, 3, 4], "probabilities": [0.25, 0.75]},
        {"title": "day/0.png", "class": "cat", "score": 1, "bbox": [0, 0, 20, 10], "probabilities": [1, 0]},
    )

    def test_the_same_rows_mean_the_same_in_each(self, tmp_path: Path) -> None:
        mask = {"size": [10, 20], "counts": [50, 100, 50]}
        rows = [
            {**row, "probabilities": dict(zip(("cat", "dog"), row["probabilities"], strict=True)), "segmentation": mask}  # type: ignore[call-overload]
            for row in self.ROWS
        ]
        frame = pl.DataFrame(
            {
                "title": [row["title"] for row in self.ROWS],
                "class": [row["class"] for row in self.ROWS],
                "score": [row["score"] for row in self.ROWS],
                **{side: [row["bbox"][i] for row in self.ROWS] for i, side in enumerate(("x", "y", "width", "height"))},  # type: ignore[index]
                "segmentation": [json.dumps(mask)] * 2,
                "p_cat": [0.25, 1.0],
                "p_dog": [0.75, 0.0],
            },
            strict=False,
        )
        frame.write_csv(tmp_path / "results.csv")
        frame.write_parquet(tmp_path / "results.parquet")
        first = read(tmp_path, rows).objects
        assert first is not None
        assert first.images.tolist() == [0, 2]
        assert first.probabilities is not None
        assert first.probabilities.tolist() == [[1, 0], [0.25, 0.75]]
        for name in ("results.csv", "results.parquet"):
            other = Predictions(tmp_path / name).read(IMAGES, OBJECTS).objects
            assert other is not None
            for field in ("images", "classes", "scores", "boxes", "probabilities"):
                np.testing.assert_array_equal(getattr(other, field), getattr(first, field))
            assert other.masks == first.masks

    def test_a_cell_that_is_no_number_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "results.csv").write_text(
            "title,class,score,x,y,width,height\nday/2.png,cat,high,1,2,3,4\nday/2.png,cat,.5,1,,3,4\n"
        )
        with pytest.raises(DataError) as error:
            Predictions(tmp_path / "results.csv").read(IMAGES, OBJECTS)
        assert "row 1: score is 'high'; allowed: a number in 0..1" in str(error.value)
        assert "row 2: bbox is [1, None, 3, 4]; allowed" in str(error.value)

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("a.json", "{", "is not JSON"),
            ("a.json", "{}", "expected a list of objects"),
            ("a.txt", "", "ends with .json, .csv or .parquet"),
            ("a.parquet", "no", "cannot be read"),
            ("a.csv", "", "cannot be read"),
        ],
    )
    def test_a_file_that_is_none_is_explained(self, name: str, content: str, message: str, tmp_path: Path) -> None:
        (tmp_path / name).write_text(content)
        with pytest.raises(DataError, match=message):
            Predictions(tmp_path / name).read(IMAGES, OBJECTS)

    def test_a_file_that_is_not_there_is_explained(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"model\.path=.*there is no file"):
            Predictions(tmp_path / "gone.json").read(IMAGES, OBJECTS)
        with pytest.raises(DataError, match=r"model\.instances=.*there is no file"):
            read(tmp_path, [GOOD], instances=tmp_path / "gone.json")


class TestClassProbabilities:
    def test_are_found_by_data_hash_in_any_order(self, tmp_path: Path) -> None:
        frame = pl.DataFrame({"file_name": ["2.png", "day/0.png"], "p_dog": [0.1, 0.7], "p_cat": [0.9, 0.3]})
        frame.write_parquet(tmp_path / "classes.parquet")
        imported = Predictions(tmp_path / "classes.parquet").read(IMAGES, CLASSES)
        found = imported.predict_proba(np.array(["hash-0", "hash-2", "hash-0"]))
        np.testing.assert_allclose(found, [[0.3, 0.7], [0.9, 0.1], [0.3, 0.7]])
        assert imported.predict_proba(np.array([], np.str_)).shape == (0, 2)
        assert (imported.has("hash-0"), imported.has("hash-1")) == (True, False)

    def test_that_are_missing_or_given_twice_are_named(self, tmp_path: Path) -> None:
        row = {"data_hash": "hash-0", "probabilities": {"cat": 0.5, "dog": 0.5}}
        imported = read(tmp_path, [row], CLASSES)
        with pytest.raises(DataError, match="no class probabilities for 2 of 3 images: data hash hash-1, hash-2"):
            imported.predict_proba(np.array(["hash-0", "hash-1", "hash-2"]))
        with pytest.raises(DataError, match="row 3: its image has probabilities already, in row 1"):
            read(tmp_path, [row, {**row, "data_hash": "hash-1"}, row], CLASSES)

    def test_rounded_ones_sum_to_1_exactly(self, tmp_path: Path) -> None:
        row = {"data_hash": "hash-0", "probabilities": {"cat": 0.3333, "dog": 0.666}}
        found = read(tmp_path, [row], CLASSES).predict_proba(np.array(["hash-0"]))
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=0, atol=1e-15)

    def test_one_kind_is_not_taken_for_the_other(self, tmp_path: Path) -> None:
        row = {"data_hash": "hash-0", "probabilities": {"cat": 0.5, "dog": 0.5}}
        with pytest.raises(ConfigError, match="choose a strategy that goes by them"):
            read(tmp_path, [row], CLASSES).detections(["hash-0"])
        with pytest.raises(ConfigError, match="strategy=detection"):
            read(tmp_path, [GOOD]).predict_proba(np.array(["hash-0"]))
        with pytest.raises(DataError, match="holds objects, but the project's ontology has no object class"):
            read(tmp_path, [GOOD], CLASSES)
        with pytest.raises(DataError, match="ontology has no radio question"):
            read(tmp_path, [row], OBJECTS)


def test_an_empty_file_says_that_nothing_was_found(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    imported = read(tmp_path, [])
    assert "has no row: nothing was found in any of" in caplog.text
    assert len(imported.detections(["hash-0", "hash-1"])) == 0
    assert imported.has("hash-0")


def test_what_is_saved_says_where_it_came_from(tmp_path: Path) -> None:
    imported = read(tmp_path, [GOOD])
    (tmp_path / "model").mkdir()
    imported.save(tmp_path / "model")
    saved = json.loads((tmp_path / "model" / "imported.json").read_text())
    assert saved == {"source": str(tmp_path / "results.json"), "digest": imported.digest, "images": len(IMAGES)}


def test_an_image_that_came_later_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(AlrunError, match="start anew"):
        read(tmp_path, [GOOD]).detections(["new"])
