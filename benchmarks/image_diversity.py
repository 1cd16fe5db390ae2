"""Image Diversity against the original's way, in one process: the whole, the ranking alone, and the inertia.

    python benchmarks/image_diversity.py [--images 100000] [--width 512] [--clusters 10] [--repeats 3]

The original's way is restated: embeddings as a list of dicts, scikit-learn's k-means over all of them, a sort
for each cluster, Python queues in turn, a dict of scores. Both may use all cores. The data are unit vectors
around 100 centres, neither one blob nor cleanly apart, as embeddings of images are.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from alrun.metrics.base import MetricInputs
from alrun.metrics.image_diversity import ImageDiversity
from alrun.numeric.kmeans import kmeans
from alrun.numeric.turns import round_robin_ranks
from alrun.types import Ontology, Task, TaskStatus

Floats = npt.NDArray[np.float32]
Item = dict[str, str | Floats]
T = TypeVar("T")


def embeddings(images: int, width: int) -> Floats:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((images, width), dtype=np.float32)
    points += 0.5 * rng.standard_normal((100, width), dtype=np.float32)[rng.integers(100, size=images)]
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points


def original(items: list[Item], clusters: int, seed: int) -> float:
    points = np.array([item["embedding"] for item in items]).astype(np.float32)
    fitted = KMeans(clusters, n_init="auto", random_state=seed).fit(points)
    distances = np.linalg.norm(points - fitted.cluster_centers_[fitted.labels_], axis=1)
    original_ranks([str(item["data_hash"]) for item in items], fitted.labels_, distances)
    return float(fitted.inertia_)


def original_ranks(hashes: list[str], labels: npt.NDArray[np.int64], distances: Floats) -> dict[str, int]:
    queues = []
    for cluster in range(labels.max() + 1):
        rows = np.flatnonzero(labels == cluster)
        queues.append(rows[distances[rows].argsort()].tolist())
    order: list[int] = []
    for turn in range(max(len(queue) for queue in queues)):
        order.extend(queue[turn] for queue in queues if turn < len(queue))
    return {hashes[row]: rank for rank, row in enumerate(order, 1)}


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def show(what: str, theirs: list[float], ours: list[float]) -> None:
    ratio = median(a / b for a, b in zip(theirs, ours, strict=True))
    print(f"{what:14} original {median(theirs):8.3f} s   alrun {median(ours):8.3f} s   {ratio:5.1f} times as fast")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("images", 100_000), ("width", 512), ("clusters", 10), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()

    points = embeddings(args.images, args.width)
    hashes = [f"{row:032x}" for row in range(args.images)]
    items: list[Item] = [{"data_hash": h, "embedding": point} for h, point in zip(hashes, points, strict=True)]
    tasks = [Task(h, h, h, "stage", TaskStatus.NEW) for h in hashes]
    unlabelled = np.zeros(args.images, np.bool_)
    inputs = MetricInputs(tasks, [None] * args.images, unlabelled, Ontology(), points)
    metric = ImageDiversity(args.clusters)
    kmeans(points[:1000], 2, np.random.default_rng(0))  # imports and thread pools are not what is measured

    whole: tuple[list[float], list[float]] = ([], [])
    ranking: tuple[list[float], list[float]] = ([], [])
    inertia: tuple[list[float], list[float]] = ([], [])
    for seed in range(args.repeats):
        took, theirs = seconds(lambda seed=seed: original(items, args.clusters, seed))  # type: ignore[misc]
        whole[0].append(took)
        whole[1].append(seconds(lambda seed=seed: metric.compute(inputs, np.random.default_rng(seed)))[0])  # type: ignore[misc]
        found = kmeans(points, args.clusters, np.random.default_rng(seed))
        inertia[0].append(theirs)
        inertia[1].append(float(found.distances.sum()))
        distances = found.distances.astype(np.float32)
        ranking[0].append(seconds(lambda: original_ranks(hashes, found.labels, distances))[0])  # noqa: B023
        ranking[1].append(seconds(lambda: round_robin_ranks(found.labels, found.distances))[0])  # noqa: B023
    print(f"{args.images} images x {args.width} numbers, {args.clusters} clusters, median of {args.repeats} seeds")
    show("whole metric", *whole)
    show("ranking alone", *ranking)
    print(
        f"inertia        original {median(inertia[0]):10.1f}   alrun {median(inertia[1]):10.1f}   "
        f"{median(inertia[1]) / median(inertia[0]) - 1:+.2%}"
    )


if __name__ == "__main__":
    main()
