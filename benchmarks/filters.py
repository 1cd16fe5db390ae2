"""A filter of a million tasks with twenty metrics against reading every column into pandas, in one process.

    pip install pandas
    python benchmarks/filters.py [--tasks 1000000] [--metrics 20] [--repeats 5]

The question: of the tasks in one stage that carry a tag, those in the lowest fifth of one metric that are also among
the 1,000 with the lowest value of another. The original's way is restated: every column of the table into pandas,
then masks and a sort. alrun's is shown twice: on the pool that a run holds in memory, with the account of what each
predicate removed, and from the same Parquet file, of which only the columns in the filter are read. All give the same
tasks.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import numpy as np
import polars as pl

from alrun.filters import parse
from alrun.pool.frame import SCHEMA

T = TypeVar("T")

FILTER = {
    "all": [
        {"stage": ["Annotate 1"]},
        {"tags": {"any": ["batch 3"]}},
        {"quantile": {"metric": "metric_03", "max": 0.2}},
        {"bottom": {"metric": "metric_07", "n": 1000}},
    ]
}
COLUMNS = ["task_id", "stage", "tags", "metric_03", "metric_07"]


def table(tasks: int, metrics: int) -> pl.DataFrame:
    """Make a pool of the shape that a run makes."""
    rng = np.random.default_rng(0)
    names = pl.Series([f"{row:032x}" for row in range(tasks)])
    tags = pl.Series([[], ["batch 1"], ["batch 2", "batch 3"], ["batch 3"]], dtype=SCHEMA["tags"])
    columns: dict[str, Any] = {
        "task_id": names, "data_hash": names, "title": names + ".png",
        "stage": pl.Series(["Annotate 1", "Review 1", "Complete"]).gather(rng.integers(3, size=tasks)),
        "stage_type": pl.Series(["annotation", "review", "done"]).gather(rng.integers(3, size=tasks)),
        "status": pl.Series(["NEW", "ASSIGNED"]).gather(rng.integers(2, size=tasks)),
        "labelled": rng.random(tasks) < 0.3,
        "tags": tags.gather(rng.integers(4, size=tasks)),
        "classes": pl.Series([[], ["cat"], ["dog"]], dtype=SCHEMA["classes"]).gather(rng.integers(3, size=tasks)),
        "width": rng.integers(100, 4000, size=tasks), "height": rng.integers(100, 4000, size=tasks),
    }  # fmt: skip
    columns |= {f"metric_{number:02}": rng.random(tasks) for number in range(metrics)}
    made = pl.DataFrame(columns)
    return made.with_columns(pl.lit(None, kind).alias(name) for name, kind in SCHEMA.items() if name not in columns)


def original(path: Path) -> list[str]:
    import pandas as pd

    frame = pd.read_parquet(path)
    frame = frame[frame["stage"] == "Annotate 1"]
    frame = frame[[("batch 3" in tags) for tags in frame["tags"]]]
    lowest = frame.sort_values("metric_07", kind="stable").head(1000)
    return list(lowest[lowest["metric_03"] <= frame["metric_03"].quantile(0.2)]["task_id"])


def seconds(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("tasks", 1_000_000), ("metrics", 20), ("repeats", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    args = parser.parse_args()
    pool, chosen = table(args.tasks, args.metrics), parse(FILTER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pool.parquet"
        pool.write_parquet(path)
        ways: dict[str, Callable[[], set[str]]] = {
            "pandas, every column": lambda: set(original(path)),
            "the pool in memory": lambda: set(pool["task_id"].gather(chosen.apply(pool).rows)),
            "its columns from the file": lambda: _from_file(path, chosen),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        answers = {}
        for _ in range(args.repeats):
            for name, way in ways.items():
                took, answers[name] = seconds(way)
                times[name].append(took)
        size = path.stat().st_size / 2**20
    if len({frozenset(answer) for answer in answers.values()}) != 1:
        raise SystemExit(f"the answers differ: {[len(answer) for answer in answers.values()]}")
    print(f"{args.tasks} tasks x {args.metrics} metrics, {size:.0f} MiB, {len(answers[name])} chosen, the same by all")
    for name, took in times.items():
        ratio = median(a / b for a, b in zip(times["pandas, every column"], took, strict=True))
        print(f"  {name:26} {1000 * median(took):8.1f} ms   {ratio:5.1f} times as fast")


def _from_file(path: Path, chosen: Any) -> set[str]:
    pool = pl.read_parquet(path, columns=COLUMNS)
    return set(pool["task_id"].gather(chosen.apply(pool).rows))


if __name__ == "__main__":
    main()
