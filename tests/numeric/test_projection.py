"""The plane of the two principal components: against scikit-learn's, and the same bits whatever the threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from alrun.numeric.projection import principal_plane


@pytest.mark.parametrize(("size", "width"), [(400, 12), (40, 300), (3, 2)])
def test_it_is_the_plane_of_scikit_learn(size: int, width: int) -> None:
    from sklearn.decomposition import PCA

    points = (np.random.default_rng(0).normal(size=(size, width)) * np.linspace(3, 1, width) + 5).astype(np.float32)
    pca = PCA(2, svd_solver="full").fit(points.astype(np.float64))
    signs = np.sign(np.take_along_axis(pca.components_, np.abs(pca.components_).argmax(axis=1)[:, None], axis=1)[:, 0])
    np.testing.assert_allclose(principal_plane(points), pca.transform(points) * signs, atol=1e-4)


def test_of_many_points_a_sample_gives_the_directions() -> None:
    rng = np.random.default_rng(0)
    points = (rng.normal(size=(20_000, 6)) * [9, 5, 1, 1, 1, 1]).astype(np.float32)
    plane = principal_plane(points)
    assert plane.shape == (20_000, 2)
    for axis in (0, 1):
        assert abs(np.corrcoef(plane[:, axis], points[:, axis])[0, 1]) > 0.99


@settings(max_examples=60)
@given(hnp.arrays(np.float32, st.tuples(st.integers(0, 9), st.integers(1, 9)), elements=st.floats(-1e6, 1e6, width=32)))
def test_it_is_finite_and_no_distance_grows(points: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> None:
    plane = principal_plane(points)
    assert plane.shape == (len(points), 2)
    assert np.isfinite(plane).all()
    far = np.linalg.norm(points[:, None].astype(np.float64) - points, axis=2)
    assert (np.linalg.norm(plane[:, None] - plane, axis=2) <= far + 1e-6 * (1 + far.max(initial=0))).all()


def test_points_that_are_all_the_same_lie_at_0() -> None:
    assert not principal_plane(np.full((5, 3), 7, np.float32)).any()
    assert not principal_plane(np.full((1, 3), 7, np.float32)).any()


def test_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    points = np.random.default_rng(0).normal(size=(9_000, 40)).astype(np.float32)
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr("joblib.cpu_count", lambda threads=threads: threads)
        found.append(principal_plane(points).tobytes())
    assert len(set(found)) == 1
