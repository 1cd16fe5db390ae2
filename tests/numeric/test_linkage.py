"""Average linkage without a matrix of distances is average linkage."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.numeric.linkage import average_linkage
from tests.strategies.pools import blobs, gaussian


@given(st.integers(0, 2**32 - 1), st.integers(2, 40), st.integers(2, 6))
@settings(max_examples=40)
def test_heights_and_cuts_are_those_of_scipy(seed: int, size: int, width: int) -> None:
    from scipy.cluster.hierarchy import fcluster, linkage
    from sklearn.metrics import adjusted_rand_score

    points = gaussian(seed, size, width)
    ours, theirs = average_linkage(points), linkage(points.astype(float), "average", metric="cosine")
    np.testing.assert_allclose(np.sort(ours.heights), theirs[:, 2], atol=1e-6)
    middle = float(theirs[len(theirs) // 2, 2]) + 1e-5
    if np.abs(theirs[:, 2] - middle).min() > 2e-6:
        partition = fcluster(theirs, middle, "distance")
        assert adjusted_rand_score(average_linkage(points, middle).clusters(1), partition) == 1
        assert adjusted_rand_score(ours.clusters(len(set(partition))), partition) == 1


def test_a_cluster_is_named_by_its_lowest_row() -> None:
    points = np.array([[1, 0], [0, 1], [1, 0.1], [0, 2], [0.1, 1]], np.float32)
    found = average_linkage(points)
    assert found.clusters(2).tolist() == [0, 1, 0, 1, 1]
    assert found.clusters(4).tolist() == [0, 1, 2, 1, 4]
    assert found.clusters(5).tolist() == [0, 1, 2, 1, 4]  # what is the same is one cluster
    assert average_linkage(points, 0.01).clusters(1).tolist() == [0, 1, 0, 1, 1]


def test_ties_come_to_an_end() -> None:
    corners = np.array(np.meshgrid(*[[-1, 1]] * 7)).reshape(7, -1).T.astype(np.float32)
    found = average_linkage(np.concatenate([corners, corners, np.zeros((3, 7), np.float32)]))
    assert len(found.heights) == 258
    assert len(set(found.clusters(10).tolist())) == 10
    assert set(average_linkage(np.ones((50, 3), np.float32)).clusters(7).tolist()) == {0}
    assert average_linkage(np.zeros((0, 4), np.float32)).clusters(3).tolist() == []


def test_threads_change_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    points = blobs(0, 1_500, 24, 30)
    found = []
    for threads in (1, 3):
        monkeypatch.setattr("joblib.cpu_count", lambda threads=threads: threads)
        found.append(average_linkage(points))
    np.testing.assert_array_equal(found[0].pairs, found[1].pairs)
    np.testing.assert_array_equal(found[0].heights, found[1].heights)
