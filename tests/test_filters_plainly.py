"""Any filter over any pool keeps what an evaluation row by row, as the description says, keeps."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.filters import parse
from tests.test_filters import Node, Row, frame

NUMBERS = st.sampled_from([None, math.nan, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0])
NAMES = st.sampled_from(["a", "b", "c"])
LISTS = st.lists(NAMES, min_size=1, max_size=2)
METRIC = st.sampled_from(["score", "size"])
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "title": st.text("ab.", max_size=3), "assignee": st.none() | NAMES, "stage": NAMES,
            "labelled": st.booleans(), "classes": st.lists(NAMES, max_size=2), "tags": st.lists(NAMES, max_size=2),
            "score": NUMBERS, "size": st.none() | st.integers(-2, 2), "priority": st.sampled_from([None, 0.0, 0.5]),
            "meta.city": st.sampled_from([None, "a", "1", "nan"]), "last_edited_at": st.none(),
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
    st.builds(lambda v: {"assignee": v}, LISTS),
    st.builds(lambda v: {"unassigned": v}, st.booleans()),
    st.builds(lambda v: {"missing": v}, METRIC),
    st.builds(lambda v: {"one_of_each": v}, METRIC),
    st.builds(lambda v: {"priority": {"min": v, "max": 1}}, st.sampled_from([0, 0.5])),
    st.builds(lambda v: {"metadata": {"name": "city", "any": v}}, LISTS),
    st.builds(lambda v: {"metadata": {"name": "city", "min": v, "max": 2}}, st.sampled_from([0, 2])),
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
        return any(key in {"bottom", "top", "one_of_each"} or has_rank(value) for key, value in node.items())
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
    if name == "one_of_each":
        firsts: dict[float, int] = {}
        for i in sorted(scope):
            if known(rows[i][content]):
                firsts.setdefault(rows[i][content], i)
        return {*firsts.values(), *(i for i in everything if not known(rows[i][content]))}
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
        case "assignee":
            return bool(row["assignee"] in content)
        case "unassigned":
            return bool((row["assignee"] is None) == content)
        case "missing":
            return not known(row[content])
        case "priority":
            return bool(row["priority"] is not None and row["priority"] >= content["min"])
        case "metadata" if "any" in content:
            return bool(row["meta.city"] in content["any"])
        case "metadata":
            return bool(row["meta.city"] == "1" and content["min"] <= 1)
        case "metric":
            value = row[content["name"]]
            return bool(known(value) and content["min"] <= value <= content["max"])
        case "text":
            text = row[content["column"]]
            return text is not None and content["contains"] in text
    raise AssertionError(name)


@given(TREES, ROWS)
@settings(max_examples=300)
def test_any_filter_equals_a_plain_evaluation(node: Node, rows: list[Row]) -> None:
    filtered = parse(node).apply(frame(*rows))
    assert set(filtered.rows.tolist()) == plainly(node, rows, set(range(len(rows))))
    assert len(filtered.rows) + sum(removed.tasks for removed in filtered.removed) == len(rows)
