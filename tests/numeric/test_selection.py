"""k-center, D² sampling, coverage and ball graphs: block sizes and threads change nothing; odd input is no surprise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.errors import DataError
from alrun.numeric import blocks, coverage, d2, kcenter, neighbours
from alrun.numeric.coverage import greedy_coverage
from alrun.numeric.d2 import d2_sample, row_norms, rows_of
from alrun.numeric.kcenter import k_center
from alrun.numeric.neighbours import ball_graph, foreign_distances, within
from tests.strategies import references
from tests.strategies.pools import blobs, gaussian, grid

NONE = np.zeros((0, 6), np.float32)
POINTS = blobs(0, 5_000, 6, 30)


def dot(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return x @ y.T


def sample(
    points: npt.NDArray[np.float32], count: int, seed: int = 0, weights: npt.NDArray[np.float64] | None = None
) -> tuple[Any, Any]:
    factors = [rows_of(points)]
    return d2_sample(factors, row_norms(factors, len(points)), 3, count, np.random.default_rng(seed), weights)


def graph(points: npt.NDArray[np.float32], radius: float) -> tuple[Any, Any]:
    found = ball_graph(points, radius)
    return found.starts, found.indices


WORK: dict[str, Callable[[], tuple[Any, Any]]] = {
    "k_center": lambda: k_center(POINTS, POINTS[:300], 0, 200),
    "d2_sample": lambda: sample(POINTS, 700),
    "greedy_coverage": lambda: greedy_coverage(references.unit(POINTS[:2_500]), NONE, dot, 20),
    "ball_graph": lambda: graph(POINTS, 0.5),
}


@pytest.mark.parametrize("name", WORK)
def test_threads_change_no_bit(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from threadpoolctl import threadpool_limits

    results = []
    for threads in (1, 2, 5):
        monkeypatch.setattr("joblib.cpu_count", lambda threads=threads: threads)
        with threadpool_limits(min(threads, 2)):
            results.append(WORK[name]())
    for first, second in results[1:]:
        assert first.tobytes() == results[0][0].tobytes()
        assert second.tobytes() == results[0][1].tobytes()


@pytest.mark.parametrize("name", WORK)
@pytest.mark.parametrize("size", [97, 1_000])
def test_block_sizes_change_no_pick(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = WORK[name]()
    for module in (coverage, d2, kcenter, neighbours):
        monkeypatch.setattr(module, "blocks", lambda count, *_: blocks.blocks(count, size))
    for what, value in (("_SIZES", (size,)), ("_FIRST", 7), ("_PLAIN", 5), ("_PAIRS", 10)):
        monkeypatch.setattr(kcenter, what, value)
    monkeypatch.setattr(neighbours, "_PAIRS", 10)
    monkeypatch.setattr(d2, "_CENTRES", 7)
    monkeypatch.setattr(coverage, "TABLE", 0)
    monkeypatch.setattr(coverage, "_BATCH", 31)
    others = WORK[name]()
    if name == "ball_graph":  # the neighbours of a point are in no order
        second, others = _sorted(first, second), (others[0], _sorted(*others))
    np.testing.assert_array_equal(others[0], first)
    np.testing.assert_allclose(others[1], second, rtol=1e-9)


def _sorted(starts: npt.NDArray[np.int64], indices: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    return np.concatenate([np.sort(part) for part in np.split(indices, starts[1:-1])])


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 4), st.integers(0, 3), st.integers(1, 3))
@settings(max_examples=60)
def test_k_center_equals_the_loop_where_all_ties(seed: int, size: int, width: int, given: int, levels: int) -> None:
    points, centres = grid(seed, size, width, levels), grid(seed + 1, given, width, levels)
    rows, distances = k_center(points, centres, size // 2, size)
    expected = references.k_center(points, centres, size // 2, size)
    assert (rows.tolist(), distances.tolist()) == expected


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e12])
def test_k_center_does_not_depend_on_the_unit(scale: float) -> None:
    points = (gaussian(0, 400, 5) * np.float64(scale)).astype(np.float32)
    rows, _ = k_center(points, points[:0], 0, 60)
    assert rows.tolist() == references.k_center(points, points[:0], 0, 60)[0]


def test_k_center_reads_a_memory_mapped_pool(tmp_path: Any) -> None:
    np.save(tmp_path / "points.npy", POINTS)
    mapped = np.load(tmp_path / "points.npy", mmap_mode="r")
    assert k_center(mapped, NONE, 0, 50)[0].tolist() == k_center(POINTS, NONE, 0, 50)[0].tolist()


def test_drawing_ends_when_only_duplicates_are_left() -> None:
    points = np.repeat(gaussian(0, 3, 2), 4, axis=0)
    rows, squares = sample(points, 12)
    assert len(set((rows[:3] // 4).tolist())) == 3
    assert (squares[:3] > 0).all()
    assert rows[3:].tolist() == sorted(set(range(12)) - set(rows[:3].tolist()))
    assert squares[3:].tolist() == [0] * 9


@pytest.mark.parametrize("spread", [0.001, 0.1, 10])
@pytest.mark.parametrize("weighted", [False, True])
def test_drawing_equals_the_plain_loop(spread: float, weighted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    refreshed: list[int] = []

    class Sampler(d2._Sampler):
        def refresh(self) -> None:
            refreshed.append(len(self.picked))
            super().refresh()

    monkeypatch.setattr(d2, "_Sampler", Sampler)
    points = blobs(0, 2_000, 4, 50, spread)
    weights = np.random.default_rng(1).integers(3, size=2_000).astype(float) if weighted else None
    rows, squares = sample(points, 1_500, 2, weights)
    loop = references.d2_sample(points.astype(float), 3, 1_500, np.random.default_rng(2), weights)
    assert rows.tolist() == loop[0]
    np.testing.assert_allclose(squares, loop[1], rtol=1e-9, atol=1e-12)
    assert len(refreshed) > 2


def test_coverage_of_duplicates_goes_by_row() -> None:
    points = np.repeat(references.unit(gaussian(0, 3, 4)), 3, axis=0)
    rows, gains = greedy_coverage(points, points[:0], dot, 9)
    assert (rows[:3] % 3).tolist() == [0, 0, 0]
    assert gains[3:].tolist() == [0] * 6
    assert rows[3:].tolist() == [1, 2, 4, 5, 7, 8]


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 60),
    st.integers(0, 3),
    st.sampled_from([0, 1e-7, 1e-5, 1e-3]),
    st.sampled_from([0, 10_000]),
)
@settings(max_examples=80)
def test_coverage_equals_the_loop_where_all_nearly_ties(
    seed: int, size: int, labelled: int, noise: float, table: int
) -> None:
    points = references.unit(2 * grid(seed, size, 3) - 3 + np.float32(noise) * gaussian(seed, size, 3))
    given = references.unit(2 * grid(seed + 1, labelled, 3) - 3)
    x = points.astype(np.float64)
    expected = references.coverage(dot(x, x), dot(x, given.astype(np.float64)), size)
    with pytest.MonkeyPatch.context() as patch:
        for what, value in (("TABLE", table), ("_PAIRS", 16), ("_FEW", 5)):
            patch.setattr(coverage, what, value)
        rows, gains = greedy_coverage(points, given, dot, size)
    assert rows.tolist() == expected[0]
    np.testing.assert_allclose(gains, expected[1], rtol=1e-9, atol=1e-13)


def test_bounds_on_what_rows_cover_stay_bounds_and_close() -> None:
    rng = np.random.default_rng(0)
    similar = np.minimum(rng.normal(0.2, 0.4, (300, 300)), 1 + 1e-15)
    similar = np.maximum(similar, similar.T)
    before, after = np.sort(rng.choice([0, 1, *rng.random(300)], (2, 300)), axis=0)
    after[:50] = before[:50]
    before[50:100] = similar[7, 50:100].clip(0)  # exactly as similar as it is covered
    after = np.maximum(before, after)
    with blocks.workers() as pool:
        table = coverage._Table(300, pool)
        table.keep(slice(0, 300), slice(0, 300), similar)
        lost = table.lost(np.arange(300), before, after)
        reached = table.reached(np.arange(7, 8), before)
    truth = np.clip(similar, before, after).sum(axis=1) - before.sum()
    assert (lost <= truth).all()
    assert (lost >= truth - 250 * 2 / 65_535).all()
    assert set(np.flatnonzero(similar[7] > before)) <= set(reached.tolist())


def test_edges_at_the_radius_are_decided_in_float64() -> None:
    points = np.array([[0, 0], [3, 4], [np.nextafter(np.float32(3), np.float32(0)), 4]], np.float32) + np.float32(0)
    found = ball_graph(points, 5.0)
    assert sorted(found.neighbours(np.array([0])).tolist()) == [0, 2]
    assert within(points, points[:1], 5.0).tolist() == [True, False, True]


def test_a_radius_that_joins_nearly_everything_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "MOST_PAIRS", 1_000)
    with pytest.raises(DataError, match="choose a smaller one"):
        ball_graph(POINTS[:200], 100.0)


def test_distances_to_another_label_are_those_of_all_pairs() -> None:
    points, labels = gaussian(0, 300, 3), np.arange(300) % 4
    x = points.astype(float)
    away = np.sqrt(np.square(x[:, None] - x).sum(axis=2))
    expected = np.where(labels[:, None] == labels, np.inf, away).min(axis=1)
    rows = np.arange(0, 300, 7)
    np.testing.assert_allclose(foreign_distances(points, labels, rows), expected[rows], rtol=1e-9)
    assert np.isinf(foreign_distances(points, labels * 0, rows)).all()


def test_one_point_is_the_one_pick() -> None:
    point = np.ones((1, 6), np.float32)
    assert k_center(point, NONE, 0, 1)[0].tolist() == [0]
    assert greedy_coverage(point, NONE, dot, 1)[0].tolist() == [0]
    assert d2_sample([rows_of(point)], np.array([6.0]), 0, 1, np.random.default_rng(0))[0].tolist() == [0]
