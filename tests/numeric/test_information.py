"""Entropies, leads and mutual information of rows: right in either type, and each from its own row alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.numeric.blocks import number_per_row
from alrun.numeric.information import bits, largest, lead, mutual_information, vote_shares

Array = npt.NDArray[Any]
KINDS = (np.float32, np.float64)


def dirichlet(seed: int, *shape: int) -> Array:
    """Return float64 distributions, of which many numbers are 0 or nearly."""
    *rows, classes = shape
    drawn = np.random.default_rng(seed).dirichlet(np.full(classes, 0.2), rows)
    drawn[drawn < 1e-4] = 0
    return np.asarray(drawn / drawn.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("kind", KINDS)
def test_bits_of_extremes(kind: type[np.floating]) -> None:
    least = np.finfo(kind).smallest_subnormal
    rows = np.array([[1, 0, 0, 0], [0.25] * 4, [0.5, 0.5, -0.0, least], [0.5, 0.25, 0.25, 0]], kind)
    found = bits(rows)
    assert found.dtype == kind
    np.testing.assert_allclose(found, [0, 2, 1, 1.5], atol=1e-6)
    assert not np.signbit(found[0])


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
@settings(max_examples=40)
def test_in_either_type_they_are_what_their_definitions_say(seed: int, classes: int) -> None:
    from scipy.stats import entropy

    for kind in KINDS:
        rows = dirichlet(seed, 30, classes).astype(kind)
        exact = rows.astype(np.float64)
        tolerance = 4e-6 if kind is np.float32 else 1e-12
        np.testing.assert_allclose(bits(rows), entropy(exact, base=2, axis=1), atol=tolerance)
        ordered = np.sort(np.column_stack([exact, np.zeros(30)]), axis=1)
        assert largest(rows).tolist() == ordered[:, -1].tolist()
        assert lead(rows).tolist() == (ordered[:, -1] - ordered[:, -2]).tolist()


def test_equal_guesses_have_no_lead_and_the_rows_stay_as_they_were() -> None:
    rows = np.array([[0.4, 0.4, 0.2], [0.1, 0.45, 0.45]], np.float32)
    before = rows.copy()
    rows.flags.writeable = False
    assert lead(rows).tolist() == [0, 0]
    assert rows.tobytes() == before.tobytes()


OF_ROWS: dict[str, Callable[[Array], Array]] = {"bits": bits, "largest": largest, "lead": lead}
OF_MEMBERS: dict[str, Callable[[Array], Array]] = {"mutual_information": mutual_information, "votes": vote_shares}


@given(st.integers(0, 2**32 - 1), st.integers(1, 70), st.integers(1, 20), st.integers(0, 11), st.integers(1, 12))
@settings(max_examples=40)
def test_a_row_says_the_same_in_any_block(seed: int, classes: int, members: int, start: int, count: int) -> None:
    some = slice(start, start + count)
    for kind in KINDS:
        samples = dirichlet(seed, members, 12, classes).astype(kind)
        for name, function in OF_ROWS.items():
            whole = function(samples[0])
            assert function(samples[0, some].copy()).tobytes() == whole[some].tobytes(), name
        for name, function in OF_MEMBERS.items():
            whole = function(samples)
            assert function(np.ascontiguousarray(samples[:, some])).tobytes() == whole[some].tobytes(), name


@pytest.mark.parametrize(("size", "threads"), [(0, 2), (5, 2), (40, 1), (40, 2), (40, 7)])
def test_every_row_gets_its_number_whatever_the_threads(
    size: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: threads)
    numbers = np.arange(size) ** 0.5
    assert number_per_row(lambda rows: numbers[rows], size, 3).tolist() == numbers.tolist()


def test_an_error_in_a_block_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("joblib.cpu_count", lambda: 3)

    def numbers(rows: slice) -> Array:
        if rows.start == 6:
            raise MemoryError("row 6")
        return np.zeros(rows.stop - rows.start)

    with pytest.raises(MemoryError, match="row 6"):
        number_per_row(numbers, 100, 2)
