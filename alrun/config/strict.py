"""Plain data read by the annotations of a class: strictly, and with every problem at once."""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from functools import cache
from importlib import import_module
from typing import Any

from alrun.errors import ConfigError, one_of

_WORDS = {
    "Input should": "must",
    "an object": "a mapping",
    "a valid array": "a list",
    "a valid string": "text",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid boolean": "true or false",
    "Field required": "must be given",
    "Unexpected keyword argument": "unknown key",
    "Extra inputs are not permitted": "unknown key",
    "Input is not a valid path": "must be text, a path",
}
"""pydantic's words, and those of the config."""

_SIZES = {
    "too_short": "must have {min_length} or more items; given {actual_length}",
    "too_long": "must have {max_length} items or fewer; given {actual_length}",
    "string_too_short": "must have {min_length} or more characters",
    "string_too_long": "must have {max_length} characters or fewer",
}
"""What is said of the size of a value, by pydantic's name of the fault."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with the value at `key`: dotted, relative to what was read, empty for the whole."""

    key: str
    message: str
    given: Any = None
    unknown: bool = False
    missing: bool = False

    def below(self, parent: str) -> Problem:
        """Return the same problem, with the key relative to what holds `parent`."""
        key = ".".join(filter(None, (parent, self.key)))
        return Problem(key, self.message, self.given, self.unknown, self.missing)


Readers = Mapping[type, Callable[[Any], tuple[Any, list[Problem]]]]
"""How a value is read whose annotation is one of these types, such as a protocol; a mapping to it likewise."""


def read(
    kind: type, content: Mapping[str, Any], unknown: str = "unknown key", readers: Readers | None = None
) -> tuple[dict[str, Any], list[Problem]]:
    """Read the arguments of `kind`, a dataclass or any class, from JSON-able `content`.

    Parameters
    ----------
    unknown
        How a key that is no parameter is reported.
    readers
        For parameters that are components themselves.

    Returns
    -------
    arguments, problems
        The arguments that are right, in the types that the annotations name (tuples, enums, paths, nested
        dataclasses); parameters without an annotation take what is given. One problem for each thing wrong.
    """
    try:
        parameters, open_ended = _parameters(kind)
    except (NameError, TypeError, ValueError) as error:
        return {}, [Problem("", f"the annotations of {kind.__qualname__} cannot be read: {error}")]
    arguments: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, given in content.items():
        if name in parameters:
            value, found = _value(parameters[name].annotation, given, readers or {})
            problems.extend(problem.below(name) for problem in found)
            arguments[name] = value
        elif open_ended and not name.startswith("_"):
            arguments[name] = given
        else:
            problems.append(Problem(name, f"{unknown}; {one_of(name, list(parameters))}", given, unknown=True))
    for name, parameter in parameters.items():
        if name not in content and parameter.required:
            problems.append(Problem(name, "must be given", missing=True))
    return arguments, problems


def locate(path: str) -> Any:
    """Return what a dotted path names, such as ``package.module.Class``.

    Raises
    ------
    ImportError
        If there is no such module or nothing of this name in it.
    """
    module_name, _, name = path.rpartition(".")
    if not module_name or not all(part.isidentifier() for part in path.split(".")):
        raise ImportError(f"{path!r} is not of the form package.module.Class")
    module = import_module(module_name)
    if not hasattr(module, name):
        raise ImportError(f"{module_name} has no {name!r}; {one_of(name, _classes(module))}")
    return getattr(module, name)


def lacks(kind: type, protocol: type) -> list[str]:
    """Return the public members of `protocol` that the class `kind` does not have, without making an instance."""
    wanted = {name for base in protocol.__mro__ if base is not object for name in _own(base)}
    return sorted(name for name in wanted if not any(name in _own(base) for base in kind.__mro__))


@dataclass(frozen=True)
class _Parameter:
    annotation: Any
    required: bool


@cache
def _parameters(kind: type) -> tuple[dict[str, _Parameter], bool]:
    source = kind if is_dataclass(kind) else kind.__init__  # type: ignore[misc]
    hints = typing.get_type_hints(source, include_extras=True)
    parameters: dict[str, _Parameter] = {}
    open_ended = False
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            open_ended = True
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            parameters[name] = _Parameter(hints.get(name, Any), parameter.default is parameter.empty)
    return parameters, open_ended


def _value(annotation: Any, given: Any, readers: Readers) -> tuple[Any, list[Problem]]:
    if annotation is Any:
        return given, []
    if isinstance(annotation, type) and annotation in readers:
        return readers[annotation](given)
    if isinstance(annotation, type) and is_dataclass(annotation) and isinstance(given, Mapping):
        return _nested(annotation, given)
    item, *rest = typing.get_args(annotation) or (None,)
    if typing.get_origin(annotation) is Mapping and rest[0] in readers and isinstance(given, Mapping):
        read_parts = {name: readers[rest[0]](part) for name, part in given.items()}
        found = [problem.below(name) for name, (_, problems) in read_parts.items() for problem in problems]
        return {name: part for name, (part, _) in read_parts.items()}, found
    if typing.get_origin(annotation) is tuple and rest == [...] and is_dataclass(item) and isinstance(given, list):
        values = [_value(item, each, readers) for each in given]
        return tuple(v for v, _ in values), [p.below(str(i)) for i, (_, found) in enumerate(values) for p in found]
    from pydantic import PydanticUserError, ValidationError

    try:
        return _adapter(annotation).validate_json(json.dumps(given), strict=True), []
    except ValidationError as error:
        return None, _problems(given, error.errors())
    except ConfigError as error:
        return None, [Problem("", str(error), given)]
    except PydanticUserError as error:
        return None, [Problem("", f"its type {annotation} cannot be checked: {error}", given)]


def _nested(kind: type, given: Mapping[str, Any]) -> tuple[Any, list[Problem]]:
    arguments, problems = read(kind, given)
    if problems:
        return None, problems
    try:
        return kind(**arguments), []
    except (ValueError, ConfigError) as error:
        return None, [Problem("", str(error), dict(given))]


@cache
def _adapter(annotation: Any) -> Any:
    from pydantic import PydanticUserError, TypeAdapter

    try:
        return TypeAdapter(annotation, config={"extra": "forbid"})
    except PydanticUserError:  # pydantic takes no config for a dataclass itself, only for what holds one
        return TypeAdapter(annotation)


def _problems(given: Any, errors: Sequence[Mapping[str, Any]]) -> list[Problem]:
    """Return one problem for each place; what the branches of a union say about one place is joined by "or"."""
    places: dict[str, list[Mapping[str, Any]]] = {}
    for error in errors:
        places.setdefault(_place(given, error), []).append(error)
    problems = []
    for place, found in places.items():
        message = " or ".join(dict.fromkeys(_message(error, alone=len(found) == 1) for error in found))
        missing = found[0]["type"] == "missing"
        problems.append(Problem(place, message, None if missing else found[0]["input"], missing=missing))
    return problems


def _place(given: Any, error: Mapping[str, Any]) -> str:
    """Return the dotted place; pydantic adds the names of union branches to it, which are no keys of the data."""
    place: list[str] = []
    for step in error["loc"]:
        known = step in given if isinstance(given, Mapping) else isinstance(given, list) and step in range(len(given))
        if known:
            given = given[step]
            place.append(str(step))
    if error["type"] == "missing":
        place.append(str(error["loc"][-1]))
    return ".".join(place)


def _message(error: Mapping[str, Any], *, alone: bool) -> str:
    if error["type"] in {"literal_error", "enum"}:
        allowed = re.findall(r"'([^']*)'", error["ctx"]["expected"])
        return one_of(str(error["input"]), allowed) if alone else ", ".join(allowed)
    if error["type"] == "predicate_failed":
        name = str(error["msg"]).split("'")[1].removeprefix("is_")
        return f"must be {name.replace('_', ' ')}"
    if error["type"] in _SIZES:
        return _SIZES[error["type"]].format_map(error["ctx"])
    message = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    for words, ours in _WORDS.items():
        message = message.replace(words, ours, 1)
    return message


def _own(kind: type) -> set[str]:
    names = {*vars(kind), *vars(kind).get("__annotations__", {})}
    return {name for name in names if not name.startswith("_")}


def _classes(module: Any) -> list[str]:
    return sorted(n for n, v in vars(module).items() if inspect.isclass(v) and v.__module__ == module.__name__)
