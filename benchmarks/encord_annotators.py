"""Annotators at work, through the SDK, while a run parks and brings back the queue beneath them.

``python benchmarks/encord_annotators.py [TASKS [ANNOTATORS]]``, by default 5,000 tasks and 20 annotators, each with a
key and a client of their own, all on the emulator over HTTP. While `park` is applied, each annotator labels, submits
and approves tasks of the selection and others that are just being parked; while it is restored, more of both. At the
end every task must be where it belongs and every label what was saved last; else the benchmark says which is not, and
ends with 1.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Barrier
from time import time

from alrun.emulator import OWNER, Emulator
from alrun.errors import Refused
from alrun.platform.encord import EncordProject
from alrun.platform.encord.platform import EncordPlatform
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Contents
from alrun.platform.writes import Approve, Limits, SaveLabels, Submit
from alrun.recipe.apply import Applier
from alrun.recipe.journal import Journal
from alrun.recipe.park import ParkRest
from alrun.recipe.plan import Plan
from alrun.recipe.testing import make_plan, new_project
from alrun.types import Answer, Label, StageType, Task

EACH = 2
"""How many tasks of the selection, and how many others, an annotator takes up in each half of the run."""
TRIES = 20
PATIENCE = 600.0
"""Seconds until those who are ready give up waiting for the others."""


@dataclass
class Annotator:
    """One person with a key of their own; `saved` and `seen` are by data hash.

    Attributes
    ----------
    turns
        The data hashes to work on while the recipe is applied, and while it is restored.
    saved
        The label that this person saved last.
    seen
        The stage in which this person last saw the task.
    refused
        How often the platform refused, since the task had been moved or its label row created a moment before.
    """

    email: str
    platform: EncordPlatform
    turns: tuple[Sequence[str], Sequence[str]]
    saved: dict[str, Label] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    refused: int = 0

    def work(self, start: Barrier) -> None:
        """Do both turns, each when everybody is ready for it."""
        for turn in self.turns:
            start.wait()
            for number, data_hash in enumerate(turn):
                self._finish(data_hash, number)

    def _finish(self, data_hash: str, number: int) -> None:
        """Label the task and hand it on to the done stage, or until it is found there."""
        label = Label((Answer("weather", (("sun", "rain")[number % 2],)), Answer("on the road", ("ice", "leaves"))))
        self._insist(lambda: self.platform.act(SaveLabels((self._now(data_hash).ref,), (label,), self.email)))
        self.saved[data_hash] = label
        types = {stage.uuid: stage.type for stage in self.platform.project().stages}
        while types[(task := self._now(data_hash)).stage] is not StageType.DONE:
            action = Submit if types[task.stage] is StageType.ANNOTATION else Approve
            try:
                self.platform.act(action((task.ref,), self.email))
            except Refused:
                self.refused += 1

    def _insist(self, act: Callable[[], None]) -> None:
        for _ in range(TRIES):
            try:
                act()
            except Refused:
                self.refused += 1
            else:
                return
        raise Refused(f"{self.email} could not save a label in {TRIES} tries")

    def _now(self, data_hash: str) -> Task:
        task = self.platform.tasks([data_hash])[0]
        self.seen[data_hash] = task.stage
        return task


@dataclass(frozen=True)
class Measured:
    """What happened.

    Attributes
    ----------
    worked_on
        How many tasks people labelled, `others` of which were not selected; `refused` counts the actions that came
        too late.
    left_alone
        How many of them the recipe left alone.
    overlapping
        How many of people's requests came in while the recipe was being applied or restored.
    reopened
        How many parked tasks a person labelled in the moment between the recipe's look and its write: back in the
        queue, with the person's label.
    wrong
        A line for each task or label that is not what it has to be.
    """

    tasks: int
    annotators: int
    worked_on: int
    others: int
    refused: int
    left_alone: int
    requests: int
    peoples_requests: int
    overlapping: int
    apply_seconds: float
    restore_seconds: float
    reopened: int
    wrong: tuple[str, ...]


def measure(tasks: int, annotators: int, folder: Path) -> Measured:
    """Let a crew work on a project of so many tasks while one run is applied and restored."""
    project = folder / "project.sqlite"
    new_project(project, tasks, Limits()).close()
    with Emulator(project) as emulator:
        runner = _opened(emulator, folder, OWNER, emulator.private_key_path)
        plan = make_plan(ParkRest(), runner, range(2 * EACH * annotators))
        before = {task.data_hash: task for task in runner.tasks()}
        crew = [_annotator(emulator, folder, plan, number, annotators) for number in range(annotators)]
        emulator.log.clear()
        applier = Applier(plan, runner, Journal(folder / "journal.jsonl", plan))
        start = Barrier(annotators + 1, timeout=PATIENCE)
        with ThreadPoolExecutor(annotators) as threads:
            working = [threads.submit(person.work, start) for person in crew]
            applied, restored = (_meanwhile(start, work) for work in (applier.prepare, applier.restore))
            for work in working:
                work.result()
        requests = emulator.requests
    platform = LocalPlatform(project, OWNER)
    reopened, wrong = _audit(platform, plan, before, crew)
    platform.close()
    by_user = Counter(request.user == OWNER for request in requests)
    meanwhile = [r for r in requests if r.user != OWNER and any(a <= r.began <= b for a, b in (applied, restored))]
    worked_on = {name for person in crew for name in person.saved}
    left_alone = Journal(folder / "journal.jsonl", plan).progress.left_alone
    return Measured(
        tasks=tasks,
        annotators=annotators,
        worked_on=len(worked_on),
        others=len(worked_on - {task.data_hash for task in plan.selected}),
        refused=sum(person.refused for person in crew),
        left_alone=len(left_alone),
        requests=by_user[True],
        peoples_requests=by_user[False],
        overlapping=len(meanwhile),
        apply_seconds=applied[1] - applied[0],
        restore_seconds=restored[1] - restored[0],
        reopened=reopened,
        wrong=tuple(wrong),
    )


def _meanwhile(start: Barrier, work: Callable[[], None]) -> tuple[float, float]:
    """Do the recipe's part while people do theirs; return when it began and ended, in seconds since the epoch."""
    try:
        start.wait()
        began = time()
        work()
    except BaseException:
        start.abort()  # or the others would wait for what never comes
        raise
    return began, time()


def _opened(emulator: Emulator, folder: Path, user: str, key: Path) -> EncordPlatform:
    def nothing() -> Contents:
        raise AssertionError("the project exists")

    source = EncordProject(
        project=emulator.project_hash, user=user, key_file=str(key), domain=emulator.url, cache=str(folder / "cache")
    )
    return source.open(folder, nothing)


def _annotator(emulator: Emulator, folder: Path, plan: Plan, number: int, annotators: int) -> Annotator:
    """Return a person who has a part of the selection and, spread over all chunks, of the others."""
    email = f"person-{number}@example.org"
    selected = [task.data_hash for task in plan.selected][number::annotators]
    rest = [task.data_hash for task in plan.tasks[len(plan.selected) :]]
    step = len(rest) // (2 * EACH * annotators)
    others = rest[number * step :: annotators * step][: 2 * EACH]
    turns = ([*others[:EACH], *selected[:EACH]], [*others[EACH:], *selected[EACH:]])
    return Annotator(email, _opened(emulator, folder, email, emulator.add_user(email)), turns)


def _audit(
    platform: LocalPlatform, plan: Plan, before: dict[str, Task], crew: Sequence[Annotator]
) -> tuple[int, list[str]]:
    """Return how many labelled tasks were reopened, and what is not as it has to be."""
    tasks = {task.data_hash: task for task in platform.tasks()}
    rows = [task.label_hash for task in tasks.values() if task.label_hash is not None]
    labels = platform.labels(rows)
    saved = {name: label for person in crew for name, label in person.saved.items()}
    seen = {name: stage for person in crew for name, stage in person.seen.items()}
    selected = {task.data_hash for task in plan.selected}
    wrong = [f"the tag {name!r} is left" for name in platform.tags()]
    wrong += [f"{name} is gone" for name in before.keys() - tasks.keys()]
    reopened = 0
    for name, task in tasks.items():
        label = labels.get(task.label_hash or "", Label())
        if label != saved.get(name, Label()):
            wrong.append(f"{name} was overwritten: {label} in place of {saved.get(name)}")
        if name not in saved:
            old = before[name]
            if (task.stage, task.priority, task.assignee) != (old.stage, old.priority, old.assignee):
                wrong.append(f"{name} is not back: {task} in place of {old}")
        elif task.stage != seen[name]:
            reopened += 1
            if name in selected or task.stage != plan.first_stage:
                wrong.append(f"{name} is in {plan.title(task.stage)}, not where a person left it")
    return reopened, wrong


def main(tasks: int, annotators: int) -> int:
    """Print the figures; return 1 if anything was lost or overwritten."""
    with TemporaryDirectory() as folder:
        m = measure(tasks, annotators, Path(folder))
    print(f"{m.tasks:,} tasks, {m.annotators} annotators")
    print(f"people labelled {m.worked_on} tasks, {m.others} of them not selected; {m.refused} of their actions late")
    print(f"the recipe left {m.left_alone} tasks alone as touched; {m.reopened} reopened with a person's label")
    print(f"{m.requests} requests of the recipe; {m.peoples_requests} of people, {m.overlapping} of them meanwhile")
    print(f"applied in {m.apply_seconds:.1f} s, restored in {m.restore_seconds:.1f} s")
    print(*m.wrong, f"{len(m.wrong)} tasks or labels lost or overwritten", sep="\n")
    return 1 if m.wrong else 0


if __name__ == "__main__":
    os.environ["NO_PROXY"] = "127.0.0.1"
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's own
    given = [int(number) for number in sys.argv[1:]]
    sys.exit(main(*(given + [5_000, 20][len(given) :])))
