"""What the platform's structures mean in alrun's words."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest
from encord.objects import LabelRowV2, OntologyStructure, Shape
from encord.objects.attributes import ChecklistAttribute, NumericAttribute, RadioAttribute, TextAttribute
from encord.ontology import Ontology as SdkOntology
from encord.orm.label_row import LabelRowMetadata
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.errors import Refused
from alrun.platform.encord.labels import WHOLE_IMAGE, Vocabulary, read_label, vocabulary, write_label
from alrun.types import Answer, Label, LabelledObject, Ontology, Question, QuestionKind


def structure() -> OntologyStructure:
    made = OntologyStructure()
    car = made.add_object("car", Shape.BOUNDING_BOX)
    car.add_attribute(TextAttribute, "plate")
    made.add_object("car", Shape.POLYGON)
    made.add_object("sign", Shape.POLYGON)
    weather = made.add_classification().add_attribute(RadioAttribute, "weather")
    weather.add_option("sun")
    weather.add_option("rain").add_nested_attribute(TextAttribute, "how much")
    road = made.add_classification().add_attribute(ChecklistAttribute, "on the road")
    for option in ("ice", "leaves", "oil"):
        road.add_option(option)
    made.add_classification().add_attribute(TextAttribute, "note")
    made.add_classification().add_attribute(NumericAttribute, "temperature")
    return made


@pytest.fixture
def words() -> Vocabulary:
    return vocabulary(structure())


def hash_of(known: dict[str, Any], name: str) -> str:
    return next(feature for feature, value in known.items() if getattr(value, "name", value) == name)


def row(words: Vocabulary, *objects: dict[str, Any], **answers: Any) -> dict[str, Any]:
    """Return a label row of an image as the platform writes it."""
    classifications = [
        {
            "featureHash": hash_of(dict(words.questions), name.replace("_", " ")),
            "answers": given
            if isinstance(given, str)
            else [{"featureHash": hash_of(dict(words.options), option), "name": "renamed since"} for option in given],
        }
        for name, given in answers.items()
    ]
    return {
        "data_units": {"hash": {"labels": {"objects": list(objects), "classifications": []}}},
        "classification_answers": {str(n): {"classifications": [c]} for n, c in enumerate(classifications)},
    }


def drawn(words: Vocabulary, **shape: Any) -> dict[str, Any]:
    return {"featureHash": hash_of(dict(words.objects), "car"), "name": "renamed since", **shape}


def test_an_ontology_has_its_classes_once_and_its_image_level_questions(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        ontology = vocabulary(structure()).ontology
    assert ontology == Ontology(
        ("car", "sign"),
        (
            Question("weather", QuestionKind.RADIO, ("sun", "rain")),
            Question("on the road", QuestionKind.CHECKLIST, ("ice", "leaves", "oil")),
            Question("note", QuestionKind.TEXT),
        ),
    )
    assert "how much, plate, temperature" in caplog.text


def test_answers_are_read_by_feature_in_the_order_of_the_ontology(words: Vocabulary) -> None:
    label = read_label(row(words, note="wet", on_the_road=["oil", "ice"], weather=["rain"]), words)
    assert label.answers == (
        Answer("weather", ("rain",)), Answer("on the road", ("ice", "oil")), Answer("note", ("wet",)),
    )  # fmt: skip


def test_a_nested_answer_is_passed_over(words: Vocabulary) -> None:
    content = row(words, weather=["rain"])
    content["classification_answers"]["0"]["classifications"].insert(0, {"featureHash": "nested", "answers": "a lot"})
    assert read_label(content, words).answers == (Answer("weather", ("rain",)),)


BOX = ((0.25, 0.5), (0.75, 1.0))


@pytest.mark.parametrize(
    ("shape", "points"),
    [
        ({"boundingBox": {"x": 0.25, "y": 0.5, "w": 0.5, "h": 0.5}}, BOX),
        ({"boundingBox": {"x": 0.25, "y": 0.5, "w": 0.5, "h": 0.75}}, BOX),
        ({"rotatableBoundingBox": {"x": 0.25, "y": 0.5, "w": 0.5, "h": 0.5, "theta": 30}}, BOX),
        ({"circle": {"x": 0.5, "y": 0.75, "r": 0.25}}, BOX),
        ({"ellipse": {"x": 0.5, "y": 0.75, "rx": 0.25, "ry": 0.25, "theta": 0}}, BOX),
        ({"polygon": {"0": {"x": 0, "y": 0}, "1": {"x": 1, "y": 0}, "2": {"x": 0, "y": 1}}}, ((0, 0), (1, 0), (0, 1))),
        ({"polyline": {"0": {"x": 0.75, "y": 0.5}, "1": {"x": 0.25, "y": 1.0}}}, BOX),
        ({"polyline": [{"x": 0.75, "y": 0.5}, {"x": 0.25, "y": 1.0}]}, BOX),
        ({"point": {"0": {"x": 0.25, "y": 0.5}}}, ((0.25, 0.5), (0.25, 0.5))),
        ({"bitmask": {"rleString": "4", "top": 0}}, WHOLE_IMAGE),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_every_shape_has_an_outline(shape: dict[str, Any], points: object, words: Vocabulary) -> None:
    label = read_label(row(words, drawn(words, **shape)), words)
    assert label.objects == (LabelledObject("car", points),)  # type: ignore[arg-type]


def test_a_deleted_object_is_none(words: Vocabulary) -> None:
    assert read_label(row(words, drawn(words, isDeleted=True)), words).empty


class Named:
    structure = structure()


METADATA = {
    "label_hash": "l", "data_hash": "d", "dataset_hash": "s", "dataset_title": "set", "data_title": "1.png",
    "data_type": "IMAGE", "data_link": "", "spaces": {}, "label_status": "NOT_LABELLED", "number_of_frames": 1,
    "branch_name": "main", "width": 8, "height": 6,
}  # fmt: skip
EMPTY = {
    "label_hash": "l", "branch_name": "main", "dataset_hash": "s", "dataset_title": "set", "data_title": "1.png",
    "data_hash": "d", "data_type": "image", "label_status": "LABEL_IN_PROGRESS", "created_at": "2026-01-01 00:00:00",
    "last_edited_at": "2026-01-01 00:00:00", "object_answers": {}, "classification_answers": {}, "object_actions": {},
    "spaces": {}, "data_units": {"d": {
        "data_hash": "d", "data_title": "1.png", "data_link": "", "data_type": "image/png", "data_sequence": 0,
        "width": 8, "height": 6, "labels": {"objects": [], "classifications": []},
    }},
}  # fmt: skip


def sdk_row() -> LabelRowV2:
    made = LabelRowV2(LabelRowMetadata.from_dict(METADATA), cast("Any", None), cast("SdkOntology", Named()))
    made.from_labels_dict(EMPTY)
    return made


places = st.integers(0, 64).map(lambda n: n / 64)  # so that a corner plus a size is exact
points = st.tuples(places, places)
boxes = st.tuples(points, points).map(lambda p: (tuple(map(min, *p)), tuple(map(max, *p))))
objects = st.one_of(
    st.builds(LabelledObject, st.just("car"), boxes),
    st.builds(LabelledObject, st.sampled_from(["car", "sign"]), st.lists(points, min_size=3, max_size=6).map(tuple)),
)
chosen = st.sets(st.sampled_from(["ice", "leaves", "oil"]), min_size=1).map(lambda s: tuple(sorted(s)))
answers = st.tuples(
    st.builds(Answer, st.just("weather"), st.sampled_from([("sun",), ("rain",)])),
    st.builds(Answer, st.just("on the road"), chosen),
    st.builds(Answer, st.just("note"), st.text(min_size=1).map(lambda text: (text,))),
)
labels = st.builds(Label, st.one_of(st.just(()), answers), st.lists(objects, max_size=4).map(tuple))


@settings(max_examples=60)
@given(labels, labels)
def test_a_label_that_is_written_over_another_reads_as_it_was_written(earlier: Label, later: Label) -> None:
    target, known = sdk_row(), vocabulary(Named.structure)
    for label in (earlier, later):
        write_label(target, label)
        assert read_label(target.to_encord_dict(), known) == label


def test_a_shape_that_the_ontology_has_not_is_refused() -> None:
    with pytest.raises(Refused, match=r"'sign'.*bounding_box"):
        write_label(sdk_row(), Label(objects=(LabelledObject("sign", BOX),)))
