"""Exact cosine neighbours and groups: against the plain formula, in any order and any blocks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alrun.numeric import cosine as module
from alrun.numeric.blocks import blocks
from alrun.numeric.cosine import distinct, leaders, nearest_distances, nearest_rows

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def plain(points: Floats) -> Doubles:
    """All distances by the formula; copies are at 0."""
    wide = points.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1)
    lengths[lengths == 0] = 1
    distances = 1 - (wide @ wide.T) / np.outer(lengths, lengths)
    same = (points[:, None, :] == points[None, :, :]).all(axis=2)
    return np.where(same, 0, np.clip(distances, 0, 2))


def plain_nearest(points: Floats, queries: list[int], among: list[int], k: int) -> Doubles:
    distances = plain(points)
    found = np.full((len(queries), k), np.inf)
    for row, query in enumerate(queries):
        others = sorted(distances[query, other] for other in among if other != query)[:k]
        found[row, : len(others)] = others
    return found


def cloud(size: int, width: int = 16, seed: int = 0) -> Floats:
    """Points some of which are copies, some almost, some of them zeros."""
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(size, width)).astype(np.float32)
    points[rng.integers(size, size=size // 4)] = points[rng.integers(size, size=size // 4)]
    near = rng.integers(size, size=size // 4)
    points[near] += np.float32(1e-3) * rng.normal(size=(len(near), width)).astype(np.float32)
    points[rng.integers(size)] = 0
    return points


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 12), st.sampled_from([2, 7, 2048]))
def test_the_nearest_rows_are_at_the_nearest_distances(seed: int, size: int, k: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    points = cloud(size, 4, seed)
    queries = rng.integers(size, size=rng.integers(size + 1)).tolist()
    among = rng.permutation(size)[: rng.integers(size + 1)].tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_QUERIES", block)
        patch.setattr(module, "blocks", lambda total, rows=block: blocks(total, rows))
        found = nearest_rows(points, np.array(queries, np.int64), np.array(among, np.int64), k)
    distances = plain(points)
    expected = plain_nearest(points, queries, among, k)
    for query, rows, nearest in zip(queries, found.tolist(), expected.tolist(), strict=True):
        there = [row for row in rows if row >= 0]
        assert len(set(there)) == len(there) == np.isfinite(nearest).sum()
        assert set(there) <= set(among) - {query}
        np.testing.assert_allclose(distances[query, there], nearest[: len(there)], atol=1e-12)
        assert rows[len(there) :] == [-1] * (k - len(there))


def test_of_rows_that_are_equally_far_the_lower_come_first() -> None:
    points = np.array([[1, 0], [0, 1], [1, 0], [0, 2], [1, 0], [0, -1]], np.float32)
    rows = np.arange(6)
    assert nearest_rows(points, rows, rows[::-1].copy(), 3).tolist()[0] == [2, 4, 1]
    assert nearest_rows(points, rows, rows, 3).tolist()[2:4] == [[0, 4, 1], [1, 0, 2]]
    assert nearest_rows(points, rows, np.array([4, 0]), 3).tolist()[4] == [0, -1, -1]


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 12), st.sampled_from([2, 7, 2048]))
def test_the_nearest_are_those_of_the_formula(seed: int, size: int, k: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    points = cloud(size, 4, seed)
    queries = rng.integers(size, size=rng.integers(size + 1)).tolist()
    among = rng.permutation(size)[: rng.integers(size + 1)].tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_QUERIES", block)
        patch.setattr(module, "blocks", lambda total, rows=block: blocks(total, rows))
        found = nearest_distances(points, np.array(queries, np.int64), np.array(among, np.int64), k)
    np.testing.assert_allclose(found, plain_nearest(points, queries, among, k), atol=1e-12)


def test_order_blocks_and_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    points = cloud(900, 33)
    rows = np.arange(900)
    expected = nearest_distances(points, rows, rows, 5)
    lead = leaders(points, 0.05)
    order = np.random.default_rng(1).permutation(900)
    for cores, queries in ((1, 512), (3, 64), (2, 901)):
        monkeypatch.setattr("joblib.cpu_count", lambda cores=cores: cores)
        monkeypatch.setattr(module, "_QUERIES", queries)
        assert nearest_distances(points, rows, rows, 5).tobytes() == expected.tobytes()
        assert nearest_distances(points[order], rows, rows, 5).tobytes() == expected[order].tobytes()
        assert leaders(points, 0.05).tobytes() == lead.tobytes()


def test_a_thousand_times_the_same_point_is_found_at_once() -> None:
    points = np.repeat(cloud(3, 8), [1000, 1000, 1], axis=0)
    rows = np.arange(2001)
    found = nearest_distances(points, rows, rows, 50)
    assert (found[:2000] == 0).all()
    assert (found[2000] > 0).all()


def test_rounding_decides_nothing() -> None:
    """A thousand points that float32 cannot tell apart, at distances of 1e-9 and less from a first one."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=64)
    steps = rng.normal(size=(1000, 64)) * rng.uniform(0, 3e-5, (1000, 1))
    points = np.concatenate([base[None], base + steps]).astype(np.float32)
    found = nearest_distances(points, np.array([0]), np.arange(1001), 20)
    np.testing.assert_allclose(found, plain_nearest(points, [0], list(range(1001)), 20), rtol=1e-3, atol=1e-15)


def plain_leaders(points: Floats, within: float) -> list[int]:
    distances = plain(points)
    lead: list[int] = []
    for row in range(len(points)):
        close = [
            other
            for other in range(row)
            if lead[other] == other and (distances[row, other] < within or (points[row] == points[other]).all())
        ]
        lead.append(close[0] if close else row)
    return lead


@given(
    st.integers(0, 2**32 - 1),
    st.integers(0, 40),
    st.sampled_from([0.0, 1e-5, 0.03, 0.3, 3.0]),
    st.sampled_from([2, 7, 512]),
)
def test_groups_are_those_of_the_description(seed: int, size: int, within: float, block: int) -> None:
    points = cloud(size, 3, seed) if size else np.zeros((0, 3), np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_QUERIES", block)
        assert leaders(points, within).tolist() == plain_leaders(points, within)


def test_contents_are_numbered_in_the_order_in_which_they_appear() -> None:
    first, number = distinct(np.array([[1], [2], [1], [3], [2]], np.float32))
    assert first.tolist() == [0, 1, 3]
    assert number.tolist() == [0, 1, 0, 2, 1]
