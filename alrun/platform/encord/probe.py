"""The open questions about the platform, carried out on a project that is there for nothing else."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from alrun.errors import ConfigError, PlatformError, StateError
from alrun.files import write_json
from alrun.platform.encord.asking import MARK, Answer, unknown
from alrun.platform.encord.bench import Bench
from alrun.platform.encord.errors import asked
from alrun.platform.encord.platform import EncordPlatform
from alrun.platform.encord.questions import ADVICE, QUESTIONS, UNASKED, Question
from alrun.platform.port import Finding
from alrun.platform.retry import Patience, patiently
from alrun.platform.writes import AddTag, DropTag
from alrun.types import StageType, Task

log = logging.getLogger("alrun")

WORD = "scratch"
"""What the title of a project must contain that is to be probed."""

MOST, NEEDED = 50, 4
"""How many tasks such a project may have, and how many the probe uses."""

NOTE = "scratch.json"

PATIENCE = Patience(deadline=120)


class EncordProbe:
    """A probe on an open project.

    Raises
    ------
    ConfigError
        If the project is not clearly there to be probed, or its workflow is not fit for that.
    StateError
        If too few of its tasks are free.
    """

    def __init__(self, platform: EncordPlatform) -> None:
        self.platform = platform
        self._check_project()
        self._left_behind = self._marked()
        self._chosen()

    def announcement(self) -> list[str]:
        """Say what will be done to the project."""
        project = self.platform.project()
        used = f"{NEEDED} tasks of {project.stages[0].title!r} in {project.title!r} ({project.project_id}) will be used"
        lines = [
            f"scratch project: {used}, and are in the collection {MARK!r} meanwhile",
            "  they get label rows, which stay; they are moved, completed, reopened, submitted, assigned to you, and",
            "  given priorities; an image without client metadata gets two keys of it",
            "  at the end they are put back to their stage and priority, unassigned",
            "  if this is interrupted, do it again: it begins by bringing back what is in that collection; the earlier",
            f"  priorities are in {NOTE} in the run folder",
        ]
        if self._left_behind:
            lines.append(f"  {len(self._left_behind)} tasks of a probe that was interrupted are brought back first")
        return lines

    def carry_out(self, folder: Path) -> list[Finding]:
        """Ask every question; see :class:`alrun.platform.port.Probe`."""
        self._bring_back_left_behind()
        bench = Bench(self.platform, self._chosen(), PATIENCE.fresh())
        write_json(folder / NOTE, [asdict(task) for task in bench.found])
        patiently(PATIENCE.fresh(), self.platform.write, AddTag(tuple(t.ref for t in bench.found), MARK))
        try:
            findings = [finding for question in QUESTIONS for finding in self._findings(bench, question)]
        finally:
            self._put_back(bench)
        return findings + [Finding(name, "not asked", why, known=False) for name, why in UNASKED.items()]

    def _findings(self, bench: Bench, question: Question) -> Iterator[Finding]:
        bench.put_back()
        answers: dict[str, Answer] = {}
        why = "the probe did not come to it"
        try:
            if not question.fresh:
                bench.initialise()
            asked("a probe", lambda: _collect(question, bench, answers))
        except PlatformError as error:
            why = str(error)
        for name, what in question.names.items():
            answer = answers.get(name) or unknown(why)
            advice = ADVICE.get((name, answer.value), "") if answer.known else ""
            yield Finding(name, what, answer.seen, answer.known, answer.value, advice)

    def _put_back(self, bench: Bench) -> None:
        try:
            differing = bench.put_back()
        except PlatformError as error:
            raise PlatformError(f"tasks may not be where they were ({error}). {_AGAIN}") from error
        if differing:
            raise PlatformError(f"{len(differing)} tasks could not be put back: {'; '.join(differing)}. {_AGAIN}")
        patiently(PATIENCE.fresh(), self.platform.write, DropTag(MARK))

    def _check_project(self) -> None:
        project = self.platform.project()
        if WORD not in project.title.casefold():
            raise ConfigError(
                f"doctor.scratch_project is {project.title!r}, whose title does not say {WORD!r}: name a project that "
                "is there for experiments, or give it such a title. Nothing was done"
            )
        types = [stage.type for stage in project.stages]
        others = sorted({t.value for t in types} - {StageType.ANNOTATION, StageType.REVIEW, StageType.DONE})
        if others or types[0] is not StageType.ANNOTATION or types[-1] is not StageType.DONE or len(types) < 2:
            listed = ", ".join(f"{stage.title} ({stage.type.value})" for stage in project.stages)
            raise ConfigError(
                f"the scratch project {project.title!r} must begin with annotation, end with a done stage, and have "
                f"nothing but review in between; it has: {listed}"
            )

    def _listed(self) -> list[Task]:
        tasks = patiently(PATIENCE.fresh(), self.platform.tasks)
        if len(tasks) > MOST:
            raise ConfigError(
                f"the project {self.platform.project().title!r} has {len(tasks)} tasks: a scratch project has at most "
                f"{MOST}. Nothing was done"
            )
        return tasks

    def _chosen(self) -> Sequence[Task]:
        """Return the tasks to use: those that nobody has in hand or has labelled, untouched ones first."""
        first, user = self.platform.project().stages[0].uuid, self.platform.project().user
        listed = self._listed()
        per_image = Counter(task.data_hash for task in listed)
        left_behind = {task.task_id for task in self._left_behind}
        free = [
            task for task in listed
            if (task.stage == first and task.assignee is None) or task.task_id in left_behind
            if task.data_type == "image" and task.group_hash is None and per_image[task.data_hash] == 1
        ]  # fmt: skip
        rows = [task.label_hash for task in free if task.label_hash is not None]
        labels = patiently(PATIENCE.fresh(), self.platform.labels, rows) if rows else {}
        free = [task for task in free if task.label_hash is None or labels[task.label_hash].empty]
        if len(free) < NEEDED:
            raise StateError(
                f"the scratch project {self.platform.project().title!r} has {len(free)} free tasks, and {NEEDED} are "
                f"needed: unassigned, unlabelled single images in {self.platform.project().stages[0].title!r}"
            )
        return sorted(free, key=lambda t: (t.last_actioned_by == user, t.label_hash is not None, t.data_hash))[:NEEDED]

    def _marked(self) -> list[Task]:
        members = patiently(PATIENCE.fresh(), self.platform.tags).get(MARK, frozenset())
        return [task for task in self._listed() if task.data_hash in members]

    def _bring_back_left_behind(self) -> None:
        """Bring back what an earlier probe left where it was; the earlier priorities are in its own note."""
        if self._left_behind:
            first = self.platform.project().stages[0].uuid
            before = [replace(task, stage=first, assignee=None, priority=None) for task in self._left_behind]
            self._put_back(Bench(self.platform, before, PATIENCE.fresh()))
            log.info("%d tasks of a probe that was interrupted are back", len(before))
            self._left_behind = []


_AGAIN = (
    f"The collection {MARK!r} holds them: do this again, which begins by bringing them back, or do that in the product"
)


def _collect(question: Question, bench: Bench, answers: dict[str, Answer]) -> None:
    """Take down answers as they come: an error later on spoils none of them."""
    for name, answer in question.ask(bench):
        answers.setdefault(name, answer)
