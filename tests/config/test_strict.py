"""Plain data becomes typed arguments, strictly, and every problem is named with its place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import pytest
from annotated_types import Ge, MaxLen, MinLen
from hypothesis import given
from hypothesis import strategies as st

from alrun.config.strict import Problem, lacks, locate, read
from alrun.errors import ConfigError
from alrun.strategies.base import Strategy
from alrun.strategies.random import Random


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True)
class Corner:
    x: Annotated[int, Ge(0)]
    y: int = 0


@dataclass(frozen=True)
class Shape:
    kind: ClassVar[str] = "shape"

    name: str
    size: Annotated[int, Ge(1)] = 1
    weight: float = 1.0
    colour: Colour = Colour.RED
    fill: Literal["solid", "none"] = "solid"
    corners: tuple[Corner, ...] = ()
    place: Path | None = None
    limit: int | str | None = None
    links: tuple[str, ...] = ()
    parts: Annotated[tuple[str, ...], MinLen(1)] = ("a",)
    initials: Annotated[str, MinLen(2), MaxLen(3)] = "ab"
    spread: float | Literal["auto"] = "auto"


class Plain:
    def __init__(self, a: Any, b=2) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        self.a, self.b = a, b


class Open:
    def __init__(self, a: int, **rest: Any) -> None:
        self.a, self.rest = a, rest


class Unreadable:
    def __init__(self, a: Nowhere) -> None:  # type: ignore[name-defined]  # noqa: F821
        self.a = a


def found(**content: Any) -> dict[str, str]:
    """Return the messages about a shape, by place."""
    return {problem.key: problem.message for problem in read(Shape, {"name": "s", **content})[1]}


def test_values_get_the_types_that_the_class_names() -> None:
    content = {
        "name": "s", "weight": 2, "colour": "blue", "corners": [{"x": 1}, {"x": 2, "y": -3}], "place": "a/b",
        "limit": "many", "links": ["p", "q"],
    }  # fmt: skip
    arguments, problems = read(Shape, content)
    assert problems == []
    assert Shape(**arguments) == Shape(
        "s", 1, 2.0, Colour.BLUE, "solid", (Corner(1), Corner(2, -3)), Path("a/b"), "many", ("p", "q")
    )
    assert isinstance(arguments["weight"], float)


@pytest.mark.parametrize(
    ("content", "place", "message"),
    [
        ({"size": "5"}, "size", "must be a whole number"),
        ({"size": 5.0}, "size", "must be a whole number"),
        ({"size": True}, "size", "must be a whole number"),
        ({"size": 0}, "size", "must be greater than or equal to 1"),
        ({"weight": "1"}, "weight", "must be a number"),
        ({"name": 3}, "name", "must be text"),
        ({"colour": "rad"}, "colour", "did you mean 'red'? allowed: red, blue"),
        ({"fill": "sold"}, "fill", "did you mean 'solid'? allowed: solid, none"),
        ({"sise": 3}, "sise", "unknown key; did you mean 'size'?"),
        ({"kind": "x"}, "kind", "unknown key"),
        ({"corners": {"x": 1}}, "corners", "must be a list"),
        ({"corners": [{"x": 1}, {"x": -1}]}, "corners.1.x", "must be greater than or equal to 0"),
        ({"corners": [{"y": 1}]}, "corners.0.x", "must be given"),
        ({"corners": [{"x": 1, "z": 1}]}, "corners.0.z", "unknown key; allowed: x, y"),
        ({"limit": [1]}, "limit", "must be a whole number or must be text"),
        ({"links": ["a", 2]}, "links.1", "must be text"),
        ({"parts": []}, "parts", "must have 1 or more items; given 0"),
        ({"initials": "a"}, "initials", "must have 2 or more characters"),
        ({"initials": "abcd"}, "initials", "must have 3 characters or fewer"),
        ({"spread": "aut"}, "spread", "must be a number or auto"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(content: dict[str, Any], place: str, message: str) -> None:
    problems = found(**content)
    assert list(problems) == [place]
    assert message in problems[place]


def test_all_problems_are_found_at_once() -> None:
    problems = found(size=0, colour="rad", corners=[{"x": "a"}], nme="x")
    assert set(problems) == {"size", "colour", "corners.0.x", "nme"}


def test_a_class_without_annotations_takes_what_it_is_given() -> None:
    assert read(Plain, {"a": [1, {"b": "c"}]}) == ({"a": [1, {"b": "c"}]}, [])
    assert [problem.key for problem in read(Plain, {"b": 1, "c": 2})[1]] == ["c", "a"]


def test_a_class_that_takes_anything_by_name_gets_it_but_no_special_keys() -> None:
    arguments, problems = read(Open, {"a": 1, "b": [2], "_partial_": True})
    assert arguments == {"a": 1, "b": [2]}
    assert [problem.key for problem in problems] == ["_partial_"]


def test_annotations_that_do_not_exist_at_run_time_are_a_problem_not_a_crash() -> None:
    arguments, problems = read(Unreadable, {"a": 1})
    assert arguments == {}
    assert "Nowhere" in problems[0].message


def test_what_an_object_refuses_about_itself_is_a_problem_at_its_place() -> None:
    @dataclass(frozen=True)
    class Range:
        low: int
        high: int

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ConfigError("low is above high")

    @dataclass(frozen=True)
    class Holder:
        span: Range
        spans: tuple[Range, ...] = ()

    Holder.__annotations__.update(span=Range, spans=tuple[Range, ...])
    wrong = {"low": 2, "high": 1}
    problems = read(Holder, {"span": wrong, "spans": [{"low": 1, "high": 2}, wrong]})[1]
    assert problems == [Problem("span", "low is above high", wrong), Problem("spans.1", "low is above high", wrong)]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8))  # fmt: skip
def test_a_value_is_taken_as_it_is_or_refused_with_its_name(value: Any) -> None:
    right = {
        "name": isinstance(value, str),
        "size": type(value) is int and value >= 1,
        "weight": type(value) in {int, float},
        "place": value is None or isinstance(value, str),
        "limit": value is None or type(value) in {int, str},
        "links": isinstance(value, list) and all(isinstance(item, str) for item in value),
        "other": False,
    }
    for name, taken in right.items():
        arguments, problems = read(Shape, {"name": "s", name: value})
        assert (problems == []) is taken
        assert all(problem.key.partition(".")[0] == name for problem in problems)
        if taken and isinstance(value, str):
            assert str(arguments[name]) == (str(Path(value)) if name == "place" else value)


def test_locate_names_what_is_missing_and_what_is_there() -> None:
    assert locate("alrun.strategies.random.Random") is Random
    with pytest.raises(ImportError, match=r"did you mean 'Random'"):
        locate("alrun.strategies.random.Randm")
    for path in ("Random", "alrun..random", "alrun.strategies.nosuch.Random", "a b.c"):
        with pytest.raises(ImportError):
            locate(path)


def test_lacks_compares_with_a_protocol_without_making_an_instance() -> None:
    assert lacks(Random, Strategy) == []
    assert lacks(Plain, Strategy) == ["metrics", "needs", "select"]
