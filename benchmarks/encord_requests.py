"""How many requests a whole run takes on Encord: the unmodified official SDK against the emulator, over HTTP.

``python benchmarks/encord_requests.py [TASKS [SELECTED]]``, by default 10,000 tasks of which 500 are selected, prints
a Markdown table. No account and no key of anybody is needed.

A row is one run of one recipe by the command's own code (`strategy=random`, no model, so that no image is looked at:
images come from their store, one request each and once only, and one request gives 1,000 of their addresses). Every
request in the emulator's log counts, from the first, which opens the project, to the one that drops the run's mirror
when everything is back: snapshot, the check that nothing has changed, the listing before each chunk of writes, and
the look at how far people are. People label in the product, through no request of ours. "Of which tags" is what the
run spends on its own tags: the mirror by which people see what is parked, and by which it is brought back when the
run folder is lost; in `documented` also the page's two tags.

The literal way is not measured: it is the documented recipe with one call a row, which initialises, tags and
completes every task and reopens every task once, the selection before and the rest after labelling.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from omegaconf import OmegaConf

from alrun.config.build import build
from alrun.config.compose import Composer
from alrun.config.overrides import setting
from alrun.emulator import OWNER, Emulator, Request
from alrun.platform.port import Platform
from alrun.platform.writes import Approve, Limits, Submit
from alrun.recipe.testing import new_project
from alrun.run.actions import ACTIONS
from alrun.run.job import Job
from alrun.types import StageType, TaskRef

RECIPES = ("documented", "park", "move", "priority")
GOALS = {"park": 71, "move": 100, "priority": 60}
TAGS_GOAL = 15


@dataclass(frozen=True)
class Measured:
    """What one run took from opening the project to restored: requests, those of them about tags, seconds."""

    recipe: str
    requests: int
    tags: int
    seconds: float

    @property
    def met(self) -> bool:
        """Whether the recipe's goal, if it has one, is met."""
        goal = GOALS.get(self.recipe)
        return goal is None or (self.requests - self.tags <= goal and self.tags <= TAGS_GOAL)


@dataclass
class Colleagues:
    """An annotator: people who submit and approve the selection in the product."""

    emulator: Emulator
    poll_seconds: float = 1.0

    def check(self, platform: Platform, data_hashes: Sequence[str]) -> None:
        """They take anything."""

    def label(self, platform: Platform, data_hashes: Sequence[str], seed: int) -> None:  # noqa: ARG002
        """Hand every task on from stage to stage; the emulator logs none of it."""
        types = {stage.uuid: stage.type for stage in platform.project().stages}
        while groups := self._on_their_way(types, data_hashes):
            for uuid, refs in groups.items():
                who = "colleague@example.org"
                self.emulator.act(Submit(refs, who) if types[uuid] is StageType.ANNOTATION else Approve(refs, who))

    def _on_their_way(self, types: dict[str, StageType], data_hashes: Sequence[str]) -> dict[str, tuple[TaskRef, ...]]:
        groups: dict[str, tuple[TaskRef, ...]] = {}
        for task in self.emulator.ask(lambda: self.emulator.backend.tasks(data_hashes)):
            if types[task.stage] is not StageType.DONE:
                groups[task.stage] = (*groups.get(task.stage, ()), task.ref)
        return groups


def literal(tasks: int, selected: int) -> int:
    """Return the calls of the documented recipe at one call a row: initialise, tag, complete, reopen."""
    return 3 * tasks + selected + (tasks - selected)


def measure(recipe: str, tasks: int, selected: int, folder: Path) -> Measured:
    """Run one recipe on a fresh project."""
    project = folder / "project.sqlite"
    new_project(project, tasks, Limits()).close()
    with Emulator(project) as emulator:
        job = _job(emulator, folder, f"recipe={recipe}", f"budget={selected}")
        with redirect_stdout(StringIO()):
            ACTIONS["run"](replace(job, annotator=Colleagues(emulator)))
        requests = emulator.requests
    return _measured(recipe, requests)


def _measured(recipe: str, requests: Sequence[Request]) -> Measured:
    restored = max(place for place, request in enumerate(requests) if request.method == "DELETE")
    counted = requests[: restored + 1]
    failed = [request for request in counted if request.status != 200]
    if failed:
        raise SystemExit(f"{recipe}: {len(failed)} requests were not answered, such as {failed[0]}")
    seconds = counted[-1].began + counted[-1].seconds - counted[0].began
    return Measured(recipe, len(counted), _tagging(counted), seconds)


def _tagging(requests: Sequence[Request]) -> int:
    """Count what is about collections, from the first that is made; before it, a run reads what others tagged."""
    names = [(request.method, request.name) for request in requests if "collections" in request.name]
    first = next(place for place, (method, _) in enumerate(names) if method != "GET")
    return len(names) - first


def _job(emulator: Emulator, folder: Path, *more: str) -> Job:
    texts = [
        "platform=encord", f"platform.project={emulator.project_hash}", f"platform.domain={emulator.url}",
        f"platform.user={OWNER}", f"platform.key_file={emulator.private_key_path}", f"cache={folder / 'cache'}",
        "annotator=human", "strategy=random", "metrics=random", "model=none", "report.thumbnails=0", "approve=auto",
        *more,
    ]  # fmt: skip
    composed = Composer().load([setting(text) for text in texts])
    kept = OmegaConf.masked_copy(composed, [str(k) for k in composed if k != "hydra"])
    content: Any = OmegaConf.to_container(kept, resolve=True)
    run = folder / "run"
    run.mkdir()
    return build(content, run, ["alrun", *texts])


def main(tasks: int, selected: int) -> int:
    """Print the table; return 1 if a goal is missed."""
    missed = False
    print("| recipe | requests | of which tags | seconds |\n|---|--:|--:|--:|", flush=True)
    for recipe in RECIPES:
        with TemporaryDirectory() as folder:
            measured = measure(recipe, tasks, selected, Path(folder))
        print(f"| `{recipe}` | {measured.requests} | {measured.tags} | {measured.seconds:.0f} |", flush=True)
        missed |= not measured.met
    print(f"| one call a row (computed) | {literal(tasks, selected):,} | {tasks:,} | |")
    if missed and (tasks, selected) == (10_000, 500):
        print(f"a goal is missed: without tags at most {GOALS}, tags at most {TAGS_GOAL}")
        return 1
    return 0


if __name__ == "__main__":
    os.environ["NO_PROXY"] = "127.0.0.1"
    warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's own
    given = [int(number) for number in sys.argv[1:]]
    sys.exit(main(*(given + [10_000, 500][len(given) :])))
