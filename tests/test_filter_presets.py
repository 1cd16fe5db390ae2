"""Filter presets: which are understood, why others are refused, and that what is saved means the same."""

from __future__ import annotations

import json
import math
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from alrun.errors import ConfigError, DataError
from alrun.filters import parse
from alrun.filters.presets import named, translate
from alrun.filters.saved import file_content, file_name, save_filter
from alrun.platform.presets import FilterPreset

NOWHERE: dict[str, Any] = {str(UUID(int=0)): {"filters": []}}
TODAY = date(2026, 11, 22)
UUIDS = [f"4c5ec9a5-5a4f-4b8e-8bfa-2f1f1f0e6d5{digit}" for digit in range(4)]


def condition(**changes: Any) -> dict[str, Any]:
    return {"key": "site", "include": True, "values": ["Oslo"], "type": "varchar"} | changes


def definition(*filters: Any, **more: Any) -> dict[str, Any]:
    return {"localFilters": NOWHERE, "globalFilters": {"filters": list(filters)}} | more


def refused(content: Any) -> list[str]:
    """Return the reasons, one a line."""
    with pytest.raises(ConfigError) as caught:
        translate(content)
    first, *reasons, last = str(caught.value).splitlines()
    assert "nothing of it was imported" in first
    assert "filters/NAME.yaml" in last
    return [reason.strip() for reason in reasons]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (condition(values=["Oslo", "Bergen"]), {"metadata": {"name": "site", "any": ["Oslo", "Bergen"]}}),
        (condition(include=False), {"not": {"metadata": {"name": "site", "any": ["Oslo"]}}}),
        (condition(type="enum", values=["", "1e3"]), {"metadata": {"name": "site", "any": ["", "1e3"]}}),
        (condition(type="uuid", values=UUIDS[:1]), {"metadata": {"name": "site", "any": UUIDS[:1]}}),
        (condition(type="boolean", values=[True]), {"metadata": {"name": "site", "any": ["true"]}}),
        (condition(type="boolean", values=[False, True]), {"metadata": {"name": "site", "any": ["false", "true"]}}),
        (condition(type="number", values=[3, 3.0]), {"metadata": {"name": "site", "min": 3, "max": 3}}),
        (
            condition(type="number", values=[1, 0.5, 2]),
            {"any": [{"metadata": {"name": "site", "min": value, "max": value}} for value in (1, 0.5, 2)]},
        ),
        (
            condition(type="number", values=[7], include=False),
            {"not": {"metadata": {"name": "site", "min": 7, "max": 7}}},
        ),
    ],
)
def test_what_is_documented_becomes_the_predicate_that_means_the_same(given: Any, expected: Any) -> None:
    assert translate(definition(given)) == [expected]
    parse({"all": [expected]})


@pytest.mark.parametrize("kind", ["varchar", "string", "text", "long_string", "enum"])
def test_all_filters_have_to_hold_whatever_way_the_members_are_spelt(kind: str) -> None:
    filters = [condition(type=kind), condition(key="hour", values=[8], type="number")]
    expected = [{"metadata": {"name": "site", "any": ["Oslo"]}}, {"metadata": {"name": "hour", "min": 8, "max": 8}}]
    assert translate(definition(*filters)) == expected
    assert translate({"global_filters": {"filters": filters}, "local_filters": {}}) == expected


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("a text", "a filter is an object with key, include, values, type"),
        (condition(operator="or"), "what operator means is not documented"),
        ({"key": "site", "include": True}, "it has no values, type"),
        (condition(key=""), "its key is not the name"),
        (condition(key=7), "its key is not the name"),
        (condition(key="${oc.env:HOME}"), "its key has a meaning of its own in a config"),
        (condition(key="\ud800"), "its key is no Unicode text"),
        (condition(include=1), "its include is neither true nor false"),
        (condition(include="true"), "its include is neither true nor false"),
        (condition(values=[]), "its values must be a non-empty list"),
        (condition(values="Oslo"), "its values must be a non-empty list"),
        (condition(values={"min": 1}), "its values must be a non-empty list"),
        (condition(type="datetime", values=["2026-01-01"]), "its type is none that alrun can compare"),
        (condition(type="embedding"), "its type is none that alrun can compare"),
        (condition(type="varchr"), "did you mean 'varchar'?"),
        (condition(type=None), "its type is none that alrun can compare"),
        (condition(values=["Oslo", 7]), "of its values, 7: needed for the type varchar are texts"),
        (condition(values=[None]), "of its values, null: needed"),
        (condition(values=["\ud800"]), "needed for the type varchar are texts"),
        (condition(values=["a ${b}"]), "has a meaning of its own in a config"),
        (condition(values=["???"]), "has a meaning of its own in a config"),
        (condition(type="uuid", values=["Oslo", UUIDS[0].upper()]), "UUIDs in lower case, with hyphens"),
        (condition(type="boolean", values=["true", 0]), 'of its values, "true", 0: needed for the type boolean'),
        (condition(type="number", values=["3"]), 'of its values, "3": needed for the type number are finite numbers'),
        (condition(type="number", values=[True]), "of its values, true: needed for the type number"),
        (condition(type="number", values=[math.nan, -math.inf]), "of its values, NaN, -Infinity"),
        (condition(type="number", values=[10**400]), "needed for the type number are finite numbers"),
        (condition(type="number", values=[1, 5]), "two values or the bounds of a range"),
    ],
)
def test_a_filter_that_is_not_understood_is_refused_with_the_reason(given: Any, reason: str) -> None:
    [found] = refused(definition(condition(), given))
    assert found.startswith("filter 2, ")
    assert reason in found


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (["filters"], '["filters"]: a preset is an object'),
        (None, "null: a preset is an object"),
        (definition(condition(), search="fog"), 'search, "fog": what that means is not documented'),
        ({"globalFilters": [condition()]}, "globalFilters, ["),
        ({"globalFilters": {"filters": [], "operator": "or"}}, '"operator": "or"}: what that means'),
        ({"globalFilters": {"filters": None}}, "globalFilters, {"),
        (definition(localFilters=[]), "localFilters, []: needed are lists of filters"),
        (definition(localFilters={"x": {"filters": [condition()]}}), "localFilters x, {"),
        (definition(localFilters={"x": {"filters": [], "limit": 5}}), "localFilters x, {"),
        (definition(local_filters={"x": []}), "local_filters x, []: where filters hold that are not global"),
    ],
)
def test_a_preset_of_another_shape_is_refused_with_the_reason(content: Any, reason: str) -> None:
    [found] = refused(content)
    assert reason in found


def test_every_reason_is_told_at_once() -> None:
    metric = {"type": "metric", "metric": "metric_width", "domain": "data", "include": True, "values": [10, 20]}
    content = definition(condition(values=[1], include=0), metric, search="\x1b[2J", localFilters={"x": [1]})
    reasons = refused(content)
    assert [reason.partition(",")[0] for reason in reasons] == [
        "localFilters x", "search", "filter 1", "filter 1", "filter 2", "filter 2",
    ]  # fmt: skip
    assert "include" in reasons[2]
    assert "what metric, domain means" in reasons[4]
    assert "it has no key" in reasons[5]
    assert "\x1b" not in "".join(reasons)


def test_a_preset_without_a_filter_is_refused() -> None:
    with pytest.raises(ConfigError, match="holds no filter"):
        translate(definition())


def test_a_preset_is_found_by_its_name_or_its_uuid() -> None:
    presets = [FilterPreset(uuid, name) for uuid, name in zip(UUIDS, ["Fog", "Rain", "Rain", UUIDS[0]], strict=True)]
    assert named("Fog", presets) == presets[0]
    assert named(UUIDS[2].upper(), presets) == presets[2]
    assert named(UUIDS[0], presets) == presets[0]  # rather than the one that is called so
    with pytest.raises(ConfigError, match=f"2 filter presets have this name; choose one of preset={UUIDS[1]}, preset="):
        named("Rain", presets)
    with pytest.raises(ConfigError, match="did you mean 'Fog'"):
        named("fog", presets)
    with pytest.raises(ConfigError, match=r"allowed: \(none\)"):
        named("Fog", [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Night & Fog (2)", "preset-night-fog-2"),
        ("../../etc/passwd\0", "preset-etc-passwd"),
        ("Ready", "preset-ready"),
        ("Größe", "preset-groe"),
        ("夜", "preset-4c5ec9a5"),
        ("", "preset-4c5ec9a5"),
        ("a b " * 50, f"preset-{'a-b-' * 14}a-b"),
    ],
)
def test_the_name_of_the_file_is_safe(name: str, expected: str) -> None:
    assert file_name(FilterPreset(UUIDS[0], name)) == expected


def test_a_file_that_is_there_is_never_changed(tmp_path: Path) -> None:
    preset, predicates = FilterPreset(UUIDS[0], "Fog"), translate(definition(condition()))
    path, new = save_filter(tmp_path / "filters", preset, predicates, TODAY)
    written = path.read_text()
    assert (path, new) == (tmp_path / "filters" / "preset-fog.yaml", True)
    assert save_filter(tmp_path / "filters", preset, predicates, date(2027, 1, 1)) == (path, False)
    for other in (FilterPreset(UUIDS[1], "fog!"), preset):
        with pytest.raises(ConfigError, match="another filter, and was left as it is"):
            save_filter(tmp_path / "filters", other, translate(definition(condition(include=False))), TODAY)
    assert path.read_text() == written


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "filters").write_text("a file")
    with pytest.raises(DataError, match=r"filters/preset-fog\.yaml cannot be written or read"):
        save_filter(tmp_path / "filters", FilterPreset(UUIDS[0], "Fog"), translate(definition(condition())), TODAY)


# Texts that a reader of YAML may take for something else, and the edges of what it takes at all.
TRICKY = st.sampled_from(
    ["null", "~", "yes", "1e3", "0x1F", "1_000", "2026-01-31", "12:30", "- a", "a: b", "# a", "&a", "*a", "!!int 1",
     "'", '"', "\\", "$", "{a}", "[a]", "%", "@", "`", "|", ">", "a\nb", "a\r\n", "\t", "\0", "\x7f", "\x85", "\u2028",
     "\ufeff", " a ", "", "é", "e\u0301", "夜", "🌧", "\U0010ffff", "all", "name", "true"]
)  # fmt: skip
TEXTS = TRICKY | st.text(max_size=12) | st.text("\"'\\#:$ \n{}", max_size=8)
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES: dict[str, st.SearchStrategy[Any]] = {"varchar": TEXTS, "number": NUMBERS, "boolean": st.booleans()}


def stored(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@settings(max_examples=200)
@given(
    name=TEXTS, key=TEXTS, include=st.booleans(), data=st.data(), kind=st.sampled_from(sorted(VALUES)),
    others=st.lists(TEXTS | NUMBERS, max_size=3),
)  # fmt: skip
@example(name="x\n@package evil", key="1e3", include=True, data=None, kind="varchar", others=["1e3", 1000])
def test_whatever_a_filter_holds_its_file_means_the_same(
    name: str, key: str, include: bool, data: Any, kind: str, others: list[Any]
) -> None:
    values = ["1e3"] if data is None else data.draw(st.lists(VALUES[kind], min_size=1, max_size=4))
    assume(key and not any("${" in text or text == "???" for text in (key, *map(str, values))))
    assume(kind != "number" or len(set(values)) != 2)
    given_filter = {"key": key, "include": include, "values": values, "type": kind}
    text = file_content(FilterPreset(UUIDS[0], name), translate(definition(given_filter)), TODAY)
    comments = [line.startswith("# ") for line in text.splitlines()]
    assert comments == [True, True] + [False] * (len(comments) - 2)
    saved: Any = OmegaConf.to_container(OmegaConf.load(StringIO(text)), resolve=True)
    rows = [*values, *others, None]
    pool = pl.DataFrame({f"meta.{key}": [None if value is None else stored(value) for value in rows]})
    has = [value is not None and _equal(value, values, kind) for value in rows]
    assert list(parse(saved).apply(pool).rows) == [row for row, it in enumerate(has) if it == include]


def _equal(value: Any, values: list[Any], kind: str) -> bool:
    """Return whether what an image has is one of a filter's values."""
    if kind != "number":
        return stored(value) in [stored(one) for one in values]
    try:
        return float(stored(value)) in [float(one) for one in values]
    except (ValueError, OverflowError):
        return False
