"""A real, dirty pool from end to end: Open Clip Art, imported, measured, embedded, filtered, one `park` round; twice.

    apt-get update && apt-get install -y openclipart-png     # Debian or Ubuntu, 131 MB, public domain
    python benchmarks/open_clip_art.py [--path /usr/share/openclipart/png] [--folder FOLDER] [--metrics a,b,...]
                                       [overrides of the run ...]

The package holds 8,121 files, among them duplicates, files of more than 100 megapixels and broken ones. The script
runs the command line in a process of its own with a cache of its own, prints the time of each phase and the most
memory that the process and its children held together, sampled every tenth of a second. Then it runs the same
command a second time: that may take no more than 5 % of the first. It fails if a run does, if the memory reaches
4 GiB, or if the report does not name every file that was left out.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

METRICS = (
    "area,aspect_ratio,blue,blur,brightness,contrast,green,height,red,sharpness,width,random,object_count,"
    "object_density,uniqueness,duplicate_group,image_diversity,neighbour_diversity,typicality,distance_to_labelled"
)
FILTERS = (
    "{all: [{stage: [Annotate 1]}, {label_state: unlabelled}, {metric: {name: area, min: 1024}}, "
    "{quantile: {metric: contrast, min: 0.01}}, {one_of_each: duplicate_group}, {label_known: true}]}"
)
MOST_MEMORY = 4.0
MOST_OF_FIRST = 0.05


def tree_memory(root: int) -> float:
    """Return the resident memory of a process and its descendants, in GiB."""
    parents: dict[int, int] = {}
    pages: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                pages[int(entry.name)] = int((entry / "statm").read_text().split()[1])
            except (OSError, IndexError):  # it ended meanwhile
                continue
    family = {root}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(pages.get(process, 0) for process in family) * os.sysconf("SC_PAGE_SIZE") / 2**30


def timed_run(folder: Path, cache: Path, arguments: list[str]) -> tuple[float, float]:
    """Run the command line; return the seconds that it took and the most memory that it held, in GiB."""
    command = [sys.executable, "-m", "alrun", *arguments, f"hydra.run.dir={folder}", f"cache={cache}"]
    began, peak = perf_counter(), 0.0
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            peak = max(peak, tree_memory(process.pid))
            sleep(0.1)
    if process.returncode:
        raise SystemExit(f"the run ended with exit code {process.returncode}: {' '.join(command)}")
    return perf_counter() - began, peak


def show_phases(folder: Path, seconds: float, peak: float) -> None:
    record: dict[str, Any] = json.loads((folder / "run.json").read_text())
    for phase in record["phases"]:
        counts = {k: v for k, v in phase.items() if k not in {"name", "round", "seconds"} and v}
        print(f"  {phase['name']:10} {phase['seconds']:8.1f} s  {counts or ''}")
    rest = seconds - sum(phase["seconds"] for phase in record["phases"])
    print(f"  {'the rest':10} {rest:8.1f} s  (start, config, summary)")
    print(f"  {'all':10} {seconds:8.1f} s  at most {peak:.2f} GiB", flush=True)


def check_left_out(folder: Path, cache: Path) -> None:
    """Say how many files were left out of the import and why; fail if the report does not name each."""
    (imported,) = (json.loads(path.read_text()) for path in (cache / "datasets").glob("*.json"))
    reasons = Counter(item["reason"].split(":")[0].split(" '")[0] for item in imported["left_out"])
    print(f"imported {len(imported['rows'])} files, left out {len(imported['left_out'])}:")
    for reason, count in reasons.most_common():
        print(f"  {count:6} {reason}")
    page = html.unescape((folder / "report.html").read_text(encoding="utf-8"))
    lacking = [item["name"] for item in imported["left_out"] if item["name"] not in page]
    if lacking:
        raise SystemExit(f"the report does not name {len(lacking)} files that were left out: {lacking[:3]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--path", type=Path, default=Path("/usr/share/openclipart/png"))
    parser.add_argument("--folder", type=Path, help="where cache and run folders go, and stay; default: nowhere")
    parser.add_argument("--metrics", default=METRICS)
    args, overrides = parser.parse_known_args()
    if not args.path.is_dir():
        raise SystemExit(f"there is no folder {args.path}: apt-get install -y openclipart-png, or name it with --path")
    arguments = [
        "dataset=folder", f"dataset.path={args.path}", "embedding=efficientnet_lite0", f"metrics=[{args.metrics}]",
        f"filters={FILTERS}", "strategy=diversity", "budget=200", "recipe=park", "model=logistic_regression",
        *overrides,
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        base = args.folder or Path(temporary)
        took: list[float] = []
        for name in ("first", "second"):
            print(f"{name} run", flush=True)
            seconds, peak = timed_run(base / name, base / "cache", arguments)
            took.append(seconds)
            show_phases(base / name, seconds, peak)
            if peak >= MOST_MEMORY:
                raise SystemExit(f"the run held {peak:.2f} GiB, {MOST_MEMORY:g} GiB are allowed")
        check_left_out(base / "second", base / "cache")
        same = [(base / name / "selection.csv").read_bytes() for name in ("first", "second")]
    print(f"second run: {took[1] / took[0]:.1%} of the first, goal {MOST_OF_FIRST:.0%}; the same selection: "
          f"{same[0] == same[1]}")  # fmt: skip


if __name__ == "__main__":
    main()
