"""Comparing all rows at once, each pair for both, only saves work: the nearest are the same, to the bit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alrun.numeric import candidates, screen
from alrun.numeric.blocks import workers
from alrun.numeric.candidates import Cosine, floors, mutual
from alrun.numeric.cosine import nearest_distances
from tests.numeric.test_cosine import cloud, plain_nearest

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]


def nearest(points: Floats, k: int) -> Doubles:
    rows = np.arange(len(points))
    return nearest_distances(points, rows, rows, k)


@pytest.fixture
def small() -> Iterator[pytest.MonkeyPatch]:
    """Few rows are treated as many are, without 8-bit numbers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "_MANY", 0)
        patch.setattr(candidates, "_TILE", 64)
        patch.setattr(candidates, "_WINDOW", 64)
        patch.setattr(candidates, "_PIVOTS", 5)
        yield patch


def use_whole_numbers(patch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    patch.setattr(screen, "_WORTH", 0)
    patch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.integers(2, 60),
    width=st.sampled_from([1, 4, 33]),
    k=st.integers(1, 12),
    tile=st.sampled_from([3, 16, 64]),
    few=st.sampled_from([0.0, 1.0]),
    held=st.sampled_from([-100, 0, 64]),
    whole=st.booleans(),
)
def test_the_nearest_are_the_same(
    seed: int, size: int, width: int, k: int, tile: int, few: float, held: int, whole: bool
) -> None:
    points = cloud(size, width, seed)
    expected = nearest(points, k)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "_MANY", 0)
        patch.setattr(candidates, "_TILE", tile)
        patch.setattr(candidates, "_WINDOW", 16)
        patch.setattr(candidates, "_PIVOTS", 3)
        patch.setattr(screen, "_FEW", few)  # single products never, and always
        patch.setattr(candidates, "_HELD", held)  # gives up at once, soon, and never
        if whole:
            use_whole_numbers(patch)
        found = nearest(points, k)
    assert found.tobytes() == expected.tobytes()
    rows = list(range(size))
    np.testing.assert_allclose(found, plain_nearest(points, rows, rows, k), atol=1e-12)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("k", [1, 30])
def test_order_and_threads_change_no_bit(whole: bool, k: int, small: pytest.MonkeyPatch) -> None:
    if whole:
        use_whole_numbers(small)
    points = cloud(700, 33)
    expected = nearest(points, k)
    order = np.random.default_rng(1).permutation(700)
    for cores in (1, 3):
        small.setattr("joblib.cpu_count", lambda cores=cores: cores)
        assert nearest(points[order], k).tobytes() == expected[order].tobytes()


@pytest.mark.usefixtures("small")
def test_each_row_gets_its_candidates_although_each_pair_is_looked_at_once() -> None:
    cosine = Cosine(cloud(300, 8), np.arange(300))
    with workers() as pool:
        floor = floors(cosine, 2, pool)
        order = np.argsort(floor)
        cosine, floor = Cosine(cosine.points, order), floor[order]
        blocks = list(mutual(cosine, floor, 2, pool))
    similar = cosine.units.astype(np.float64) @ cosine.units.T
    np.fill_diagonal(similar, -np.inf)
    second = np.sort(similar, axis=1)[:, -2]
    assert (floor <= second).all()
    assert np.median(second - floor) < 0.05
    assert np.concatenate([rows for rows, _ in blocks]).tolist() == list(range(300))
    for rows, found in blocks:
        assert found is not None
        places, others = found.pairs()
        pairs = list(zip(rows[places].tolist(), others.tolist(), strict=True))
        assert len(set(pairs)) == len(pairs)
        needed = np.argwhere(similar[rows] >= second[rows, None])
        assert {(int(rows[place]), int(other)) for place, other in needed} <= set(pairs)


def test_where_most_points_are_almost_the_same_nothing_piles_up(small: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    points = (rng.normal(size=32) + 1e-6 * rng.normal(size=(600, 32))).astype(np.float32)
    with workers() as pool:
        cosine = Cosine(points, np.arange(600))
        floor = np.sort(floors(cosine, 1, pool))
        left = [found is None for _, found in mutual(cosine, floor, 1, pool)]
    assert all(left[-3:])
    fast = nearest(points, 3)
    small.setattr(candidates, "_MANY", 601)
    assert fast.tobytes() == nearest(points, 3).tobytes()
