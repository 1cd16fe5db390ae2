"""Exact nearest neighbours for `uniqueness` against approximate ones as the original finds them, in one process.

    pip install pynndescent
    python benchmarks/neighbours.py [--images 100000] [--width 512] [--repeats 1]

The original's way is restated: an NN-descent index by cosine with 50 neighbours a node, prepared, then asked for the 30
neighbours of every image. Its numba functions are compiled on a few points first, which is not measured. Without
pynndescent only alrun's time is shown. Recall: the share of images whose nearest other image is found. The data are
unit vectors with 3 % duplicates, of two kinds: "hidden", where 200 classes of about equal size differ in 32 hidden
directions and images a little in all, and "cone", as CLIP's are: all images have a mean in common, the sizes of the 200
classes follow Zipf's law, and the variance of the axes falls as 1 / number.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from statistics import median
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from alrun.metrics.base import MetricInputs
from alrun.metrics.uniqueness import Uniqueness
from alrun.numeric.cosine import nearest_distances
from alrun.types import Ontology, Task, TaskStatus

Floats = npt.NDArray[np.float32]
T = TypeVar("T")


def hidden(images: int, width: int, rng: np.random.Generator) -> Floats:
    points = rng.standard_normal((images, 32), dtype=np.float32)
    points += 2 * rng.standard_normal((200, 32), dtype=np.float32)[rng.integers(200, size=images)]
    points = points @ rng.standard_normal((32, width), dtype=np.float32)
    points += 0.3 * rng.standard_normal((images, width), dtype=np.float32)
    return points


def cone(images: int, width: int, rng: np.random.Generator) -> Floats:
    spread = np.arange(1, width + 1, dtype=np.float32) ** -0.5
    shares = 1 / np.arange(1, 201)
    points = 0.6 * rng.standard_normal((images, width), dtype=np.float32)
    points += (
        0.8 * rng.standard_normal((200, width), dtype=np.float32)[rng.choice(200, images, p=shares / shares.sum())]
    )
    mean = rng.standard_normal(width, dtype=np.float32)
    return points * spread + mean * (1.2 * np.linalg.norm(spread) / np.linalg.norm(mean))


def embeddings(make: Callable[[int, int, np.random.Generator], Floats], images: int, width: int) -> Floats:
    rng = np.random.default_rng(0)
    points = make(images, width, rng)
    twins = rng.choice(images, max(1, images * 3 // 100), replace=False)
    points[twins] = points[rng.permutation(twins)]
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points


def original(points: Floats) -> Floats:
    index: Any = import_module("pynndescent").NNDescent(points, n_neighbors=50, metric="cosine")
    index.prepare()
    distances: Floats = index.query(points, k=30)[1]
    return distances


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("images", 100_000), ("width", 512), ("repeats", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    for make in (hidden, cone):
        print(f"{make.__name__}: {args.images} images x {args.width} numbers, {args.images * 3 // 100} duplicates")
        compare(embeddings(make, args.images, args.width), args.repeats)


def compare(points: Floats, repeats: int) -> None:
    images = len(points)
    hashes = [f"{row:032x}" for row in range(images)]
    tasks = [Task(h, h, h, "stage", TaskStatus.NEW) for h in hashes]
    inputs = MetricInputs(tasks, [None] * images, np.zeros(images, np.bool_), Ontology(), points)
    rows = np.arange(images)
    few = rows[:10_000]
    nearest_distances(points[few], few, few, 1)  # imports and thread pools are not what is measured
    peer = find_spec("pynndescent") is not None
    if peer:
        original(points[:1000])
    ours, whole, theirs = [], [], []
    for _ in range(repeats):
        took, exact = seconds(lambda: nearest_distances(points, rows, rows, 1)[:, 0])
        ours.append(took)
        whole.append(seconds(lambda: Uniqueness().compute(inputs, np.random.default_rng(0)))[0])
        if peer:
            took, found = seconds(lambda: original(points))
            theirs.append(took)
    print(f"exact nearest {median(ours):8.2f} s   the whole metric {median(whole):8.2f} s")
    if not peer:
        print("pynndescent is not installed: no comparison")
        return
    # It reports an image as its own neighbour, at distance 0: the second is the nearest other.
    recall = float((np.sort(found, axis=1)[:, 1] <= exact + 1e-4).mean())
    print(f"NN-descent    {median(theirs):8.2f} s   recall {recall:.3f}")
    print(f"{median(a / b for a, b in zip(theirs, ours, strict=True)):.1f} times as fast, and exact")
    print(f"{median(a / b for a, b in zip(theirs, whole, strict=True)):.1f} times as fast with all of the metric")


if __name__ == "__main__":
    main()
