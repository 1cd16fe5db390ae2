"""Runs of a recipe over the SDK and the emulator, with one request going wrong, or the process killed in the middle.

A case is one run of: apply the plan, people label the selection (one image with nothing in it), restore. What has to
be equal to the undisturbed run is what `tests.recipe.crash_matrix` compares: every task's stage, status, priority,
assignee, actor and labels, the tags, and what the journal says was done.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from alrun.emulator import OWNER, Emulator, Fault, Request
from alrun.errors import PlatformError
from alrun.platform.encord import EncordProject
from alrun.platform.encord.platform import EncordPlatform
from alrun.platform.local_platform import LocalPlatform
from alrun.recipe.apply import Applier
from alrun.recipe.journal import Journal
from alrun.recipe.plan import Plan
from alrun.recipe.testing import SMALL_CHUNKS, USER, impatient, make_plan, project_for
from tests.encord.world import nothing
from tests.recipe.crash_matrix import RECIPES, SELECTED, label, outcome

ALWAYS = 1_000_000
OPENING = 2
"""The requests that opening a project takes."""


def opened(folder: Path, project: str, url: str, key: Path) -> EncordPlatform:
    """Open the project with limits so small that even a few tasks take several requests a step."""
    source = EncordProject(
        project=project, user=OWNER, key_file=str(key), domain=url, records_moves=True, cache=str(folder / "cache")
    )
    platform = source.open(folder, nothing)
    platform.limits = SMALL_CHUNKS
    return platform


def opened_on(folder: Path, emulator: Emulator) -> EncordPlatform:
    return opened(folder, emulator.project_hash, emulator.url, emulator.private_key_path)


def carry_on(folder: Path, platform: EncordPlatform) -> None:
    """Carry a run on from wherever its files say it is, to the end."""
    plan = Plan.load(folder / "plan.json")
    applier = Applier(plan, platform, Journal(folder / "journal.jsonl", plan), impatient())
    if not applier.journal.progress.restoring:
        applier.prepare()
        people = LocalPlatform(folder / "project.sqlite", USER)
        label(people, plan)
        people.close()
    applier.restore()


class Case:
    """One recipe's project before it is applied, and how its undisturbed run looks."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self._folder = name, folder
        self._start = folder / "start"
        self._start.mkdir()
        project = self._start / "project.sqlite"
        project_for(RECIPES[name], project).close()
        with Emulator(project) as emulator:
            make_plan(RECIPES[name], opened_on(self._start, emulator), SELECTED).save(self._start / "plan.json")
        undisturbed = self._copy()
        with Emulator(undisturbed / "project.sqlite") as emulator:
            platform = opened_on(undisturbed, emulator)
            emulator.log.clear()
            carry_on(undisturbed, platform)
            self.requests: Sequence[Request] = emulator.requests
        self.expected: Any = outcome(undisturbed)
        assert all(request.status == 200 for request in self.requests)

    def faults(self) -> Iterator[Fault]:
        """Yield, request by request, everything that can go wrong with each of the undisturbed run."""
        for number, request in enumerate(self.requests):
            for fault in going_wrong(request):
                yield replace(fault, name="*", skip=number)

    def ends_well(self, fault: Fault) -> bool:
        """Run into `fault`; if that ends the run, resume it without; say whether the end is the undisturbed one."""
        case = self._copy()
        with Emulator(case / "project.sqlite") as emulator:
            platform = opened_on(case, emulator)
            emulator.fail(fault)
            with suppress(PlatformError):
                carry_on(case, platform)
            emulator.faults.clear()
            carry_on(case, opened_on(case, emulator))
        return bool(outcome(case) == self.expected)

    def ends_well_if_killed(self, number: int, when: str) -> bool:
        """Kill a process while the emulator has its request of this number in hand, and resume here.

        Killed "before" the write is carried out, it never sees the answer to one that is carried out all the same.
        """
        case = self._copy()
        with Emulator(case / "project.sqlite") as emulator:
            key = emulator.private_key_path
            pids: list[int] = []
            kill = Fault("*", "call", "after" if when == "after" else "before", skip=OPENING + number)
            emulator.fail(replace(kill, action=lambda: os.kill(pids[0], signal.SIGKILL)))
            arguments = (str(case), emulator.project_hash, emulator.url, str(key))
            command = [sys.executable, "-m", "tests.encord.disturbed", *arguments]
            child = subprocess.Popen(command, env=os.environ | {"NO_PROXY": "127.0.0.1"})
            pids.append(child.pid)
            if child.wait(120) != -signal.SIGKILL:
                return False
            carry_on(case, opened_on(case, emulator))
        return bool(outcome(case) == self.expected)

    def writes(self) -> list[int]:
        """Return the numbers of the requests that change something."""
        return [number for number, request in enumerate(self.requests) if changes(request)]

    def _copy(self) -> Path:
        case = self._folder / "case"
        if case.exists():
            shutil.rmtree(case)
        shutil.copytree(self._start, case)
        return case


def changes(request: Request) -> bool:
    """Say whether a request writes: v1 says so in the name of its method, v2 by that of HTTP."""
    method = request.name.rpartition(" ")[2] if request.path.startswith("/public") else request.method
    return method != "GET" and not request.name.endswith("search")


def going_wrong(request: Request) -> Iterator[Fault]:
    """Yield what can go wrong with a request: once, or from then on until the run gives up."""
    yield Fault("*", "cut")
    yield Fault("*", "cut", times=ALWAYS)
    yield Fault("*", "status", status=429, retry_after=2.0)
    yield Fault("*", "status", status=503)
    if changes(request):
        yield Fault("*", "cut", "after")
        yield Fault("*", "half")
    if max(request.sent, request.answered) > 1:  # where one task is too much, nothing can be sent in parts
        yield Fault("*", "status", status=413)


def main(folder: Path, project: str, url: str, key: Path) -> None:
    """Be the process that is killed."""
    carry_on(folder, opened(folder, project, url, key))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]))
