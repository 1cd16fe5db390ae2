"""YAML -> a filter, or every fault in it at once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from alrun.errors import ConfigError, one_of
from alrun.filters.apply import Filter
from alrun.filters.base import Predicate
from alrun.filters.listed import (
    AssignedTo,
    Edited,
    HasClass,
    HasMetadata,
    HasPriority,
    HasText,
    InLabelState,
    InStage,
    Tagged,
    Unassigned,
    Untagged,
)
from alrun.filters.looked_up import IsPredicted, LabelKnown, SelectedIn
from alrun.filters.measured import Highest, InQuantile, InRange, Lowest, Missing, OneOfEach
from alrun.filters.predicates import AllOf, AnyOf, Not

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

LEAVES: Mapping[str, type[Predicate]] = {
    "stage": InStage,
    "tags": Tagged,
    "untagged": Untagged,
    "object_class": HasClass,
    "label_state": InLabelState,
    "text": HasText,
    "assignee": AssignedTo,
    "unassigned": Unassigned,
    "priority": HasPriority,
    "edited": Edited,
    "metadata": HasMetadata,
    "metric": InRange,
    "missing": Missing,
    "quantile": InQuantile,
    "bottom": Lowest,
    "top": Highest,
    "one_of_each": OneOfEach,
    "predicted": IsPredicted,
    "selected_in": SelectedIn,
    "label_known": LabelKnown,
}
PREDICATES = (*LEAVES, "not", "any", "all")


@dataclass(frozen=True)
class Fault:
    """One fault: where it is, such as ``filters.all[2].metric.min``, and what is wrong, what is allowed."""

    path: str
    message: str


class FilterError(ConfigError):
    """A filter that cannot be read; `faults` has all of them, the message one line for each."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(f"{fault.path}: {fault.message}" for fault in faults))
        self.faults = tuple(faults)


def parse(node: Mapping[str, Any]) -> Filter:
    """Read a filter: a mapping of one predicate, usually `all`, as YAML gives it.

    Raises
    ------
    FilterError
        If anything in it is wrong; all faults at once.
    """
    faults: list[Fault] = []
    root = _predicate(node, "filters", faults)
    if root is None or faults:
        raise FilterError(faults)
    return Filter(root.parts if isinstance(root, AllOf) else (root,))


def _predicate(node: Any, path: str, faults: list[Fault]) -> Predicate | None:
    """Return the predicate at `path`; None if there is a fault in it, which is added to `faults`."""
    if not isinstance(node, Mapping) or len(node) != 1:
        message = f"given {node!r}; needed: one predicate and its value, of {', '.join(PREDICATES)}"
        faults.append(Fault(path, message))
        return None
    [(name, content)] = node.items()
    here = f"{path}.{name}"
    if name == "not":
        part = _predicate(content, here, faults)
        return None if part is None else Not(part)
    if name in {"any", "all"}:
        return _group(name, content, here, faults)
    if name not in LEAVES:
        faults.append(Fault(here, f"there is no such predicate; {one_of(str(name), PREDICATES)}"))
        return None
    return _leaf(LEAVES[name], content, here, faults)


def _group(name: str, content: Any, path: str, faults: list[Fault]) -> Predicate | None:
    if not isinstance(content, Sequence) or isinstance(content, str):
        faults.append(Fault(path, f"given {content!r}; needed: a list of predicates"))
        return None
    if name == "any" and not content:
        faults.append(Fault(path, "given an empty list, which no task could pass; needed: one predicate or more"))
        return None
    parts = [_predicate(part, f"{path}[{number}]", faults) for number, part in enumerate(content)]
    right = tuple(part for part in parts if part is not None)
    return AllOf(right) if name == "all" else AnyOf(right)


def _leaf(kind: type[Predicate], content: Any, path: str, faults: list[Fault]) -> Predicate | None:
    from pydantic import TypeAdapter, ValidationError

    parameters = [field.name for field in fields(kind)]
    alone = len(parameters) == 1  # its value is written without a name: `stage: [Annotate 1]`
    given = {parameters[0]: content} if alone else content
    if not isinstance(given, Mapping):
        faults.append(Fault(path, f"given {given!r}; needed: a mapping of {', '.join(parameters)}"))
        return None
    unknown = [str(key) for key in given if key not in parameters]
    faults.extend(Fault(f"{path}.{key}", f"unknown; {one_of(key, parameters)}") for key in unknown)
    known = {key: value for key, value in given.items() if key in parameters}
    try:
        found: Predicate = TypeAdapter(kind).validate_json(json.dumps(known, default=str), strict=True)
    except ValidationError as error:
        found_faults = (_fault(details, path, skip=int(alone)) for details in error.errors(include_url=False))
        faults.extend(fault for fault in found_faults if fault is not None)
        return None
    return None if unknown else found


_NEEDED = {
    "tuple_type": "a list",
    "too_short": "one or more",
    "string_type": "a text; write a number in quotes",
    "string_too_short": "a text that is not empty",
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "missing": "a value",
}


def _fault(details: ErrorDetails, path: str, skip: int) -> Fault | None:
    """Say what pydantic found in the words of YAML; None for what only follows from another fault."""
    place = path
    for part in details["loc"][skip:]:
        place += f"[{part}]" if isinstance(part, int) else f".{part}"
    kind, given = details["type"], details["input"]
    if kind == "value_error":
        return Fault(place, str(details["ctx"]["error"]))
    if kind == "literal_error":
        allowed = re.findall(r"'([^']*)'", details["ctx"]["expected"])
        return Fault(place, f"given {given!r}; {one_of(str(given), allowed)}")
    if kind == "too_short" and given:  # it counts the right items only, and each wrong one has its own fault
        return None
    what = "nothing" if kind == "missing" else repr(given)
    return Fault(place, f"given {what}; needed: {_NEEDED.get(kind, details['msg'].removeprefix('Input should be '))}")
