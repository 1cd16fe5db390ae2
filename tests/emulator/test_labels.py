"""Labels in the platform's words: nothing is lost either way, and the local project stays the truth."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alrun.emulator import Emulator
from alrun.emulator.labels import read, written
from alrun.emulator.ontology import Served
from alrun.emulator.rejection import Rejection
from alrun.platform.people import fault
from alrun.platform.testing import LABEL, ONTOLOGY
from alrun.platform.writes import SaveLabels
from alrun.types import Answer, Label, LabelledObject, Question, QuestionKind
from tests.emulator.conftest import connect

SERVED = Served(ONTOLOGY)
SIDES = st.integers(0, 1000).map(lambda side: side / 1000)
POINTS = st.tuples(SIDES, SIDES)
BOXES = st.tuples(POINTS, POINTS).map(
    lambda box: tuple(zip(*(sorted(pair) for pair in zip(*box, strict=True)), strict=True))
)


def answers(question: Question) -> st.SearchStrategy[Answer]:
    if question.kind is QuestionKind.TEXT:
        return st.text(min_size=1).map(lambda text: Answer(question.name, (text,)))
    most = 1 if question.kind is QuestionKind.RADIO else len(question.options)
    chosen = st.lists(st.sampled_from(question.options), min_size=1, max_size=most, unique=True)
    return chosen.map(lambda values: Answer(question.name, tuple(values)))


LABELS = st.builds(
    lambda given, objects: Label(tuple(given), tuple(objects)),
    st.lists(st.sampled_from(ONTOLOGY.questions).flatmap(answers), unique_by=lambda answer: answer.question),
    st.lists(
        st.builds(
            LabelledObject,
            st.sampled_from(ONTOLOGY.objects),
            st.one_of(BOXES, st.lists(POINTS, min_size=3, max_size=6).map(tuple)),
        ),
        max_size=4,
    ),
)


@given(LABELS)
def test_a_label_survives_the_way_there_and_back(label: Label) -> None:
    assert fault(label, ONTOLOGY) is None
    row = written(label, {"data_hash": "one"}, SERVED, "2026-01-02T03:04:05.000006+00:00")
    assert read(row, SERVED) == label


def test_feature_hashes_are_unique_and_lasting() -> None:
    hashes = [*SERVED.objects, *SERVED.questions, *SERVED.options]
    assert len(set(hashes)) == len(hashes) == 2 * 2 + 3 + 5
    assert list(Served(ONTOLOGY).objects) == list(SERVED.objects)
    assert SERVED.objects["fd4b5f3b"] == ("car", "bounding_box")  # labels of yesterday are read today


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({}, "CORRUPTED_LABEL_ERROR"),
        ({"data_units": {"one": {}}, "classification_answers": {}}, "CORRUPTED_LABEL_ERROR"),
        (
            {"data_units": {"one": {"labels": {"objects": [{"featureHash": "0"}]}}}, "classification_answers": {}},
            "FEATURE_DOES_NOT_EXIST_ERROR",
        ),
    ],
)
def test_what_is_no_label_row_is_refused(row: dict[str, Any], kind: str) -> None:
    with pytest.raises(Rejection) as caught:
        read(row, SERVED)
    assert caught.value.kind == kind


def test_what_people_label_elsewhere_is_read_by_the_sdk(emulator: Emulator) -> None:
    ref = emulator.ask(lambda: emulator.backend.tasks()[0].ref)
    emulator.act(SaveLabels((ref,), (LABEL,), "ann@example.org"))
    project: Any = connect(emulator).get_project(emulator.project_hash)
    row = project.list_label_rows_v2()[0]
    row.initialise_labels()
    weather, road, note = row.get_classification_instances()
    assert weather.get_answer().label == "rain"
    assert [option.label for option in road.get_answer()] == ["ice", "oil"]
    assert note.get_answer() == "<b>wet</b>"
    (car,) = row.get_object_instances()
    box = car.get_annotation(0).coordinates
    assert (car.object_name, box.top_left_x, box.top_left_y, box.width, box.height) == ("car", 0.1, 0.2, 0.4, 0.8)
    row.save()
    assert emulator.ask(lambda: emulator.backend.platform().labels([row.label_hash])) == {row.label_hash: LABEL}


def test_what_the_local_project_cannot_hold_is_kept_until_somebody_else_saves(emulator: Emulator) -> None:
    from encord.objects.coordinates import BoundingBoxCoordinates

    project: Any = connect(emulator).get_project(emulator.project_hash)
    row = project.list_label_rows_v2()[0]
    row.initialise_labels()
    car = project.ontology_structure.objects[0].create_instance()
    car.set_for_frames(
        BoundingBoxCoordinates(height=0.3, width=0.7, top_left_x=0.3, top_left_y=0.7), 0, confidence=0.25
    )
    row.add_object_instance(car)
    row.save()

    def instance() -> Any:
        fresh = project.list_label_rows_v2()[0]
        fresh.initialise_labels()
        (found,) = fresh.get_object_instances()
        return found

    assert (instance().object_hash, instance().get_annotation(0).confidence) == (car.object_hash, 0.25)
    ref = emulator.ask(lambda: emulator.backend.tasks()[0].ref)
    emulator.act(SaveLabels((ref,), (Label(objects=LABEL.objects),), "ann@example.org"))
    assert instance().object_hash != car.object_hash
    assert instance().get_annotation(0).confidence == 1


def test_a_label_outside_the_ontology_changes_nothing(emulator: Emulator) -> None:
    from encord.exceptions import FeatureDoesNotExistError

    project: Any = connect(emulator).get_project(emulator.project_hash)
    first, second, *_ = project.list_label_rows_v2()
    for row in (first, second):
        row.initialise_labels()
        instance = project.ontology_structure.classifications[0].create_instance()
        instance.set_answer(project.ontology_structure.classifications[0].attributes[0].options[0])
        instance.set_for_frames(0)
        row.add_classification_instance(instance)
    wrong = second.to_encord_dict()
    next(iter(wrong["classification_answers"].values()))["featureHash"] = "00000000"
    edited = [row.last_edited_at for row in project.list_label_rows_v2()]
    with pytest.raises(FeatureDoesNotExistError):
        project._client.save_label_rows(
            [first.label_hash, second.label_hash], [first.to_encord_dict(), wrong], validate_before_saving=False
        )
    assert [row.last_edited_at for row in project.list_label_rows_v2()] == edited
