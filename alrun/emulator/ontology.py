"""An ontology in the platform's words.

The local platform knows an object class by its name alone, and labels of it may be boxes or polygons; the
platform's classes have one shape each. So each class is served twice, once with either shape and both with its
name, which the platform allows: a label is shown under the class of its own shape, and nothing is lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

from alrun.types import Ontology, QuestionKind

COLOURS = ("#D33115", "#E27300", "#16406C", "#FE9200", "#FCDC00", "#DBDF00", "#A4DD00", "#68CCCA", "#73D8FF", "#AEA1FF")
SHAPES = ("bounding_box", "polygon")


def feature_hash(*names: str) -> str:
    """Return the feature hash of what these names lead to: always the same eight hex digits."""
    return blake2b("\0".join(names).encode(), digest_size=4).hexdigest()


def value(name: str) -> str:
    """Return the name as the platform writes it where it is a value."""
    return "_".join(name.lower().split())


@dataclass(frozen=True)
class Served:
    """An ontology as it is served, and what its feature hashes mean."""

    ontology: Ontology

    @cached_property
    def objects(self) -> dict[str, tuple[str, str]]:
        """Every feature hash of an object class with the class's name and shape."""
        return {
            feature_hash("object", name, shape): (name, shape) for name in self.ontology.objects for shape in SHAPES
        }

    @cached_property
    def questions(self) -> dict[str, str]:
        """Every feature hash of a classification with the question's name."""
        return {feature_hash("classification", q.name): q.name for q in self.ontology.questions}

    @cached_property
    def options(self) -> dict[str, str]:
        """Every feature hash of an option with its name."""
        return {
            feature_hash("option", question.name, option): option
            for question in self.ontology.questions
            for option in question.options
        }

    @cached_property
    def editor(self) -> dict[str, Any]:
        """The ontology's JSON."""
        objects = [
            {
                "id": str(number), "name": name, "color": COLOURS[(number - 1) % len(COLOURS)], "shape": shape,
                "featureNodeHash": hash_, "required": False, "archived": False,
            }
            for number, (hash_, (name, shape)) in enumerate(self.objects.items(), start=1)
        ]  # fmt: skip
        classifications = [self._classification(number) for number in range(len(self.ontology.questions))]
        return {"objects": objects, "classifications": classifications, "skeleton_templates": []}

    def _classification(self, number: int) -> dict[str, Any]:
        question = self.ontology.questions[number]
        place = str(number + 1)
        attribute: dict[str, Any] = {
            "id": f"{place}.1", "name": question.name, "type": question.kind.value,
            "featureNodeHash": feature_hash("attribute", question.name),
            "required": False, "archived": False, "dynamic": False,
        }  # fmt: skip
        if question.kind is not QuestionKind.TEXT:
            attribute["options"] = [
                {
                    "id": f"{place}.1.{position}", "label": option, "value": value(option),
                    "featureNodeHash": feature_hash("option", question.name, option), "archived": False,
                }
                for position, option in enumerate(question.options, start=1)
            ]  # fmt: skip
        hash_ = feature_hash("classification", question.name)
        return {"id": place, "featureNodeHash": hash_, "attributes": [attribute]}
