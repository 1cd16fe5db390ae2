"""Image Diversity against the original's way, in one process: both modes, the ranking alone, and the inertia.

    python benchmarks/image_diversity.py [--images 100000] [--width 512] [--clusters 10] [--repeats 3]

The original's way is restated: embeddings as a list of dicts, scikit-learn's k-means over all of them, a sort
for each cluster, Python queues in turn, a dict of scores. Both may use all cores.

Two kinds of data, both unit vectors. ``cone`` is made as embeddings of networks are found to be: all in a cone, in
classes of very unequal size, with a spectrum that falls by a power law. ``even`` lies in 100 equal balls around
nothing: the same in all directions, so that many points stay in doubt between centres, and few passes are left to save.

A k-means ends where its start leads: the inertia of the original differs from seed to seed as well, as shown.

The original's ranking begins with a pass over all embeddings for their distances to the centres; alrun's k-means ends
with the distances. So the ranking is shown twice: as each is, and with the distances given to both.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans

from alrun.metrics.base import MetricInputs
from alrun.metrics.image_diversity import ImageDiversity
from alrun.numeric.kmeans import MOST_PASSES, WARM_PASSES, kmeans
from alrun.numeric.turns import round_robin_ranks
from alrun.types import Ontology, Task, TaskStatus

Floats = npt.NDArray[np.float32]
Item = dict[str, str | Floats]
T = TypeVar("T")


def even(images: int, width: int) -> Floats:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((images, width), dtype=np.float32)
    points += 0.5 * rng.standard_normal((100, width), dtype=np.float32)[rng.integers(100, size=images)]
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points


def cone(images: int, width: int) -> Floats:
    rng = np.random.default_rng(0)
    spectrum = np.arange(1, width + 1, dtype=np.float32) ** -0.5
    axis = rng.standard_normal(width, dtype=np.float32)
    axis *= 1.5 * np.linalg.norm(spectrum) / np.linalg.norm(axis)
    classes = axis + rng.standard_normal((200, width), dtype=np.float32) * spectrum
    share = 1 / np.arange(1, 201)
    points = rng.standard_normal((images, width), dtype=np.float32) * spectrum
    points += classes[rng.choice(200, images, p=share / share.sum())]
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points


def original(items: list[Item], clusters: int, seed: int) -> tuple[float, int]:
    points = np.array([item["embedding"] for item in items]).astype(np.float32)
    fitted = KMeans(clusters, n_init="auto", random_state=seed).fit(points)
    hashes = [str(item["data_hash"]) for item in items]
    original_ranks(hashes, fitted.labels_, original_distances(points, fitted.labels_, fitted.cluster_centers_))
    return float(fitted.inertia_), int(fitted.n_iter_)


def original_distances(points: Floats, labels: npt.NDArray[np.int64], centres: Floats) -> Floats:
    distances: Floats = np.linalg.norm(points - centres[labels], axis=1)
    return distances


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

    for make in (cone, even):
        compare(make.__name__, make(args.images, args.width), args.clusters, args.repeats)


def compare(kind: str, points: Floats, clusters: int, repeats: int) -> None:
    hashes = [f"{row:032x}" for row in range(len(points))]
    items: list[Item] = [{"data_hash": h, "embedding": point} for h, point in zip(hashes, points, strict=True)]
    tasks = [Task(h, h, h, "stage", TaskStatus.NEW) for h in hashes]
    inputs = MetricInputs(tasks, [None] * len(tasks), np.zeros(len(tasks), np.bool_), Ontology(), points)
    modes = {"exact": ImageDiversity(clusters), "warm": ImageDiversity(clusters, "warm")}
    kmeans(points[:1000], 2, np.random.default_rng(0))  # imports and thread pools are not what is measured

    times: dict[str, tuple[list[float], list[float]]] = {
        name: ([], []) for name in ("whole, exact", "whole, warm", "ranking", "its order")
    }
    inertia: dict[str, list[float]] = {"original": [], "exact": [], "warm": []}
    iterations = []
    for seed in range(repeats):
        took, (theirs, passes) = seconds(partial(original, items, clusters, seed))
        inertia["original"].append(theirs)
        iterations.append(passes)
        for mode, metric in modes.items():
            times[f"whole, {mode}"][0].append(took)
            times[f"whole, {mode}"][1].append(seconds(partial(metric.compute, inputs, np.random.default_rng(seed)))[0])
        for mode, most in (("exact", MOST_PASSES), ("warm", WARM_PASSES)):
            found = kmeans(points, clusters, np.random.default_rng(seed), passes=most)
            inertia[mode].append(float(found.distances.sum()))
        labels = found.labels
        centres = np.stack([points[labels == cluster].mean(axis=0) for cluster in range(clusters)])
        pass_took, distances = seconds(partial(original_distances, points, labels, centres))
        order_took, _ = seconds(partial(original_ranks, hashes, labels, distances))
        ours = seconds(partial(round_robin_ranks, labels, found.distances))[0]
        for name, their_seconds in (("ranking", pass_took + order_took), ("its order", order_took)):
            times[name][0].append(their_seconds)
            times[name][1].append(ours)
    print(f"\n{kind}: {' x '.join(map(str, points.shape))} numbers, {clusters} clusters, median of {repeats} seeds")
    for name, (their_times, our_times) in times.items():
        show(name, their_times, our_times)
    spread = max(inertia["original"]) / min(inertia["original"]) - 1
    print(f"scikit-learn took {iterations} passes; its inertia differs by {spread:.2%} between seeds")
    for mode in modes:
        ratio = median(inertia[mode]) / median(inertia["original"]) - 1
        warm = median(a / b for a, b in zip(inertia[mode], inertia["exact"], strict=True)) - 1
        print(f"inertia, {mode:5} {ratio:+.2%} against the original, {warm:+.3%} against exact")


if __name__ == "__main__":
    main()
