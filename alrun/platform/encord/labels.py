"""Ontologies and labels: from the platform's structures to alrun's, and labels back."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alrun.errors import Refused
from alrun.types import Answer, Label, LabelledObject, Ontology, Question, QuestionKind

if TYPE_CHECKING:
    from encord.objects import LabelRowV2, OntologyStructure
    from encord.objects.attributes import Attribute

log = logging.getLogger("alrun")

Point = tuple[float, float]

WHOLE_IMAGE: tuple[Point, ...] = ((0.0, 0.0), (1.0, 1.0))


@dataclass(frozen=True)
class Vocabulary:
    """An ontology, and what its feature hashes mean: an object's, a question's and an option's."""

    ontology: Ontology
    objects: Mapping[str, str]
    questions: Mapping[str, Question]
    options: Mapping[str, str]


def vocabulary(structure: OntologyStructure) -> Vocabulary:
    """Convert the ontology of a project.

    Questions that hang on an option or on an object are left out, and numeric ones, with a line in the log.
    """
    objects = {item.feature_node_hash: item.name for item in structure.objects}
    questions: dict[str, Question] = {}
    options: dict[str, str] = {}
    ignored: list[str] = [a.name for item in structure.objects for a in item.attributes]
    for classification in structure.classifications:
        for attribute in classification.attributes:
            question = _question(attribute)
            if question is None or question.name in {known.name for known in questions.values()}:
                ignored.append(attribute.name)
                continue
            questions[attribute.feature_node_hash] = question
            options |= {option.feature_node_hash: option.label for option in attribute.options}
            ignored += [nested.name for option in attribute.options for nested in option.attributes]
    if ignored:
        log.info("the ontology has questions that alrun does not read: %s", ", ".join(sorted(set(ignored))))
    ontology = Ontology(tuple(dict.fromkeys(objects.values())), tuple(questions.values()))
    return Vocabulary(ontology, objects, questions, options)


def read_label(row: Mapping[str, Any], words: Vocabulary) -> Label:
    """Return what is labelled in a label row of an image.

    A box and a polygon keep their outline. A rotated box stands for itself before it was rotated, other shapes
    for the box around their points, and those without points (bitmasks) for the whole image.
    """
    answers: dict[str, Answer] = {}
    for classification in row["classification_answers"].values():
        for given in classification["classifications"]:
            question = words.questions.get(given["featureHash"])
            if question is not None:
                answers.setdefault(question.name, Answer(question.name, _values(given["answers"], question, words)))
    objects = [
        LabelledObject(words.objects.get(item["featureHash"], item["name"]), _outline(item))
        for unit in row["data_units"].values()
        for item in unit["labels"].get("objects", ())
        if not item.get("isDeleted")
    ]
    ordered = [answers[question.name] for question in words.ontology.questions if question.name in answers]
    return Label(tuple(ordered), tuple(objects))


def write_label(row: LabelRowV2, label: Label) -> None:
    """Put `label` in place of what is labelled in an initialised row of an image; `row.save` sends it.

    Raises
    ------
    Refused
        If the ontology has an object's class, but not for a box or a polygon.
    """
    from encord.objects import Classification, Object, Shape
    from encord.objects.coordinates import BoundingBoxCoordinates, PointCoordinate, PolygonCoordinates

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's own, within
        for old in row.get_object_instances():
            row.remove_object(old)
        for past in row.get_classification_instances():
            row.remove_classification(past)
    for item in label.objects:
        shape = Shape.BOUNDING_BOX if len(item.points) == 2 else Shape.POLYGON
        classes = row.ontology_structure.get_children_by_title(item.name, Object)
        kind = next((found for found in classes if found.shape is shape), None)
        if kind is None:
            raise Refused(f"the ontology has no object class {item.name!r} of shape {shape.value!r}")
        drawn = kind.create_instance()
        if shape is Shape.BOUNDING_BOX:
            (left, top), (right, bottom) = item.points
            drawn.set_for_frames(BoundingBoxCoordinates(bottom - top, right - left, left, top))
        else:
            drawn.set_for_frames(PolygonCoordinates([PointCoordinate(x, y) for x, y in item.points]))
        row.add_object_instance(drawn)
    for answer in label.answers:
        classification = row.ontology_structure.get_child_by_title(answer.question, Classification)
        attribute = classification.attributes[0]
        given = classification.create_instance()
        chosen = [option for option in attribute.options if option.label in answer.values]
        given.set_answer(_sdk_answer(attribute, chosen, answer), attribute)
        given.set_for_frames()
        row.add_classification_instance(given)


def _sdk_answer(attribute: Attribute[Any], chosen: list[Any], answer: Answer) -> Any:
    kind = QuestionKind(attribute.get_property_type().value)
    if kind is QuestionKind.TEXT:
        return answer.values[0]
    return chosen[0] if kind is QuestionKind.RADIO else chosen


def _question(attribute: Attribute[Any]) -> Question | None:
    kind = attribute.get_property_type().value
    if kind not in set(QuestionKind):
        return None
    return Question(attribute.name, QuestionKind(kind), tuple(option.label for option in attribute.options))


def _values(given: str | Iterable[Mapping[str, Any]], question: Question, words: Vocabulary) -> tuple[str, ...]:
    if isinstance(given, str):
        return (given,)
    chosen = {words.options.get(option["featureHash"], option["name"]) for option in given}
    return tuple(option for option in question.options if option in chosen)


def _outline(item: Mapping[str, Any]) -> tuple[Point, ...]:
    box = item.get("boundingBox") or item.get("rotatableBoundingBox")
    if box:
        return _within((box["x"], box["y"]), (box["x"] + box["w"], box["y"] + box["h"]))
    round_ = item.get("circle") or item.get("ellipse")
    if round_:
        across, down = round_.get("rx", round_.get("r")), round_.get("ry", round_.get("r"))
        x, y = round_["x"], round_["y"]
        return _within((x - across, y - down), (x + across, y + down))
    drawn: Any = next((item[shape] for shape in ("polygon", "polyline", "point", "skeleton") if item.get(shape)), {})
    values = drawn.values() if isinstance(drawn, Mapping) else drawn
    points = [(p["x"], p["y"]) for p in values if isinstance(p, Mapping) and "x" in p and "y" in p]
    if item.get("polygon") and len(points) >= 3:
        return _within(*points)
    if points:
        across_, down_ = zip(*points, strict=True)
        return _within((min(across_), min(down_)), (max(across_), max(down_)))
    return WHOLE_IMAGE


def _within(*points: Point) -> tuple[Point, ...]:
    return tuple((min(1.0, max(0.0, float(x))), min(1.0, max(0.0, float(y)))) for x, y in points)
