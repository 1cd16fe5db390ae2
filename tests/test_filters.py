"""Filters: what each predicate keeps, how faults are told, and that a plain evaluation agrees."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.errors import ConfigError
from alrun.filters import Filter, FilterError, Removed, parse

Node = dict[str, Any]
Row = dict[str, Any]

COLUMNS: dict[str, pl.DataType] = {
    "title": pl.String(), "assignee": pl.String(), "stage": pl.String(), "labelled": pl.Boolean(),
    "classes": pl.List(pl.String()), "tags": pl.List(pl.String()), "score": pl.Float64(), "size": pl.Int64(),
}  # fmt: skip


def row(**given: Any) -> Row:
    plain: Row = {
        "title": "image.png", "assignee": None, "stage": "Annotate 1", "labelled": False, "classes": [],
        "tags": [], "score": 0.0, "size": 0,
    }  # fmt: skip
    return plain | given


def frame(*rows: Row) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=COLUMNS)


def kept(node: Node, *rows: Row) -> list[int]:
    return list(parse(node).apply(frame(*rows)).rows)


def faults(node: Any) -> dict[str, str]:
    with pytest.raises(FilterError) as caught:
        parse(node)
    return {fault.path: fault.message for fault in caught.value.faults}


# The original's example: A has rank 1, B rank 2 and a cat, C rank 3 and a dog, D no metric.
ORIGINAL = (row(score=1.0), row(score=2.0, classes=["cat"]), row(score=3.0, classes=["dog"]), row(score=None))


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"object_class": ["No class"]}, [0, 3]),
        ({"object_class": ["cat"]}, [1]),
        ({"object_class": ["cat", "No class"]}, [0, 1, 3]),
        ({"metric": {"name": "score", "min": 1, "max": 2}}, [0, 1]),
        ({"metric": {"name": "score", "max": 99}}, [0, 1, 2]),
        ({"metric": {"name": "score", "min": -99}}, [0, 1, 2]),
        ({"not": {"metric": {"name": "score", "min": 2}}}, [0, 3]),
        ({"bottom": {"metric": "score", "n": 2}}, [0, 1]),
        ({"top": {"metric": "score", "n": 2}}, [1, 2]),
        ({"top": {"metric": "score", "n": 9}}, [0, 1, 2]),
        ({"bottom": {"metric": "score", "n": 0}}, []),
        ({"all": []}, [0, 1, 2, 3]),
    ],
)
def test_the_originals_facts(node: Node, expected: list[int]) -> None:
    assert kept(node, *ORIGINAL) == expected


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"any": ["a", "b"]}, [1, 2, 3]),
        ({"all": ["a", "b"]}, [3]),
        ({"none": ["a"]}, [0, 2]),
        ({"any": ["a", "b"], "none": ["b"]}, [1]),
    ],
)
def test_tags_say_how_they_combine(node: Node, expected: list[int]) -> None:
    assert kept({"tags": node}, row(), row(tags=["a"]), row(tags=["b"]), row(tags=["a", "b"])) == expected


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"untagged": True}, [0, 2]),
        ({"untagged": False}, [1]),
        ({"stage": ["Review 1", "Complete"]}, [1, 2]),
        ({"label_state": "labelled"}, [2]),
        ({"label_state": "unlabelled"}, [0, 1]),
        ({"text": {"contains": "a.b"}}, [1]),
        ({"text": {"matches": "a.b"}}, [0, 1]),
        ({"text": {"matches": "(?i)^AX"}}, [0]),
        ({"text": {"column": "assignee", "contains": "ann"}}, [2]),
        ({"not": {"text": {"column": "assignee", "contains": "ann"}}}, [0, 1]),
    ],
)
def test_each_predicate(node: Node, expected: list[int]) -> None:
    rows = (
        row(title="axb.png"),
        row(title="a.b", stage="Review 1", tags=["t"]),
        row(title="c", stage="Complete", labelled=True, assignee="ann@example.com"),
    )
    assert kept(node, *rows) == expected


def test_bottom_counts_among_what_the_rest_of_the_list_keeps() -> None:
    rows = [row(score=float(n), stage="Annotate 1" if n % 2 else "Complete") for n in range(10)]
    bottom = {"bottom": {"metric": "score", "n": 2}}
    assert kept({"all": [bottom, {"stage": ["Annotate 1"]}]}, *rows) == [1, 3]
    assert kept({"all": [{"stage": ["Annotate 1"]}, {"not": bottom}]}, *rows) == [5, 7, 9]
    assert kept({"all": [{"stage": ["Annotate 1"]}, {"any": [bottom, {"all": [bottom]}]}]}, *rows) == [1, 3]


def test_ties_go_to_the_lower_row_at_both_ends() -> None:
    rows = [row(score=score) for score in (1.0, 0.0, -0.0, 1.0, 1.0)]
    assert kept({"bottom": {"metric": "score", "n": 1}}, *rows) == [1]
    assert kept({"top": {"metric": "score", "n": 2}}, *rows) == [0, 3]


def test_the_account_adds_up_and_counts_what_is_missing() -> None:
    rows = [row(score=None), row(score=math.nan), row(score=1.0), row(score=5.0), row(stage="Complete"), row(score=2.0)]
    node = {
        "all": [
            {"bottom": {"metric": "score", "n": 1}},
            {"stage": ["Annotate 1"]},
            {"metric": {"name": "score", "max": 4}},
        ]
    }
    filtered = parse(node).apply(frame(*rows))
    assert filtered.rows.tolist() == [2]
    assert filtered.removed == (
        Removed("stage is Annotate 1", 1, 0),
        Removed("score up to 4", 3, 2),
        Removed("lowest 1 by score", 1, 0),
    )


def test_an_empty_pool_passes_through() -> None:
    filtered = parse({"all": [{"untagged": True}, {"top": {"metric": "score", "n": 3}}]}).apply(frame())
    assert filtered.rows.tolist() == []
    assert [removed.tasks for removed in filtered.removed] == [0, 0]


def test_predicates_read_as_sentences() -> None:
    node = {
        "all": [
            {"tags": {"any": ["a", "b"], "none": ["c"]}},
            {"not": {"object_class": ["dog", "No class"]}},
            {"any": [{"untagged": True}, {"text": {"matches": "^x"}}]},
            {"metric": {"name": "score", "min": 0.5, "max": 2}},
            {"label_state": "unlabelled"},
        ]
    }
    assert [removed.predicate for removed in parse(node).apply(frame()).removed] == [
        "tagged with any of a, b and none of c",
        "not (class is dog or No class)",
        "(untagged) or (title matches ^x)",
        "score from 0.5 up to 2",
        "unlabelled",
    ]


def test_every_fault_is_told_at_once_with_its_place() -> None:
    found = faults(
        {
            "all": [
                {"stag": ["x"]},
                {"object_class": [3]},
                {"tags": {"any": ["a"], "nine": ["b"]}},
                {"label_state": "unlabeled"},
                {"any": [{"metric": {"name": "score", "min": "low"}}, {"not": {"bottom": {"n": -1}}}]},
            ]
        }
    )
    assert found["filters.all[0].stag"].startswith("there is no such predicate; did you mean 'stage'?")
    assert found["filters.all[1].object_class[0]"] == "given 3; needed: a text; write a number in quotes"
    assert found["filters.all[2].tags.nine"].startswith("unknown; did you mean 'none'?")
    assert found["filters.all[3].label_state"] == (
        "given 'unlabeled'; did you mean 'unlabelled'? allowed: labelled, unlabelled"
    )
    assert found["filters.all[4].any[0].metric.min"] == "given 'low'; needed: a number"
    assert found["filters.all[4].any[1].not.bottom.metric"] == "given nothing; needed: a value"
    assert "-1" in found["filters.all[4].any[1].not.bottom.n"]
    assert len(found) == 7


@pytest.mark.parametrize(
    ("node", "path", "words"),
    [
        ({}, "filters", "one predicate"),
        ({"stage": ["a"], "untagged": True}, "filters", "one predicate"),
        ({"all": [5]}, "filters.all[0]", "given 5"),
        ({"all": None}, "filters.all", "a list of predicates"),
        ({"any": []}, "filters.any", "empty list"),
        ({"stage": "Annotate 1"}, "filters.stage", "a list"),
        ({"stage": []}, "filters.stage", "one or more"),
        ({"tags": {}}, "filters.tags", "at least one of any, all, none"),
        ({"untagged": "yes"}, "filters.untagged", "true or false"),
        ({"bottom": 3}, "filters.bottom", "a mapping of metric, n"),
        ({"top": {"metric": "score", "n": 1.5}}, "filters.top.n", "a whole number"),
        ({"top": {"metric": "score", "n": 10**12}}, "filters.top.n", "2147483647"),
        ({"metric": {"name": "score"}}, "filters.metric", "at least one of min, max"),
        ({"metric": {"name": "score", "min": 2, "max": 1}}, "filters.metric", "min 2 is above max 1"),
        ({"metric": {"name": "score", "min": math.nan}}, "filters.metric", "finite"),
        ({"text": {"column": "titel", "contains": "x"}}, "filters.text.column", "did you mean 'title'"),
        ({"text": {"contains": "x", "matches": "y"}}, "filters.text", "exactly one of contains, matches"),
        ({"text": {"matches": "(a"}}, "filters.text", "unclosed group"),
        ({"text": {"matches": "(?=a)"}}, "filters.text", "look-around"),
    ],
)
def test_what_a_fault_says(node: Any, path: str, words: str) -> None:
    found = faults(node)
    assert list(found) == [path]
    assert words in found[path]


def test_names_that_the_project_does_not_have_are_told_together() -> None:
    node = {
        "all": [
            {"stage": ["Anotate 1", "Complete"]},
            {"tags": {"none": ["brokn"]}},
            {"not": {"object_class": ["dgo", "No class"]}},
            {"bottom": {"metric": "diversity", "n": 1}},
        ]
    }
    have = {"stages": ["Annotate 1", "Complete"], "tags": {"broken"}, "classes": {"dog"}, "metrics": ["random"]}
    with pytest.raises(ConfigError) as caught:
        parse(node).check(**have)
    assert str(caught.value).splitlines() == [
        "filters: there is no stage 'Anotate 1'; did you mean 'Annotate 1'? allowed: Annotate 1, Complete",
        "filters: there is no tag 'brokn'; did you mean 'broken'? allowed: broken",
        "filters: there is no class 'dgo'; did you mean 'dog'? allowed: dog",
        "filters: there is no metric 'diversity'; allowed: random",
    ]
    parse({"all": [{"stage": ["Complete"]}, {"object_class": ["No class"]}]}).check(**have)


def test_a_filter_says_which_metrics_it_reads() -> None:
    node = {"any": [{"not": {"metric": {"name": "a", "min": 0}}}, {"all": [{"top": {"metric": "b", "n": 1}}]}]}
    assert parse(node).metrics == {"a", "b"}
    assert Filter().metrics == frozenset()


NUMBERS = st.sampled_from([None, math.nan, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0])
NAMES = st.sampled_from(["a", "b", "c"])
LISTS = st.lists(NAMES, min_size=1, max_size=2)
METRIC = st.sampled_from(["score", "size"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "title": st.text("ab.", max_size=3), "assignee": st.none() | NAMES, "stage": NAMES,
            "labelled": st.booleans(), "classes": st.lists(NAMES, max_size=2), "tags": st.lists(NAMES, max_size=2),
            "score": NUMBERS, "size": st.none() | st.integers(-2, 2),
        }
    ),
    max_size=12,
)  # fmt: skip
LEAVES = st.one_of(
    st.builds(lambda v: {"stage": v}, LISTS),
    st.builds(lambda how, v: {"tags": {how: v}}, st.sampled_from(["any", "all", "none"]), LISTS),
    st.builds(lambda v: {"untagged": v}, st.booleans()),
    st.builds(lambda v, none: {"object_class": [*v, "No class"] if none else v}, LISTS, st.booleans()),
    st.builds(lambda v: {"label_state": v}, st.sampled_from(["labelled", "unlabelled"])),
    st.builds(lambda m, low, size: {"metric": {"name": m, "min": low, "max": low + size}}, METRIC,
              st.sampled_from([-1, 0, 0.5]), st.sampled_from([0, 1])),
    st.builds(lambda c, v: {"text": {"column": c, "contains": v}}, st.sampled_from(["title", "assignee"]),
              st.sampled_from(["a", "b", "."])),
    st.builds(lambda end, m, n: {end: {"metric": m, "n": n}}, st.sampled_from(["bottom", "top"]), METRIC,
              st.integers(0, 4)),
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda v: {"not": v}, inner),
        st.builds(lambda v: {"any": v}, st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda v: {"all": v}, st.lists(inner, max_size=3)),
    ),
    max_leaves=6,
)


def has_rank(node: Any) -> bool:
    if isinstance(node, dict):
        return any(key in {"bottom", "top"} or has_rank(value) for key, value in node.items())
    return isinstance(node, list) and any(has_rank(item) for item in node)


def plainly(node: Node, rows: list[Row], scope: set[int]) -> set[int]:
    """Evaluate a filter as its description says, row by row."""
    [(name, content)] = node.items()
    everything = set(range(len(rows)))
    if name == "not":
        return everything - plainly(content, rows, scope)
    if name == "any":
        return set().union(*(plainly(part, rows, scope) for part in content))
    if name == "all":
        result = everything
        for part in content:
            if not has_rank(part):
                result = result & plainly(part, rows, scope)
        inner = scope & result
        for part in content:
            if has_rank(part):
                result = result & plainly(part, rows, inner)
        return result
    if name in {"bottom", "top"}:
        values = {i: rows[i][content["metric"]] for i in sorted(scope) if known(rows[i][content["metric"]])}
        sign = 1 if name == "bottom" else -1
        return set(sorted(values, key=lambda i: sign * values[i])[: content["n"]])
    return {i for i in everything if holds(name, content, rows[i])}


def known(value: float | None) -> bool:
    return value is not None and not math.isnan(value)


def holds(name: str, content: Any, row: Row) -> bool:
    match name:
        case "stage":
            return row["stage"] in content
        case "tags":
            [(how, names)] = content.items()
            have = [tag in row["tags"] for tag in names]
            return {"any": any(have), "all": all(have), "none": not any(have)}[how]
        case "untagged":
            return bool((not row["tags"]) == content)
        case "object_class":
            return bool(set(content) & set(row["classes"])) or ("No class" in content and not row["classes"])
        case "label_state":
            return bool(row["labelled"] == (content == "labelled"))
        case "metric":
            value = row[content["name"]]
            return bool(known(value) and content["min"] <= value <= content["max"])
        case "text":
            text = row[content["column"]]
            return text is not None and content["contains"] in text
    raise AssertionError(name)


@given(TREES, ROWS)
@settings(deadline=None, max_examples=300)
def test_any_filter_equals_a_plain_evaluation(node: Node, rows: list[Row]) -> None:
    filtered = parse(node).apply(frame(*rows))
    assert set(filtered.rows.tolist()) == plainly(node, rows, set(range(len(rows))))
    assert len(filtered.rows) + sum(removed.tasks for removed in filtered.removed) == len(rows)
