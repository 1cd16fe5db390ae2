"""k-means: as good as scikit-learn's, and the same bits on any machine load."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from alrun.numeric import kmeans as module
from alrun.numeric.blocks import Floats
from alrun.numeric.kmeans import kmeans


def blobs(size: int, width: int = 24, offset: float = 0.0) -> Floats:
    rng = np.random.default_rng(size)
    centres = rng.normal(size=(12, width))
    points = centres[rng.integers(12, size=size)] + rng.normal(size=(size, width)) + offset
    return points.astype(np.float32)


@pytest.mark.parametrize(("size", "offset"), [(3_000, 0.0), (25_000, 0.0), (25_000, 50.0)])
def test_inertia_is_that_of_scikit_learn(size: int, offset: float) -> None:
    from sklearn.cluster import KMeans

    points = blobs(size, offset=offset)
    ours = min(float(kmeans(points, 10, np.random.default_rng(seed)).distances.sum()) for seed in range(3))
    theirs = min(KMeans(10, n_init=1, random_state=seed).fit(points).inertia_ for seed in range(3))
    assert ours == pytest.approx(theirs, rel=0.02)


def test_a_few_passes_after_a_tenth_of_the_points_are_almost_as_good() -> None:
    points = np.random.default_rng(0).normal(size=(150_000, 8)).astype(np.float32)  # one blob, the hardest
    points[:50_000] += 2
    above = []
    for seed in range(3):
        rested = kmeans(points, 10, np.random.default_rng(seed)).distances.sum()
        warm = kmeans(points, 10, np.random.default_rng(seed), passes=module.WARM_PASSES).distances.sum()
        above.append(warm / rested - 1)
    assert min(above) > -1e-9
    assert np.mean(above) < 0.003


@pytest.mark.parametrize("clusters", [3, 10, 90])
def test_it_rests_where_the_centres_are_the_means(clusters: int) -> None:
    points = blobs(8_000)
    found = kmeans(points, clusters, np.random.default_rng(0))
    means = np.stack([points[found.labels == k].mean(axis=0, dtype=np.float64) for k in range(clusters)])
    squares = np.square(points[:, None, :] - means).sum(axis=2).min(axis=1)
    assert squares.sum() == pytest.approx(found.distances.sum(), rel=1e-4)  # a pass more gains next to nothing


def test_labels_and_distances_belong_together() -> None:
    points = blobs(12_000)
    found = kmeans(points, 10, np.random.default_rng(0))
    centres = np.stack([points[found.labels == k].mean(axis=0, dtype=np.float64) for k in range(10)])
    to_each = np.square(points[:, None, :].astype(np.float64) - centres).sum(axis=2)
    np.testing.assert_allclose(found.distances, to_each[np.arange(len(points)), found.labels], rtol=0.02)
    assert (to_each.argmin(axis=1) == found.labels).mean() > 0.99  # it rests: hardly a point would move on


@pytest.mark.parametrize("size", [7, 5_000, 25_000])
def test_threads_change_no_bit(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    points = blobs(size)
    results = []
    for threads in (1, 2, 5):
        monkeypatch.setattr("joblib.cpu_count", lambda threads=threads: threads)
        results.append(kmeans(points, 6, np.random.default_rng(0)))
    for other in results[1:]:
        assert other.labels.tobytes() == results[0].labels.tobytes()
        assert other.distances.tobytes() == results[0].distances.tobytes()


def test_outer_thread_limits_change_no_bit() -> None:
    from threadpoolctl import threadpool_limits

    points = blobs(12_000)
    results = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            results.append(kmeans(points, 10, np.random.default_rng(0)).distances.tobytes())
    assert results[0] == results[1]


def test_fewer_distinct_points_than_clusters_leave_clusters_empty() -> None:
    points = np.repeat(np.array([[0, 0], [5, 5]], np.float32), 4, axis=0)
    found = kmeans(points, 5, np.random.default_rng(0))
    assert len(set(found.labels[:4])) == len(set(found.labels[4:])) == 1
    assert found.labels[0] != found.labels[4]
    assert found.distances.tolist() == [0] * 8


def test_a_large_pool_starts_from_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    start = module._start

    def note(
        sample: Floats, origin: Floats, clusters: int, rng: np.random.Generator, weights: None
    ) -> npt.NDArray[np.float64]:
        sizes.append(len(sample))
        return start(sample, origin, clusters, rng, weights)

    monkeypatch.setattr(module, "_start", note)
    kmeans(blobs(9_000), 4, np.random.default_rng(0))
    kmeans(blobs(30_000), 4, np.random.default_rng(0))
    assert sizes == [9_000, 10_000]


def test_many_clusters_are_as_good_and_the_same_on_any_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from sklearn.cluster import KMeans

    points = blobs(6_000)
    ours = []
    for threads in (1, 3):
        monkeypatch.setattr("joblib.cpu_count", lambda threads=threads: threads)
        ours.append(kmeans(points, 150, np.random.default_rng(0)))
    assert ours[0].distances.tobytes() == ours[1].distances.tobytes()
    theirs = KMeans(150, n_init=1, random_state=0).fit(points).inertia_
    assert float(ours[0].distances.sum()) == pytest.approx(theirs, rel=0.01)


@pytest.mark.parametrize("clusters", [8, 80])
def test_a_weight_is_as_many_copies(clusters: int) -> None:
    points = blobs(2_000)
    times = np.random.default_rng(1).integers(5, size=len(points))
    found = kmeans(points, clusters, np.random.default_rng(0), times.astype(np.float64))
    means = [np.average(points[found.labels == k], axis=0, weights=times[found.labels == k]) for k in range(clusters)]
    np.testing.assert_allclose(
        np.square(points - np.array(means)[found.labels]).sum(axis=1), found.distances, rtol=1e-3
    )
    copies = kmeans(np.repeat(points, times, axis=0), clusters, np.random.default_rng(0))
    assert times @ found.distances == pytest.approx(copies.distances.sum(), rel=0.03)


def test_what_weighs_next_to_nothing_gets_no_centre() -> None:
    points = np.array([[0.0], [1.0], [10.0], [11.0]], np.float32)
    found = kmeans(points, 2, np.random.default_rng(0), np.array([3e9, 1e9, 1e-9, 3e-9]))
    np.testing.assert_allclose(found.distances, [0, 0, 81, 100], atol=1e-6)
