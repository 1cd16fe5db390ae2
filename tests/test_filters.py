"""Filters: what each predicate keeps, and how faults are told."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest

from alrun.errors import ConfigError
from alrun.filters import Filter, FilterError, Removed, parse
from alrun.filters.looked_up import CONFIDENCE, PREDICTED

Node = dict[str, Any]
Row = dict[str, Any]

COLUMNS: dict[str, pl.DataType] = {
    "title": pl.String(), "assignee": pl.String(), "stage": pl.String(), "labelled": pl.Boolean(),
    "classes": pl.List(pl.String()), "tags": pl.List(pl.String()), "score": pl.Float64(), "size": pl.Int64(),
    "priority": pl.Float64(), "last_edited_at": pl.String(), "meta.city": pl.String(),
}  # fmt: skip


def row(**given: Any) -> Row:
    plain: Row = {
        "title": "image.png", "assignee": None, "stage": "Annotate 1", "labelled": False, "classes": [],
        "tags": [], "score": 0.0, "size": 0, "priority": None, "last_edited_at": None, "meta.city": None,
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


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"assignee": ["ann@example.com", "bob@example.com"]}, [1]),
        ({"not": {"assignee": ["ann@example.com"]}}, [0, 2]),
        ({"unassigned": True}, [0, 2]),
        ({"unassigned": False}, [1]),
        ({"priority": {"min": 0.5}}, [1, 2]),
        ({"priority": {"max": 0.5}}, [1]),
        ({"priority": {"min": 0.6, "max": 0.9}}, []),
        ({"metadata": {"name": "city", "any": ["Zurich", "true"]}}, [1]),
        ({"metadata": {"name": "city", "min": 7.5, "max": 8}}, [2]),
        ({"not": {"metadata": {"name": "city", "min": 0}}}, [0, 1]),
        ({"missing": "score"}, [0, 2]),
        ({"not": {"missing": "score"}}, [1]),
    ],
)
def test_what_the_platform_says(node: Node, expected: list[int]) -> None:
    rows = (
        row(score=None),
        row(assignee="ann@example.com", priority=0.5, score=0.0, **{"meta.city": "Zurich"}),
        row(priority=1.0, score=math.nan, **{"meta.city": "7.5"}),
    )
    assert kept(node, *rows) == expected


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"since": "2026-01-31"}, [2, 3, 4, 5]),
        ({"before": "2026-01-31"}, [1]),
        ({"since": "2026-01-31T00:00:00.000001"}, [3, 4, 5]),
        ({"since": "2026-01-31", "before": "2026-01-31T01:00:00+01:00"}, []),
        ({"since": "2026-01-31T12:00+02:00", "before": "2026-02-01"}, [4]),
        ({"since": "2026-01-31T10:00Z", "before": "2026-01-31T10:00:00.000001Z"}, [4]),
    ],
)
def test_edited_compares_moments_however_they_are_written(node: Node, expected: list[int]) -> None:
    written = (
        None,
        "2026-01-30T23:59:59.999999+00:00",
        "2026-01-31T01:00:00+01:00",
        "2026-01-31T00:30:00",  # without a zone: UTC
        "2026-01-31T10:00:00Z",
        "2026-02-01T00:00:00.500000+00:00",
        "yesterday",
    )
    if node == {"since": "2026-01-31", "before": "2026-01-31T01:00:00+01:00"}:
        assert "since 2026-01-31 is not before" in faults({"edited": node})["filters.edited"]
    else:
        assert kept({"edited": node}, *(row(last_edited_at=text) for text in written)) == expected


def test_a_quantile_is_one_of_what_the_rest_of_the_list_keeps() -> None:
    rows = [row(score=float(n), stage="Annotate 1" if n < 5 else "Complete") for n in range(10)]
    rows += [row(score=None), row(score=math.nan)]
    assert kept({"quantile": {"metric": "score", "max": 0.5}}, *rows) == [0, 1, 2, 3, 4]  # the median is 4.5
    assert kept({"quantile": {"metric": "score", "min": 1}}, *rows) == [9]
    assert kept({"quantile": {"metric": "score", "min": 0, "max": 1}}, *rows) == list(range(10))
    here = {"stage": ["Annotate 1"]}
    assert kept({"all": [{"quantile": {"metric": "score", "max": 0.5}}, here]}, *rows) == [0, 1, 2]
    ties = [row(score=score) for score in (1.0, 1.0, 1.0, 2.0)]
    assert kept({"quantile": {"metric": "score", "max": 0.1}}, *ties) == [0, 1, 2]
    assert kept({"quantile": {"metric": "score", "max": 0.5}}, row(score=None)) == []


def test_a_quantile_that_is_a_value_holds_that_value() -> None:
    rows = [row(score=float(value)) for value in range(101)]
    for share in range(101):
        q = share / 100  # 0.29 * 100 is 28.999999999999996
        assert kept({"quantile": {"metric": "score", "max": q}}, *rows) == list(range(share + 1))
        assert kept({"quantile": {"metric": "score", "min": q}}, *rows) == list(range(share, 101))


def test_one_of_each_keeps_the_first_that_the_rest_of_the_list_keeps() -> None:
    groups = [1.0, 1.0, None, 2.0, math.nan, 2.0, 1.0]
    rows = [row(score=group, stage="Complete" if n == 0 else "Annotate 1") for n, group in enumerate(groups)]
    one = {"one_of_each": "score"}
    assert kept(one, *rows) == [0, 2, 3, 4]
    assert kept({"all": [one, {"stage": ["Annotate 1"]}]}, *rows) == [1, 2, 3, 4]
    assert kept({"not": one}, *rows) == [1, 5, 6]


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
            {"assignee": ["ann", "bob"]},
            {"unassigned": False},
            {"priority": {"min": 0.5}},
            {"edited": {"since": "2026-01-31", "before": "2026-02-28"}},
            {"metadata": {"name": "city", "any": ["Bern", "Zurich"]}},
            {"metadata": {"name": "city", "max": 3}},
            {"missing": "score"},
            {"quantile": {"metric": "score", "max": 0.1}},
            {"one_of_each": "score"},
        ]
    }
    assert [removed.predicate for removed in parse(node).apply(frame()).removed] == [
        "tagged with any of a, b and none of c",
        "not (class is dog or No class)",
        "(untagged) or (title matches ^x)",
        "score from 0.5 up to 2",
        "unlabelled",
        "assignee is ann or bob",
        "assigned",
        "priority from 0.5",
        "edited since 2026-01-31 before 2026-02-28",
        "metadata city is Bern or Zurich",
        "metadata city up to 3",
        "score is missing",
        "quantile of score up to 0.1",
        "one of each score",
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
        ({"assignee": "ann"}, "filters.assignee", "a list"),
        ({"missing": ["score"]}, "filters.missing", "a text"),
        ({"one_of_each": {"metric": "score"}}, "filters.one_of_each", "a text"),
        ({"quantile": {"metric": "score"}}, "filters.quantile", "at least one of min, max"),
        ({"quantile": {"metric": "score", "max": 10}}, "filters.quantile.max", "less than or equal to 1"),
        ({"priority": {}}, "filters.priority", "at least one of min, max"),
        ({"edited": {}}, "filters.edited", "at least one of since, before"),
        ({"edited": {"since": "last week"}}, "filters.edited", "2026-01-31T18:00+01:00"),
        ({"metadata": {"name": "city"}}, "filters.metadata", "either any, or min and max"),
        ({"metadata": {"name": "city", "any": ["a"], "min": 1}}, "filters.metadata", "either any, or min and max"),
        ({"metadata": {"name": "city", "any": [3]}}, "filters.metadata.any[0]", "write a number in quotes"),
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
            {"metadata": {"name": "citi", "any": ["Zurich"]}},
        ]
    }
    have = {
        "stages": ["Annotate 1", "Complete"], "tags": {"broken"}, "classes": {"dog"}, "metrics": ["random"],
        "metadata": ["city"],
    }  # fmt: skip
    with pytest.raises(ConfigError) as caught:
        parse(node).check(**have)
    assert str(caught.value).splitlines() == [
        "filters: there is no stage 'Anotate 1'; did you mean 'Annotate 1'? allowed: Annotate 1, Complete",
        "filters: there is no tag 'brokn'; did you mean 'broken'? allowed: broken",
        "filters: there is no class 'dgo'; did you mean 'dog'? allowed: dog",
        "filters: there is no metric 'diversity'; allowed: random",
        "filters: there is no metadata 'citi'; did you mean 'city'? allowed: city",
    ]
    parse({"all": [{"stage": ["Complete"]}, {"object_class": ["No class"]}]}).check(**have)


def test_a_filter_says_which_metrics_it_reads() -> None:
    node = {"any": [{"not": {"metric": {"name": "a", "min": 0}}}, {"all": [{"top": {"metric": "b", "n": 1}}]}]}
    assert parse(node).metrics == {"a", "b"}
    assert Filter().metrics == frozenset()


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ({"any": ["dog"]}, [1, 2]),
        ({"any": ["dog", "cat"], "min": 0.8}, [0, 2]),
        ({"min": 0.5, "max": 0.8}, [0, 1]),
    ],
)
def test_predicted_class_and_its_probability(node: Node, expected: list[int]) -> None:
    predictions: dict[str, list[Any]] = {
        PREDICTED: ["cat", "dog", "dog", None],
        CONFIDENCE: [0.8, 0.5, 0.9, None],
    }
    pool = frame(*ORIGINAL).with_columns(pl.Series(name, values) for name, values in predictions.items())
    chosen = parse({"predicted": node})
    assert chosen.predictions
    assert list(chosen.apply(pool).rows) == expected
    assert list(parse({"not": {"predicted": node}}).apply(pool).rows) == sorted({0, 1, 2, 3} - set(expected))


def test_selected_in_earlier_runs_and_in_none() -> None:
    chosen = parse({"selected_in": ["a/*", "b"]})
    assert chosen.runs == {"a/*", "b"}
    pool = frame(*ORIGINAL).with_columns(
        pl.Series("selected in a/*", [True, False, False, False]),
        pl.Series("selected in b", [False, False, True, False]),
    )
    assert list(chosen.apply(pool).rows) == [0, 2]
    assert list(parse({"not": {"selected_in": ["b"]}}).apply(pool).rows) == [0, 1, 3]


def test_a_prediction_that_nothing_could_match_is_a_fault() -> None:
    assert "no task could pass" in faults({"predicted": {"min": 0.9, "max": 0.1}})["filters.predicted"]
    assert "at least one of any, min, max" in faults({"predicted": {}})["filters.predicted"]
