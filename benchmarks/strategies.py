"""The strategies against plain loops and peers, in one process: ratios, and whether the picks are the same.

    python benchmarks/strategies.py [--only kcenter,badge,...] [--images N] [--width D] [--budget B]

Each row has the size of its goal (`GOALS`) unless told otherwise; --images 20000 --width 256 --budget 200 shows all of
them in a minute or two. A loop that would take minutes runs for a few of its steps and is extrapolated, which is
marked with `->`. The data are unit vectors around 200 centres. `kcenter_disk` writes them to a temporary file (2 GB at
full size) and maps it into memory.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from alrun.numeric.coverage import greedy_coverage
from alrun.numeric.d2 import d2_sample, row_norms, rows_of
from alrun.numeric.kcenter import k_center
from alrun.numeric.linkage import average_linkage
from alrun.numeric.neighbours import ball_graph
from alrun.strategies.badge import Badge
from alrun.strategies.base import Strategy
from alrun.strategies.cluster_margin import ClusterMargin
from alrun.strategies.facility_location import FacilityLocation
from alrun.strategies.probcover import ProbCover
from alrun.strategies.typiclust import TypiClust
from tests.strategies.pools import inputs, probabilities

Floats = npt.NDArray[np.float32]
T = TypeVar("T")
STEPS = 10  # of a loop that is extrapolated


def embeddings(images: int, width: int, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((images, width), dtype=np.float32)
    points += (
        0.5 * np.random.default_rng(99).standard_normal((200, width), dtype=np.float32)[rng.integers(200, size=images)]
    )
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def peak() -> float:
    """Return the most memory that this process ever held, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def show(what: str, against: str, theirs: float, ours: float, note: str = "") -> None:
    print(
        f"{what:18} {ours:8.2f} s   {against:44} {theirs:9.2f} s   {theirs / ours:7.1f} times   "
        f"peak so far {peak():.1f} GiB   {note}",
        flush=True,
    )


def loop_step(points: Floats, norms: Floats, nearest: Floats, centre: int) -> int:
    """Do one step of the plain k-center loop: one product of the pool with a vector."""
    away = points @ points[centre]
    away *= -2
    away += norms
    away += norms[centre]
    np.minimum(nearest, away, out=nearest)
    return int(nearest.argmax())


def kcenter(points: Floats, budget: int) -> None:
    none = points[:0]
    norms = np.square(points).sum(axis=1)
    k_center(points[:100], none, 0, 10)
    ours, (rows, _) = seconds(lambda: k_center(points, none, 0, budget))

    def loop() -> list[int]:
        nearest = np.full(len(points), np.inf, np.float32)
        picks = [0]
        for _ in range(min(4 * STEPS, budget) - 1):
            picks.append(loop_step(points, norms, nearest, picks[-1]))
        return picks

    theirs, picks = seconds(loop)
    note = "same picks as far as the loop ran" if picks == rows[: len(picks)].tolist() else "OTHER PICKS"
    show("kcenter", "float32 matrix-vector loop ->", theirs * budget / len(picks), ours, note)

    known = np.append(np.full(len(points), np.nan), 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skactiveml.pool import CoreSet  # type: ignore[import-untyped]

        everything = np.concatenate([points, points[:1]])
        theirs, _ = seconds(lambda: CoreSet(random_state=0).query(everything, known, batch_size=STEPS))
    show("kcenter", "scikit-activeml CoreSet ->", theirs * budget / STEPS, ours)


def kcenter_labelled(points: Floats, budget: int) -> None:
    labelled = embeddings(len(points) // 10, points.shape[1], seed=1)
    norms = np.square(points).sum(axis=1)
    ours, _ = seconds(lambda: k_center(points, labelled, 0, budget))

    def start() -> Floats:
        away = np.full(len(points), np.inf, np.float32)
        for part in range(0, len(labelled), 500):
            some = labelled[part : part + 500]
            squares = norms[:, None] + np.square(some).sum(axis=1) - 2 * (points @ some.T)
            np.minimum(away, squares.min(axis=1), out=away)
        return away

    first, nearest = seconds(start)
    rest, _ = seconds(lambda: [loop_step(points, norms, nearest, row) for row in range(STEPS)])
    show("kcenter labelled", "all products, then the loop ->", first + rest * budget / STEPS, ours)


def badge(points: Floats, budget: int, classes: int = 10) -> None:
    shares = np.random.default_rng(0).standard_exponential((len(points), classes), dtype=np.float32)
    shares /= shares.sum(axis=1, keepdims=True)
    given = inputs(points, given=shares)
    ours, _ = seconds(lambda: Badge().select(given, budget, np.random.default_rng(0)))
    whole = peak()
    tracemalloc.start()
    Badge().select(given, budget, np.random.default_rng(0))
    added = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    print(f"badge, {classes} classes: {added:.0f} MiB besides its inputs, {whole:.2f} GiB in all", flush=True)
    residuals = np.asarray(given.probabilities, np.float32).copy()
    residuals[np.arange(len(points)), residuals.argmax(axis=1)] -= 1
    norms = np.square(residuals).sum(axis=1) * np.square(points).sum(axis=1)

    def loop() -> None:
        rng = np.random.default_rng(0)
        nearest, row = np.full(len(points), np.inf), int(norms.argmax())
        for _ in range(STEPS):
            away = norms + norms[row] - 2 * (residuals @ residuals[row]) * (points @ points[row])
            nearest = np.minimum(nearest, np.maximum(away, 0))
            row = int(np.searchsorted(np.cumsum(nearest), rng.random() * nearest.sum()))

    theirs, _ = seconds(loop)
    show(f"badge, {classes} classes", "one pass over the factors a pick ->", theirs * budget / STEPS, ours)
    if classes > 10:
        return

    full, vectors = seconds(lambda: (residuals[:, :, None] * points[:, None, :]).reshape(len(points), -1))

    def dense() -> None:
        nearest = np.full(len(points), np.inf, np.float32)
        for row in range(2):
            nearest = np.minimum(nearest, np.linalg.norm(vectors - vectors[row], axis=1))

    theirs, _ = seconds(dense)
    show(f"badge, {classes} classes", "gradients in full, numpy ->", full + theirs * budget / 2, ours)


def kmeans_start(points: Floats, budget: int) -> None:
    from sklearn.cluster import kmeans_plusplus

    factors = [rows_of(points)]
    ours, (rows, _) = seconds(
        lambda: d2_sample(factors, row_norms(factors, len(points)), 0, budget, np.random.default_rng(0))
    )
    theirs, _ = seconds(lambda: kmeans_plusplus(points, STEPS, random_state=0, n_local_trials=2 + int(np.log(budget))))
    show("k-means++ start", "scikit-learn kmeans_plusplus ->", theirs * budget / STEPS, ours, f"{len(rows)} centres")


def probcover(points: Floats, budget: int) -> None:
    radius = float(np.quantile(np.linalg.norm(points[:1000, None] - points[None, 1000:1200], axis=2), 0.002))
    graph, found = seconds(lambda: ball_graph(points, radius))
    ours, _ = seconds(lambda: ProbCover(delta=radius).select(inputs(points), budget, np.random.default_rng(0)))
    degree = len(found.indices) / len(points)

    def joined(rows: slice) -> Any:
        import torch

        near = torch.cdist(torch.from_numpy(points[rows]), torch.from_numpy(points)) < radius
        return near.nonzero()

    part = max(len(points) // 20, 1)
    theirs, _ = seconds(lambda: [joined(slice(s, min(s + 500, part))) for s in range(0, part, 500)])
    show("probcover graph", "torch.cdist in blocks ->", theirs * len(points) / part, graph, f"mean degree {degree:.0f}")
    sources, targets = np.repeat(np.arange(len(points)), np.diff(found.starts)), found.indices

    def authors() -> None:
        x, y = sources, targets
        for _ in range(STEPS):
            row = int(np.bincount(x, minlength=len(points)).argmax())
            keep = ~np.isin(y, y[x == row])
            x, y = x[keep], y[keep]

    rest, _ = seconds(authors)
    show("probcover", "the authors' way ->", theirs * len(points) / part + rest * budget / STEPS, ours)


def typiclust(points: Floats, budget: int) -> None:
    strategy: Strategy = TypiClust()
    ours, _ = seconds(lambda: strategy.select(inputs(points), budget, np.random.default_rng(0)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skactiveml.pool import TypiClust as Theirs

        known = np.full(len(points), np.nan)
        theirs, _ = seconds(lambda: Theirs(k=20, random_state=0).query(points, known, batch_size=budget))
    show("typiclust", "scikit-activeml TypiClust(k=20)", theirs, ours)


def kcenter_disk(points: Floats, budget: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "points.npy"
        np.save(path, points)
        mapped = np.load(path, mmap_mode="r")
        ours, (rows, _) = seconds(lambda: k_center(mapped, mapped[:0], 0, budget))
        norms, nearest = np.square(points).sum(axis=1), np.full(len(points), np.inf, np.float32)
        picks = [0]

        def loop() -> None:
            for _ in range(STEPS):
                picks.append(loop_step(mapped, norms, nearest, picks[-1]))

        theirs, _ = seconds(loop)
    note = "same picks as far as the loop ran" if picks == rows[: len(picks)].tolist() else "OTHER PICKS"
    show("kcenter, mapped", "float32 matrix-vector loop ->", theirs * budget / STEPS, ours, note)


def cluster_margin(points: Floats, budget: int) -> None:
    given = inputs(points, given=probabilities(0, len(points), 10))
    ours, _ = seconds(lambda: ClusterMargin().select(given, budget, np.random.default_rng(0)))
    from scipy.cluster.hierarchy import fcluster, linkage

    some = points[:10_000]
    count = len(some) // 10
    small, found = seconds(lambda: average_linkage(some).clusters(count))
    theirs, table = seconds(lambda: linkage(some.astype(np.float64), "average", metric="cosine"))
    expected = fcluster(table, count, "maxclust")
    pairs = len({*zip(found.tolist(), expected.tolist(), strict=True)})
    same = pairs == len(set(found.tolist())) == len(set(expected.tolist()))
    note = f"{'same' if same else 'ANOTHER'} partition of {len(some)} images"
    show("average linkage", f"scipy, all distances of {len(some)}", theirs, small, note)
    scale = (len(points) / len(some)) ** 2
    show(
        "cluster_margin",
        "scipy, all distances ->",
        theirs * scale,
        ours,
        f"they need {8e-9 * len(points) ** 2 / 2:.1f} GB",
    )


def facility_location_alone(points: Floats, budget: int) -> None:
    ours, _ = seconds(lambda: FacilityLocation().select(inputs(points), budget, np.random.default_rng(0)))
    covered = np.zeros(len(points), np.float32)
    theirs, _ = seconds(lambda: np.maximum(points @ points[:256].T - covered[:, None], 0).sum(axis=0))
    show("facility_location", "all gains for every pick, float32 ->", theirs * len(points) / 256 * budget, ours)


def facility_location(points: Floats, budget: int) -> None:
    points = points[:10_000]
    none = points[:0]
    ours, (rows, _) = seconds(lambda: greedy_coverage(points, none, lambda x, y: x @ y.T, budget))

    def loop() -> list[int]:
        similar = np.maximum(points @ points.T, 0)
        covered, picks = np.zeros(len(points), np.float32), []
        for _ in range(STEPS):
            gains = np.array([np.maximum(row - covered, 0).sum() for row in similar])
            picks.append(int(gains.argmax()))
            covered = np.maximum(covered, similar[picks[-1]])
        return picks

    theirs, picks = seconds(loop)
    note = "same picks as far as the loop ran" if picks == rows[:STEPS].tolist() else "OTHER PICKS"
    show("facility_location", "all similarities and all gains, float32 ->", theirs * budget / STEPS, ours, note)
    if find_spec("apricot") is None:
        print("apricot-select is not installed: it was not compared")
        return
    from apricot import FacilityLocationSelection  # type: ignore[import-not-found]

    def peer() -> Any:
        similar = np.maximum(points @ points.T, 0)
        return FacilityLocationSelection(budget, metric="precomputed", optimizer="two-stage").fit(similar)

    peer()  # compiles
    theirs, fitted = seconds(peer)
    same = len(set(fitted.ranking.tolist()) & set(rows.tolist())) / budget
    show("facility_location", "apricot, two-stage, on the same similarities", theirs, ours, f"picks shared {same:.0%}")


WORK: dict[str, Callable[[Floats, int], None]] = {
    "kcenter": kcenter,
    "kcenter_disk": kcenter_disk,
    "kcenter_labelled": kcenter_labelled,
    "badge": badge,
    "badge_1000": lambda points, budget: badge(points, budget, 1000),
    "kmeans_start": kmeans_start,
    "probcover": probcover,
    "typiclust": typiclust,
    "facility_location": facility_location,
    "facility_location_50k": facility_location_alone,
    "cluster_margin": cluster_margin,
}
GOALS: dict[str, tuple[int, int, int]] = {
    **dict.fromkeys(WORK, (100_000, 512, 1_000)),
    "kcenter_disk": (1_000_000, 512, 1_000),
    "probcover": (50_000, 512, 1_000),
    "typiclust": (50_000, 512, 100),
    "facility_location": (10_000, 512, 100),
    "facility_location_50k": (50_000, 512, 1_000),
    "cluster_margin": (50_000, 512, 1_000),
}
"""Images, width and budget for which the project has set itself a goal."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("images", "width", "budget"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--only", default="kcenter,kcenter_labelled,badge,kmeans_start,probcover,typiclust")
    args = parser.parse_args()
    for name in args.only.split(","):
        images, width, budget = (
            given or goal for given, goal in zip((args.images, args.width, args.budget), GOALS[name], strict=True)
        )
        print(f"{name}: {images} images x {width}, budget {budget}")
        WORK[name](embeddings(images, width), budget)


if __name__ == "__main__":
    main()
