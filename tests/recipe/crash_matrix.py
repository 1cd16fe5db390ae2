"""Kills a real process at every fault point in turn, breaks every request in turn, resumes, and prints what came out.

``python -m tests.recipe.crash_matrix [RECIPE ...]`` prints one line a recipe and kind of case, and every case whose
end differs from that of an undisturbed run; it exits with 1 if there is one.

A case is one run of: apply the plan, people label the selection (one image with nothing in it), restore. "Killed" is
SIGKILL of a forked process, and then a new one that resumes from the files. The other kinds break one request: `lost`
before it is carried out or with its `answer lost`, either once or until the retries are given up and the run is
resumed; a listing that fails; a request that is rate limited, too large, or refused as a whole. What has to be equal:
every task's stage, status, priority, assignee, actor and labels, the tags, and what the journal says was done.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

from alrun import faults
from alrun.errors import AlrunError, PlatformError, RateLimited, Refused, TooLarge, Unavailable
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.writes import RecipeWrite
from alrun.recipe.apply import Applier
from alrun.recipe.base import Recipe
from alrun.recipe.documented import Documented
from alrun.recipe.journal import Journal
from alrun.recipe.move import MoveRest
from alrun.recipe.park import ParkRest
from alrun.recipe.plan import Plan
from alrun.recipe.priority import SetPriorities
from alrun.recipe.relabel import Relabel
from alrun.recipe.testing import LABEL, SMALL_CHUNKS, USER, People, impatient, make_plan, project_for
from alrun.types import Task
from tests.recipe.wire import Hook, Moment, Wire

RECIPES: dict[str, Recipe] = {
    "documented": Documented(),
    "park": ParkRest(),
    "move": MoveRest(),
    "priority": SetPriorities(),
    "relabel": Relabel(),
}
SELECTED = (3, 1, 7)


@dataclass
class Tally:
    """How many cases of each kind there were, and which of them ended wrong."""

    cases: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, kind: str, case: str, *, good: bool) -> None:
        self.cases[kind] += 1
        if not good:
            self.wrong.append(f"{kind}: {case}")


def play(folder: Path, hook: Hook = lambda *_: None) -> None:
    """Carry a run on from wherever its files say it is, to the end."""
    platform = LocalPlatform(folder / "project.sqlite", USER, SMALL_CHUNKS)
    try:
        plan = Plan.load(folder / "plan.json")
        applier = Applier(plan, Wire(platform, hook), Journal(folder / "journal.jsonl", plan), impatient())
        if not applier.journal.progress.restoring:
            applier.prepare()
            label(platform, plan)
        applier.restore()
    finally:
        platform.close()


def label(platform: LocalPlatform, plan: Plan) -> None:
    """Let people label the first pick, submit the second with nothing in it, and leave the third."""
    listed = {task.data_hash: task for task in platform.tasks()}
    first, second, _ = (listed[task.data_hash] for task in plan.selected)
    people = People(platform)
    people.finish([first], LABEL)
    people.finish([second], None)


def outcome(folder: Path) -> Any:
    """Return everything that has to be the same whatever happened on the way."""
    platform = LocalPlatform(folder / "project.sqlite", USER)
    tasks = platform.tasks()
    labels = platform.labels([task.label_hash for task in tasks if task.label_hash is not None])
    tags = platform.tags()
    platform.close()
    progress = Journal(folder / "journal.jsonl", Plan.load(folder / "plan.json")).progress
    known = (progress.done, progress.skipped, progress.finished, progress.restoring, progress.closed)
    return [_seen(task) for task in tasks], labels, tags, known


def resumed(folder: Path) -> Any:
    """Resume, which does nothing if the run is over, and return the outcome; an error is one."""
    try:
        play(folder)
    except AlrunError as error:
        return error
    return outcome(folder)


def _seen(task: Task) -> tuple[object, ...]:
    return task.task_id, task.stage, task.status, task.label_hash, task.last_actioned_by, task.assignee, task.priority


def killed(folder: Path, point: str, nth: int) -> bool:
    """Play in a forked process that dies at a fault point; return whether it did."""
    child = os.fork()
    if child == 0:
        faults.arm(point, nth)
        play(folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@dataclass
class Break:
    """Breaks the request with one number; with `outage`, every later one too."""

    number: int
    moment: Moment
    error: PlatformError
    outage: bool = False
    seen: list[RecipeWrite | None] = field(default_factory=list)

    def __call__(self, number: int, request: RecipeWrite | None, moment: Moment) -> None:
        if moment == "before":
            self.seen.append(request)
        if (number == self.number and moment == self.moment) or (self.outage and number > self.number):
            raise self.error


def broken(requests: list[RecipeWrite | None]) -> Iterator[tuple[str, Break]]:
    """Yield a break of each kind for each request of an undisturbed run that it can happen to."""
    for number, request in enumerate(requests, 1):
        for outage in (False, True):
            rest = ", and all after it" if outage else ""
            if request is None:
                yield f"listing fails{rest}", Break(number, "before", Unavailable("no answer"), outage)
                yield f"listing too large{rest}", Break(number, "before", TooLarge("too many"), outage)
                continue
            yield f"write lost{rest}", Break(number, "before", Unavailable("no answer"), outage)
            yield f"answer lost{rest}", Break(number, "after", Unavailable("no answer"), outage)
        yield "rate limited", Break(number, "before", RateLimited("slower", retry_after=2.0))
        if request is not None and len(request.tasks) > 1:
            yield "refused whole", Break(number, "before", Refused("one of them"))
            yield "refused, though applied", Break(number, "after", Refused("they are not there"))
            yield "too large", Break(number, "before", TooLarge("too many"))
            yield "too large, with a limit", Break(number, "before", TooLarge("too many", limit=1))


def run(recipe: Recipe, folder: Path) -> Tally:
    """Run every case of one recipe."""
    tally = Tally()
    start = folder / "start"
    start.mkdir()
    platform = project_for(recipe, start / "project.sqlite")
    make_plan(recipe, platform, SELECTED).save(start / "plan.json")
    platform.close()
    undisturbed = _copy(start, folder / "undisturbed")
    watched = Break(0, "before", Unavailable("never"))
    faults.record()
    play(undisturbed, watched)
    points = faults.reached()
    faults.reset()
    expected = outcome(undisturbed)
    for point, count in sorted(points.items()):
        for nth in range(1, count + 1):
            case = _copy(start, folder / "case")
            died = killed(case, point, nth)
            tally.note("killed, resumed", f"{point} {nth}", good=died and resumed(case) == expected)
    for kind, fault in broken(watched.seen):
        case = _copy(start, folder / "case")
        with suppress(PlatformError):
            play(case, fault)
        tally.note(kind, f"request {fault.number}", good=resumed(case) == expected)
    return tally


def _copy(source: Path, to: Path) -> Path:
    if to.exists():
        shutil.rmtree(to)
    shutil.copytree(source, to)
    return to


def main(names: list[str]) -> int:
    wrong = total = 0
    for name in names or RECIPES:
        began = monotonic()
        with TemporaryDirectory(dir=memory()) as folder:
            tally = run(RECIPES[name], Path(folder))
        for kind, count in tally.cases.items():
            bad = sum(line.startswith(f"{kind}:") for line in tally.wrong)
            print(f"{name:<11} {kind:<32} {count:>5} cases  {f'{bad} WRONG' if bad else 'all equal'}")
        for line in tally.wrong:
            print(f"  WRONG {name}: {line}")
        print(f"{name:<11} {'all':<32} {tally.cases.total():>5} cases  in {monotonic() - began:.1f} s")
        wrong, total = wrong + len(tally.wrong), total + tally.cases.total()
    print(f"{total} cases, {wrong} wrong")
    return 1 if wrong else 0


def memory() -> str | None:
    """Return a folder in memory, where syncing costs nothing; what a SIGKILL leaves is the same there."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
