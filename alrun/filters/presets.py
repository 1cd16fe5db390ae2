"""A filter preset of the Encord platform -> predicates that mean the same, or every reason why there are none.

Of what a preset can hold, the platform's documentation shows one kind of filter ("Label Validation Collections",
docs.encord.com): it lets the data through that have one of some values of client metadata, or keeps these out::

    {"key": "site", "include": true, "values": ["Oslo", "Bergen"], "type": "varchar"}

All filters of a preset have to hold. The `type` is one of client metadata, as the official SDK calls them:

=============================================  ===========================================================
`varchar`, `string`, `text`, `long_string`,    texts, equal in every character
`enum`
`uuid`                                         texts, as a UUID is usually written: in lower case, hyphens
`boolean`                                      true and false
`number`                                       numbers, equal as numbers, however each is written
=============================================  ===========================================================

Data without the key have none of the values: `include: false` lets them through, as `not` does everywhere.

Anything else is refused: filters of metrics, classes, stages, searches, annotations and the like are not documented;
a moment (`datetime`) can be written in many ways, of which client metadata may hold any; and two numbers may be two
values or the bounds of a range, about which the documentation is silent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any
from uuid import UUID

from alrun.errors import ConfigError, one_of
from alrun.platform.presets import FilterPreset

Content = dict[str, Any]

_EVERYWHERE = ("globalFilters", "global_filters")
_IN_PLACES = ("localFilters", "local_filters")
_KEYS = ("key", "include", "values", "type")
_LONGEST = 200


def named(wanted: str, presets: Sequence[FilterPreset]) -> FilterPreset:
    """Return the preset whose uuid or name is `wanted`.

    Raises
    ------
    ConfigError
        If there is none, or several have the name.
    """
    found = [one for one in presets if one.uuid == wanted.lower()] or [one for one in presets if one.name == wanted]
    if not found:
        allowed = sorted({one.name for one in presets})
        raise ConfigError(f"preset={wanted!r}: the project has no such filter preset; {one_of(wanted, allowed)}")
    if len(found) > 1:
        uuids = ", ".join(sorted(f"preset={one.uuid}" for one in found))
        raise ConfigError(f"preset={wanted!r}: {len(found)} filter presets have this name; choose one of {uuids}")
    return found[0]


def translate(definition: Any) -> list[Content]:
    """Return the predicates, as YAML has them, all of which a task has to meet.

    Parameters
    ----------
    definition
        The JSON of the preset, as the platform keeps it.

    Raises
    ------
    ConfigError
        If any part of it is not understood; the message has a line for each, with the reason.
    """
    reasons: list[str] = []
    predicates: list[Content] = []
    for number, content in enumerate(_filters(definition, reasons), 1):
        wrong = list(_wrong(content))
        reasons.extend(f"filter {number}, {_shown(content)}: {reason}" for reason in wrong)
        if not wrong:
            predicates.append(_predicate(content))
    if reasons:
        raise ConfigError(
            "the filter preset is not understood as a whole, so nothing of it was imported:"
            + "".join(f"\n    {reason}" for reason in reasons)
            + "\nWrite what you mean by it into a file filters/NAME.yaml yourself, and choose it by filters=NAME"
        )
    if not predicates:
        raise ConfigError("the filter preset holds no filter, so there is nothing to import: use filters=all")
    return predicates


def _filters(definition: Any, reasons: list[str]) -> list[Any]:
    """Return the filters of a preset; to `reasons` is added what else there is in it."""
    if not isinstance(definition, Mapping):
        reasons.append(f"{_shown(definition)}: a preset is an object with {_EVERYWHERE[0]}")
        return []
    filters: list[Any] = []
    for name, content in definition.items():
        if name in _EVERYWHERE and _is_list_of_filters(content):
            filters.extend(content["filters"])
        elif name in _EVERYWHERE or name not in _IN_PLACES:
            reasons.append(f"{name}, {_shown(content)}: what that means is not documented")
        elif not isinstance(content, Mapping):
            reasons.append(f"{name}, {_shown(content)}: needed are lists of filters, by what they are for")
        else:
            reasons.extend(
                f"{name} {place}, {_shown(part)}: where filters hold that are not global is not documented"
                for place, part in content.items()
                if not _is_list_of_filters(part) or part["filters"]
            )
    return filters


def _is_list_of_filters(content: Any) -> bool:
    return isinstance(content, Mapping) and content.keys() == {"filters"} and isinstance(content["filters"], list)


def _wrong(content: Any) -> Iterator[str]:
    """Yield why a filter is not understood."""
    if not isinstance(content, Mapping):
        yield f"a filter is an object with {', '.join(_KEYS)}"
        return
    if unknown := [str(key) for key in content if key not in _KEYS]:
        yield f"what {', '.join(unknown)} means is not documented"
    if missing := [key for key in _KEYS if key not in content]:
        yield f"it has no {', '.join(missing)}"
        return
    key, include, values, kind = (content[name] for name in _KEYS)
    if not isinstance(key, str) or not key:
        yield "its key is not the name of client metadata"
    elif reason := _unwritable(key):
        yield f"its key {reason}"
    if not isinstance(include, bool):
        yield "its include is neither true nor false"
    if not isinstance(values, list) or not values:
        yield "its values must be a non-empty list"
    elif not isinstance(kind, str) or kind not in _KINDS:
        yield f"its type is none that alrun can compare; {one_of(str(kind), list(_KINDS))}"
    else:
        yield from _wrong_values(kind, values)


def _wrong_values(kind: str, values: Sequence[Any]) -> Iterator[str]:
    right, what = _KINDS[kind]
    if wrong := [value for value in values if not right(value)]:
        yield f"of its values, {', '.join(map(_shown, wrong))}: needed for the type {kind} are {what}"
        return
    for value in values:
        if isinstance(value, str) and (reason := _unwritable(value)):
            yield f"its value {_shown(value)} {reason}"
    if kind == "number" and len(set(values)) == 2:
        yield "its two numbers may be two values or the bounds of a range, which the documentation does not say"


def _predicate(content: Mapping[str, Any]) -> Content:
    """Return the predicate that means the same as a filter that is understood."""
    values = list(dict.fromkeys(content["values"]))
    included = _numbers(content["key"], values) if content["type"] == "number" else _texts(content["key"], values)
    return included if content["include"] else {"not": included}


def _texts(key: str, values: Sequence[str | bool]) -> Content:
    texts = [str(value).lower() if isinstance(value, bool) else value for value in values]
    return {"metadata": {"name": key, "any": texts}}


def _numbers(key: str, values: Sequence[float]) -> Content:
    each: list[Content] = [{"metadata": {"name": key, "min": value, "max": value}} for value in values]
    return each[0] if len(each) == 1 else {"any": each}


def _is_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold
        return False
    return True


def _is_uuid(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:
        return False


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("varchar", "string", "text", "long_string", "enum"), (_is_text, "texts")),
    "uuid": (_is_uuid, "UUIDs in lower case, with hyphens"),
    "boolean": (_is_boolean, "true or false"),
    "number": (_is_number, "finite numbers"),
}
"""What the values of each type have to be: a test of one, and the words for it."""


def _unwritable(text: str) -> str | None:
    """Return why a text cannot stand in a config; None if it can."""
    if not _is_text(text):
        return "is no Unicode text"
    if "${" in text or text == "???":
        return "has a meaning of its own in a config: ${...} is replaced, and ??? stands for what is not given"
    return None


def _shown(content: Any) -> str:
    """Return JSON on one line of plain characters: it comes from others, and goes to the terminal."""
    text = json.dumps(content, default=str)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
