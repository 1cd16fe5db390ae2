"""Labels in the platform's words, both ways."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b
from typing import Any, TypeVar

from alrun.emulator.ontology import Served, feature_hash, value
from alrun.emulator.rejection import Rejection
from alrun.types import Answer, Label, LabelledObject

T = TypeVar("T")
CONTENT = ("data_units", "object_answers", "classification_answers", "object_actions")
DECIMALS = 12  # a corner of a box is a sum: 0.1 + 0.7 is no longer 0.8, and 1 may become more than 1


def written(label: Label, unit: Mapping[str, Any], served: Served, at: str | None) -> dict[str, Any]:
    """Return the label parts of a label row of one image.

    Parameters
    ----------
    unit
        The row's data unit, without labels.
    at
        When the label was saved, as the local platform writes it.
    """
    stamp = "" if at is None else datetime.fromisoformat(at).strftime("%a, %d %b %Y %H:%M:%S UTC")
    objects = [
        _object(item, number, served, str(unit["data_hash"]), stamp) for number, item in enumerate(label.objects)
    ]
    answers = [_answer(answer, served, str(unit["data_hash"]), stamp) for answer in label.answers]
    return {
        "data_units": {unit["data_hash"]: {**unit, "labels": {"objects": objects, "classifications": []}}},
        "object_answers": {o["objectHash"]: {"objectHash": o["objectHash"], "classifications": []} for o in objects},
        "classification_answers": {answer["classificationHash"]: answer for answer in answers},
        "object_actions": {},
    }


def read(row: Mapping[str, Any], served: Served) -> Label:
    """Return what a label row of one image says.

    Raises
    ------
    Rejection
        If it is no label row, or names a feature that the ontology has not.
    """
    try:
        (unit,) = row["data_units"].values()
        objects = [_read_object(item, served) for item in unit["labels"].get("objects", ())]
        given = (a for a in row["classification_answers"].values() if _placed(a))
        answers = [answer for a in given if (answer := _read_answer(a, served)).values]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        reason = f"the label row cannot be read ({type(error).__name__}: {error})"
        raise Rejection(400, reason, "CORRUPTED_LABEL_ERROR") from error
    return Label(tuple(answers), tuple(objects))


def filtered(row: dict[str, Any], objects: list[str] | None, classifications: list[str] | None) -> dict[str, Any]:
    """Return the label row with the objects and classifications of these feature hashes only."""
    if objects is not None:
        units = {
            name: {**unit, "labels": {**unit["labels"], "objects": _of(unit["labels"]["objects"], objects)}}
            for name, unit in row["data_units"].items()
        }
        kept = {item["objectHash"] for unit in units.values() for item in unit["labels"]["objects"]}
        answers = {name: answer for name, answer in row["object_answers"].items() if name in kept}
        row = {**row, "data_units": units, "object_answers": answers}
    if classifications is not None:
        given = row["classification_answers"].items()
        row = {**row, "classification_answers": {k: a for k, a in given if a.get("featureHash") in classifications}}
    return row


def _of(items: list[dict[str, Any]], hashes: list[str]) -> list[dict[str, Any]]:
    return [item for item in items if item["featureHash"] in hashes]


def _object(item: LabelledObject, number: int, served: Served, data_hash: str, stamp: str) -> dict[str, Any]:
    shape = "bounding_box" if len(item.points) == 2 else "polygon"
    hash_ = feature_hash("object", item.name, shape)
    colour = next(o["color"] for o in served.editor["objects"] if o["featureNodeHash"] == hash_)
    written: dict[str, Any] = {
        "name": item.name, "color": colour, "shape": shape, "value": value(item.name),
        "createdAt": stamp, "createdBy": None, "lastEditedAt": stamp, "lastEditedBy": None, "confidence": 1.0,
        "objectHash": _instance(data_hash, "object", str(number)), "featureHash": hash_, "manualAnnotation": True,
    }  # fmt: skip
    if shape == "bounding_box":
        (left, top), (right, bottom) = item.points
        box = {"x": left, "y": top, "w": right - left, "h": bottom - top}
        return {**written, "boundingBox": {name: round(side, DECIMALS) for name, side in box.items()}}
    written["polygon"] = {str(place): {"x": x, "y": y} for place, (x, y) in enumerate(item.points)}
    written["polygons"] = [[[side for point in item.points for side in point]]]
    return written


def _answer(answer: Answer, served: Served, data_hash: str, stamp: str) -> dict[str, Any]:
    question = next(q for q in served.ontology.questions if q.name == answer.question)
    chosen: Any = answer.values[0]
    if question.options:
        chosen = [
            {"name": name, "value": value(name), "featureHash": feature_hash("option", question.name, name)}
            for name in answer.values
        ]
    attribute = {
        "name": question.name, "value": value(question.name), "answers": chosen,
        "featureHash": feature_hash("attribute", question.name), "manualAnnotation": True,
    }  # fmt: skip
    return {
        "classifications": [attribute], "classificationHash": _instance(data_hash, "answer", question.name),
        "featureHash": feature_hash("classification", question.name), "spaces": {}, "range": [[0, 0]],
        "createdBy": None, "createdAt": stamp, "lastEditedBy": None, "lastEditedAt": stamp,
        "confidence": 1.0, "manualAnnotation": True,
    }  # fmt: skip


def _instance(*names: str) -> str:
    """Return the hash of one labelled thing: eight characters of base 64, as the SDK makes them."""
    return b64encode(blake2b("\0".join(names).encode(), digest_size=6).digest()).decode()


def _placed(answer: Mapping[str, Any]) -> bool:
    # the platform drops an answer that says neither what it answers nor on which frames
    return answer.get("featureHash") is not None and bool(answer.get("range"))


def _read_object(item: Mapping[str, Any], served: Served) -> LabelledObject:
    name, shape = _known(served.objects, item["featureHash"])
    if shape == "bounding_box":
        box = item["boundingBox"]
        corners = (box["x"], box["y"]), (box["x"] + box["w"], box["y"] + box["h"])
        return LabelledObject(name, tuple((round(x, DECIMALS), round(y, DECIMALS)) for x, y in corners))
    if "polygon" not in item:
        return LabelledObject(name, _points(item["polygons"][0][0]))
    return LabelledObject(name, tuple((float(point["x"]), float(point["y"])) for point in item["polygon"].values()))


def _points(sides: list[float]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in zip(sides[::2], sides[1::2], strict=True))


def _read_answer(answer: Mapping[str, Any], served: Served) -> Answer:
    question = _known(served.questions, answer["featureHash"])
    chosen = answer["classifications"][0]["answers"] if answer["classifications"] else []
    if isinstance(chosen, str):
        return Answer(question, (chosen,))
    return Answer(question, tuple(_known(served.options, option["featureHash"]) for option in chosen))


def _known(features: Mapping[str, T], hash_: str) -> T:
    if hash_ not in features:
        raise Rejection(400, f"the ontology has no feature {hash_}", "FEATURE_DOES_NOT_EXIST_ERROR")
    return features[hash_]
