"""Time the embedded platform: `python benchmarks/local_platform.py [TASKS]` (100,000 by default).

Prints one row an operation: seconds, tasks a second, and the peak memory of the process so far.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from alrun.files import digest
from alrun.platform.local import LocalProject
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Contents, NewImage
from alrun.platform.writes import AddTag, Complete, InitialiseLabels, Move, RecipeWrite, Reopen, SetPriority
from alrun.types import Answer, Label, Ontology, Question, QuestionKind, TaskRef

T = TypeVar("T")
CLASSES = tuple(str(digit) for digit in range(10))


def main(count: int) -> None:
    print(f"{'operation':<28}{'seconds':>9}{'tasks/s':>12}{'peak MiB':>10}")
    with tempfile.TemporaryDirectory() as folder:
        contents = made_up(Path(folder) / "images", count)
        timed("start", 0, lambda: None)
        source = LocalProject(str(Path(folder) / "project.sqlite"))
        platform = timed("create", count, lambda: source.open(Path(folder), lambda: contents))
        measure(platform, count)
        platform.close()
        size = (Path(folder) / "project.sqlite").stat().st_size / 2**20
        print(f"the file has {size:.0f} MiB")


def measure(platform: LocalPlatform, count: int) -> None:
    limits = platform.limits
    tasks = timed("list", count, platform.tasks)
    hashes = [task.data_hash for task in tasks]
    timed(f"list by {limits.listing} hashes", count, lambda: by_hashes(platform, hashes))
    refs = [task.ref for task in tasks]
    stages = [stage.uuid for stage in platform.project().stages]
    timed("initialise", count, lambda: each(platform, InitialiseLabels, refs, limits.initialise))
    refs = [task.ref for task in platform.tasks()]
    timed("complete", count, lambda: each(platform, Complete, refs, limits.workflow))
    timed("reopen", count, lambda: each(platform, Reopen, refs, limits.workflow))
    there, back = (lambda t: Move(t, stages[0], stages[1])), (lambda t: Move(t, stages[1], stages[0]))
    timed("move to review", count, lambda: each(platform, there, refs, limits.move))
    timed("move back", count, lambda: each(platform, back, refs, limits.move))
    timed("set priority", count, lambda: each(platform, prioritise, refs, limits.priority))
    timed("tag", count, lambda: each(platform, lambda t: AddTag(t, "tag"), refs, limits.tag))
    timed("read tags", count, platform.tags)
    timed("read labels", count, lambda: platform.labels([str(ref.label_hash) for ref in refs]))
    timed("find images", count, lambda: platform.images(hashes))


def made_up(store: Path, count: int) -> Contents:
    """Return contents whose images exist by name only."""
    images = [
        NewImage(f"{n}.png", digest([n]), 28, 28, Label((Answer("digit", (CLASSES[n % 10],)),))) for n in range(count)
    ]
    ontology = Ontology(questions=(Question("digit", QuestionKind.RADIO, CLASSES),))
    return Contents("benchmark", "Benchmark", ontology, store, images, [])


def prioritise(tasks: tuple[TaskRef, ...]) -> RecipeWrite:
    return SetPriority(tasks, (0.75,) * len(tasks))


def by_hashes(platform: LocalPlatform, hashes: Sequence[str]) -> None:
    for start in range(0, len(hashes), platform.limits.listing):
        platform.tasks(hashes[start : start + platform.limits.listing])


def each(
    platform: LocalPlatform, kind: Callable[[tuple[TaskRef, ...]], RecipeWrite], refs: list[TaskRef], size: int
) -> None:
    for start in range(0, len(refs), size):
        platform.write(kind(tuple(refs[start : start + size])))


def timed(name: str, count: int, action: Callable[[], T]) -> T:
    began = perf_counter()
    result = action()
    seconds = perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:<28}{seconds:>9.2f}{count / seconds:>12,.0f}{peak:>10.0f}")
    return result


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
