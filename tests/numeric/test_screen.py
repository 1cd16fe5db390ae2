"""Products of 8-bit numbers only save work: no close pair is missed, and the graph is the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alrun.numeric import screen
from alrun.numeric.blocks import unit_rows
from alrun.numeric.neighbours import ball_graph
from alrun.numeric.screen import Screen
from tests.strategies.pools import blobs, gaussian, grid


def exact(left: npt.NDArray[np.int8], right: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    return left.astype(np.int32) @ right.T.astype(np.int32)


def distances(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    arms = points[:, None].astype(np.float64) - points
    return np.asarray(np.sqrt(np.square(arms).sum(axis=2)))


@given(
    seed=st.integers(0, 100),
    width=st.integers(1, 40),
    radius=st.floats(1e-3, 1e3),
    offset=st.sampled_from([0.0, 3.0, -1e4]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_no_close_pair_is_missed(seed: int, width: int, radius: float, offset: float, scale: float) -> None:
    points = (gaussian(seed, 30, width, offset) * scale).astype(np.float32)
    points[7] = points[3]
    found = np.zeros((30, 30), np.bool_)
    rough = Screen(points, radius * scale, exact)
    for block in (slice(0, 11), slice(11, 30)):
        for other in (slice(0, 17), slice(17, 30)):
            found[block, other][rough.pairs(block, other)] = True
    assert found[distances(points) < radius * scale].all()


def test_the_radius_may_be_that_of_the_first_of_a_pair() -> None:
    points = gaussian(0, 60, 12)
    radii = np.linspace(5, 1, 60)
    i, j = Screen(points, radii, exact).pairs(slice(0, 60), slice(0, 60))
    found = np.zeros((60, 60), np.bool_)
    found[i, j] = True
    assert found[distances(points) < radii[:, None]].all()
    assert not found[distances(points) > radii[:, None] + 0.5].any()


def test_an_axis_that_stands_out_does_not_coarsen_the_others() -> None:
    points = blobs(0, 500, 256, 5, spread=0.3)
    points[:, 3] *= 30
    found = len(Screen(points, 6.0, exact).pairs(slice(0, 500), slice(0, 500))[0])
    apart = distances(points)
    assert np.count_nonzero(apart < 6.0) <= found <= np.count_nonzero(apart < 7.0)


def test_most_distant_pairs_are_told_apart() -> None:
    points = unit_rows(blobs(0, 500, 256, 5, spread=0.3))
    rough = Screen(points, 0.5, exact)
    found = len(rough.pairs(slice(0, 500), slice(0, 500))[0])
    close = np.count_nonzero(distances(points) < 0.5)
    assert close <= found < 1.1 * close


def test_points_that_are_all_the_same_are_all_close() -> None:
    rough = Screen(np.ones((4, 3), np.float32), 0.1, exact)
    assert len(rough.pairs(slice(0, 4), slice(0, 4))[0]) == 16


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize("points", [gaussian(0, 300, 24), grid(0, 300, 3), blobs(0, 300, 24, 4)])
def test_graph_is_the_same_with_it(
    points: npt.NDArray[np.float32], share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    radius = float(np.quantile(distances(points), 0.1))
    without = ball_graph(points, radius)
    monkeypatch.setattr(screen, "_WORTH", 0)
    monkeypatch.setattr(screen, "_FEW", share)  # the product of two blocks always, and never
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)
    threads, used = torch.get_num_threads(), []

    class Watched(Screen):
        def __init__(self, *args: Any) -> None:
            used.append(True)
            super().__init__(*args)

    monkeypatch.setattr(screen, "Screen", Watched)
    found = ball_graph(points, radius)
    assert used
    assert torch.get_num_threads() == threads
    np.testing.assert_array_equal(found.starts, without.starts)
    for row in range(len(points)):
        here = slice(found.starts[row], found.starts[row + 1])
        assert sorted(found.indices[here]) == sorted(without.indices[here])


def test_without_fast_products_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(screen, "_WORTH", 0)
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: False)
    with screen.screen(gaussian(0, 5, 3), 1.0) as rough:
        assert rough is None


@pytest.mark.parametrize("width", [2, 3, 17, 64])
@pytest.mark.parametrize("sizes", [(1, 1), (1, 5), (7, 1), (9, 33)])
def test_the_products_of_torch_are_exact(width: int, sizes: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(screen, "_WORTH", 0)
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)
    left, right = (np.random.default_rng(size).integers(-127, 128, (size, width), np.int8) for size in sizes)
    with screen.screen(gaussian(0, 5, width), 1.0) as rough:
        assert rough is not None
        np.testing.assert_array_equal(rough.products(left, right), exact(left, right))


def test_single_numbers_are_left_to_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(screen, "_WORTH", 0)
    monkeypatch.setattr(torch.cpu, "_is_vnni_supported", lambda: True)
    with screen.screen(gaussian(0, 5, 1), 1.0) as rough:
        assert rough is None
