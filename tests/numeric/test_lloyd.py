"""Lloyd's algorithm with bounds: nothing that is left out would have changed a label."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alrun.numeric import kmeans as module
from alrun.numeric.blocks import Doubles, Floats, Rows, workers
from alrun.numeric.kmeans import kmeans
from alrun.numeric.lloyd import Lloyd
from tests.numeric.test_kmeans import blobs


def to_each(points: Doubles, centres: Doubles) -> Doubles:
    squares: Doubles = np.square(points[:, None] - centres).sum(axis=2)
    return squares


def leads(squares: Doubles, labels: Rows) -> Doubles:
    """Return by how much the centre of each label is closer than any other; 1e-12 more for float64's rounding."""
    distances = np.sqrt(squares)
    own = distances[np.arange(len(labels)), labels]
    distances[np.arange(len(labels)), labels] = np.inf
    return np.asarray(distances.min(axis=1) - own + 1e-12)


def share_read(points: Floats, centres: Doubles, passes: int) -> float:
    """Compare each pass with float64 over all points; return the share of points that were read in the last one."""
    exact = points.astype(np.float64)
    origin = points.mean(axis=0, dtype=np.float64).astype(np.float32)
    # Of float32 sums of products: a point may be given to a centre that is no further than by so much.
    slack = 2e-6 * float(np.square(exact).sum(axis=1).max())
    rows = np.arange(len(points))
    with workers() as pool:
        lloyd = Lloyd(points, None, centres, origin, pool)
        for _ in range(passes):
            left_out = lloyd._leads > 0
            lloyd.assign()
            squares = to_each(exact, lloyd.centres)
            assert (lloyd._leads <= leads(squares, lloyd.labels)).all()
            np.testing.assert_array_equal(lloyd.labels[left_out], squares[left_out].argmin(axis=1))
            assert (squares[rows, lloyd.labels] - squares.min(axis=1)).max() <= slack
            np.testing.assert_allclose(lloyd.distances(), squares[rows, lloyd.labels], atol=slack)
            lloyd.move(lloyd.means())
            assert (lloyd._leads <= leads(to_each(exact, lloyd.centres), lloyd.labels)).all()
            for cluster in np.unique(lloyd.labels):
                mean = exact[lloyd.labels == cluster].mean(axis=0)
                np.testing.assert_allclose(lloyd.centres[cluster], mean, atol=1e-5 * np.abs(exact).max())
    return float(1 - left_out.mean())


@pytest.mark.parametrize("offset", [0.0, 50.0, 3_000.0])
@pytest.mark.parametrize(("clusters", "width"), [(1, 24), (12, 24), (12, 1)])  # on a line the bound is tight
def test_what_is_left_out_keeps_its_nearest_centre(clusters: int, width: int, offset: float) -> None:
    points = blobs(5_000, width, offset)
    read = share_read(points, points[:clusters].astype(np.float64), passes=25)
    assert read < (0.5 if offset <= 50 else 1.1)  # far out float32 can tell little: all is read, and right


GRID = st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=3, max_size=40)


@given(GRID, st.integers(1, 3))
def test_ties_are_never_left_out(grid: list[tuple[int, int]], clusters: int) -> None:
    points = np.array(grid, np.float32)
    share_read(points, points[:clusters].astype(np.float64), passes=4)


@pytest.mark.parametrize("clusters", [10, 90])
def test_reading_all_points_in_each_pass_ends_at_the_same(clusters: int, monkeypatch: pytest.MonkeyPatch) -> None:
    points = blobs(15_000)
    weights = np.random.default_rng(0).random(len(points))

    class ReadingAll(Lloyd):
        def assign(self) -> None:
            self._leads[:] = 0
            super().assign()

    found = kmeans(points, clusters, np.random.default_rng(0), weights)
    monkeypatch.setattr(module, "Lloyd", ReadingAll)
    plain = kmeans(points, clusters, np.random.default_rng(0), weights)
    assert (found.labels == plain.labels).mean() > 0.9999
    assert weights @ found.distances == pytest.approx(weights @ plain.distances, rel=1e-7)
