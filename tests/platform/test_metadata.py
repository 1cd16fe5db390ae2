"""Which client metadata alrun may write: its own, sealed; everybody else's stay as they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.errors import Refused
from alrun.platform.local import LocalProject
from alrun.platform.metadata import merged, owned, rounded
from alrun.platform.testing import small_contents
from alrun.platform.writes import SetMetadata
from alrun.types import Scalar

OURS = "alrun."

numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**63)
leaves = st.none() | st.booleans() | numbers | st.text(max_size=5)
anything = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner), max_leaves=6
)
foreign = st.dictionaries(st.text(max_size=8).filter(lambda key: not key.startswith(OURS)), anything, max_size=5)
values = st.none() | st.text(max_size=5) | st.floats().map(rounded)
wanted = st.dictionaries(st.sampled_from([f"{OURS}{name}" for name in ("blur", "score", "a.b")]), values, max_size=3)


def after(before: Mapping[str, Any], change: Mapping[str, Scalar | None]) -> Mapping[str, Any]:
    """Write, and read what a server made of it: JSON, keys in an order of its own, one without a value dropped."""
    made = merged(before, change, OURS)
    assert not isinstance(made, str)
    sent = before if made is None else made
    kept = {key: value for key, value in sent.items() if value is not None or key in before}
    shown: dict[str, Any] = json.loads(json.dumps(kept, sort_keys=True))
    return shown


@settings(max_examples=50)
@given(foreign, st.lists(wanted, min_size=1, max_size=4))
def test_any_writes_leave_foreign_keys_alone_and_the_wanted_values_there(
    before: dict[str, Any], changes: list[dict[str, Scalar | None]]
) -> None:
    now: Mapping[str, Any] = before
    expected: dict[str, Scalar | None] = {}
    for change in changes:
        now = after(now, change)
        expected |= change
        assert {key: value for key, value in now.items() if not key.startswith(OURS)} == before
        assert owned(now, OURS) == {key: value for key, value in expected.items() if value is not None}
        assert merged(now, change, OURS) is None, "written once is written"


@settings(max_examples=50)
@given(foreign, wanted, st.sampled_from(["blur", "score", "a.b", "seal", "other"]), leaves)
def test_a_key_under_the_prefix_that_somebody_else_wrote_or_changed_stops_the_write(
    before: dict[str, Any], change: dict[str, Scalar | None], name: str, theirs: Any
) -> None:
    ours = after(before, change)
    key = f"{OURS}{name}"
    if theirs == ours.get(key) and type(theirs) is type(ours.get(key)):
        return
    if isinstance(theirs, int | float) and not isinstance(theirs, bool) and theirs == ours.get(key):
        return  # 1 and 1.0 are one number, also where a server writes the one for the other
    assert isinstance(merged({**ours, key: theirs}, {f"{OURS}blur": "new"}, OURS), str)


def test_the_reason_names_the_keys_and_a_way_out() -> None:
    assert merged({"alrun.blur": 3}, {"alrun.blur": 1}, OURS) == (
        "its alrun.blur are not as alrun wrote them: take them out, or choose another publish.prefix"
    )


def test_keys_that_are_not_named_keep_their_values() -> None:
    first = after({}, {"alrun.blur": 1, "alrun.score": 2})
    assert owned(after(first, {"alrun.score": 3}), OURS) == {"alrun.blur": 1, "alrun.score": 3}
    assert owned(after(first, {"alrun.score": None}), OURS) == {"alrun.blur": 1}


def test_nothing_is_written_where_there_is_nothing_to_say() -> None:
    assert merged({"camera": "left"}, {"alrun.blur": None}, OURS) is None


def test_two_prefixes_do_not_see_each_other() -> None:
    first = after({}, {"alrun.blur": 1})
    second = merged(first, {"other.blur": 2}, "other.")
    assert isinstance(second, Mapping)
    assert owned(second, OURS) == {"alrun.blur": 1}
    assert merged(second, {"alrun.blur": 1}, OURS) is None


def test_what_json_cannot_hold_is_not_passed_on_as_something_else() -> None:
    assert "JSON" in str(merged(json.loads('{"x": 1e999}'), {"alrun.blur": 1}, OURS))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (640.0, 640),
        (1234567.0, 1234567),
        (0.1234567, 0.123457),
        (1e-9 / 3, 3.33333e-10),
        (1e300, 1e300),
        (-0.0, 0),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_numbers_are_rounded_sensibly(value: float, written: float | None) -> None:
    found = rounded(value)
    assert (found, type(found)) == (written, type(written))


def test_a_local_project_refuses_what_was_built_on_older_metadata(tmp_path: Path) -> None:
    contents = small_contents(tmp_path / "images")
    platform = LocalProject(path=str(tmp_path / "p.sqlite")).open(tmp_path, lambda: contents)
    ref = platform.tasks()[0].ref
    before = platform.metadata([ref.data_hash])[ref.data_hash]
    platform.set_metadata(SetMetadata((ref,), (before,), ({**before, "first": 1},)))
    with pytest.raises(Refused, match="somebody changed"):
        platform.set_metadata(SetMetadata((ref,), (before,), ({**before, "second": 2},)))
    assert platform.metadata([ref.data_hash])[ref.data_hash] == {**before, "first": 1}
    platform.close()
