"""A plan: what a recipe will do, as data, with the state in which each task was found.

`plan.json` (version 1) holds these fields; `tasks` is a table, one row a task, in the order of `TASK_COLUMNS`, and
every step names its tasks by row. `digest` covers all the lines before it, so that an edited plan is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any

from alrun.errors import StateError, Unusable
from alrun.files import digest, write_text
from alrun.recipe.steps import KINDS, AwaitLabels, Displacing, SendBack, Step
from alrun.types import LeftOut, Pick, Snapshot, Stage, StageType, Task, TaskRef, TaskStatus

VERSION = 1


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One task of the plan as the snapshot found it; `rank` counts from 1 if it is selected, else None."""

    task_id: str
    data_hash: str
    label_hash: str | None
    stage: str
    status: TaskStatus
    last_edited_at: str | None
    last_actioned_by: str | None
    assignee: str | None
    priority: float | None
    rank: int | None = None

    @staticmethod
    def of(task: Task, rank: int | None) -> PlannedTask:
        """Take down the state of `task`."""
        return PlannedTask(*[*_state(task), rank])

    def ref(self, label_hash: str | None) -> TaskRef:
        """Return the task's names, with the label row that it has by now."""
        return TaskRef(self.task_id, self.data_hash, label_hash)


TASK_COLUMNS = tuple(f.name for f in fields(PlannedTask))
_WHAT_NOW = (
    "nothing was done with it. Put it back, or bring the tasks that it moved back with `action=restore`, which works "
    "without it. If it moved none yet (there is no journal.jsonl beside it), delete it, and a new one is made"
)
_DIGEST = ' "digest": "'
_STATUS = TASK_COLUMNS.index("status")
_state = attrgetter(*(name for name in TASK_COLUMNS if name != "rank"))


@dataclass(frozen=True)
class Plan:
    """Everything a recipe will do in one round. Made without side effects, read by `explain` and `apply`.

    Attributes
    ----------
    tasks
        Those that the steps name: the selected ones by rank, then the others in the order of their data hashes.
    left_out
        Tasks that passed the filters and that the recipe must not touch, with the reason.
    steps
        In the order in which they are carried out; exactly one is :class:`AwaitLabels`.
    """

    run_id: str
    round: int
    recipe: str
    project_id: str
    project_title: str
    user: str
    config_digest: str
    snapshot_digest: str
    stages: tuple[Stage, ...]
    tasks: tuple[PlannedTask, ...]
    left_out: tuple[LeftOut, ...]
    steps: tuple[Step, ...]
    version: int = VERSION

    @cached_property
    def digest(self) -> str:
        """A digest of the whole plan."""
        return digest(self._body.encode())

    @cached_property
    def done_stage(self) -> str:
        """The uuid of the stage in which tasks are parked."""
        return done_stage(self.stages).uuid

    @cached_property
    def first_stage(self) -> str:
        """The uuid of the stage to which tasks are reopened."""
        return first_stage(self.stages).uuid

    @cached_property
    def sends_back(self) -> bool:
        """Whether it sends complete tasks back to people; otherwise it parks."""
        return any(isinstance(step, SendBack) for step in self.steps)

    @property
    def away_stage(self) -> str:
        """The uuid of the stage in which tasks are for a while that this plan takes out of their own."""
        return self.first_stage if self.sends_back else self.done_stage

    @cached_property
    def await_position(self) -> int:
        """The position in `steps` at which people label."""
        return next(i for i, step in enumerate(self.steps) if isinstance(step, AwaitLabels))

    @property
    def selected(self) -> tuple[PlannedTask, ...]:
        """The selected tasks, by rank."""
        return tuple(task for task in self.tasks if task.rank is not None)

    def title(self, stage: str) -> str:
        """Return the title of a stage; its uuid if it was added after the plan was made."""
        return next((s.title for s in self.stages if s.uuid == stage), stage)

    def type(self, stage: str) -> StageType | None:
        """Return the type of a stage; None if it was added after the plan was made."""
        return next((s.type for s in self.stages if s.uuid == stage), None)

    @cached_property
    def _body(self) -> str:
        """The plan as text, but for the digest: one line a task and a step."""
        content = {f.name: getattr(self, f.name) for f in fields(self)}
        content["stages"] = [asdict(stage) for stage in self.stages]
        content["left_out"] = [[item.name, item.reason] for item in self.left_out]
        content["task_columns"] = TASK_COLUMNS
        content["tasks"] = [_values(task) for task in self.tasks]
        content["steps"] = [{"kind": type(step).__name__, **_step_fields(step)} for step in self.steps]
        return "{\n" + "".join(f' "{key}": {_lines(value)},\n' for key, value in sorted(content.items()))

    def _end(self) -> str:
        return f'{_DIGEST}{self.digest}"\n}}\n'

    def save(self, path: Path) -> None:
        """Write the plan to `path`."""
        write_text(path, self._body + self._end())

    @staticmethod
    def load(path: Path) -> Plan:
        """Read a plan.

        Raises
        ------
        Unusable
            If the file is missing, is not a plan, is of another version, or was edited.
        """
        try:
            text = path.read_bytes().decode()
            content = json.loads(text)
            version = content["version"]
        except FileNotFoundError:
            raise Unusable(f"there is no plan at {path}", _WHAT_NOW) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Unusable(f"{path} is not a plan ({error})", _WHAT_NOW) from None
        if version != VERSION:
            raise Unusable(
                f"{path} is a plan of version {version!r}, and this alrun reads version {VERSION}",
                "finish the run with the alrun that planned it, or bring its tasks back with `action=restore`",
            )
        try:
            plan = _from_content(content)
            vars(plan)["digest"] = digest(text[: text.rfind(_DIGEST)].encode())
            edited = not text.endswith(plan._end())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unusable(f"{path} is not a whole plan ({error})", _WHAT_NOW) from None
        if edited:
            raise Unusable(f"{path} was changed after it was written", _WHAT_NOW)
        return plan


def done_stage(stages: Sequence[Stage]) -> Stage:
    """Return the last stage of type done: where completed tasks go."""
    return [stage for stage in stages if stage.type is StageType.DONE][-1]


def first_stage(stages: Sequence[Stage]) -> Stage:
    """Return the first annotation stage: where reopened tasks go."""
    return next(stage for stage in stages if stage.type is StageType.ANNOTATION)


def planned_tasks(tasks: Sequence[Task], picks: Sequence[Pick]) -> tuple[PlannedTask, ...]:
    """Put the tasks of a plan in order: the picks by rank, then the others by data hash."""
    rank = {pick.task_id: pick.rank for pick in picks}
    others = sorted((t for t in tasks if t.task_id not in rank), key=lambda t: (t.data_hash, t.task_id))
    by_id = {task.task_id: task for task in tasks}
    selected = [by_id[pick.task_id] for pick in sorted(picks, key=lambda pick: pick.rank)]
    return tuple(PlannedTask.of(task, rank.get(task.task_id)) for task in [*selected, *others])


def make_plan(
    recipe: str,
    snapshot: Snapshot,
    tasks: tuple[PlannedTask, ...],
    steps: Sequence[Step],
    left_out: Sequence[LeftOut],
    facts: PlanFacts,
) -> Plan:
    """Join what every recipe's plan has in common with the steps of one.

    Raises
    ------
    StateError
        If tasks are to be moved in a workflow with several done stages: to which one completing leads is not known.
    """
    done = [stage.title for stage in snapshot.stages if stage.type is StageType.DONE]
    if len(done) > 1 and any(isinstance(step, Displacing) and step.tasks for step in steps):
        raise StateError(
            f"the workflow has {len(done)} done stages ({', '.join(done)}), and to which one a completed task goes is "
            f"not known: recipe={recipe} might not find the tasks again. Nothing was done. Use recipe=priority, which "
            "moves none"
        )
    return Plan(
        run_id=facts.run_id,
        round=facts.round,
        recipe=recipe,
        project_id=snapshot.project_id,
        project_title=snapshot.project_title,
        user=facts.user,
        config_digest=facts.config_digest,
        snapshot_digest=snapshot.digest,
        stages=snapshot.stages,
        tasks=tasks,
        left_out=tuple(left_out),
        steps=tuple(steps),
    )


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """Who plans: the run, the round, the user on the platform, and the digest of the config."""

    run_id: str
    round: int
    user: str
    config_digest: str


_encode = json.JSONEncoder(sort_keys=True, separators=(",\n", ": ")).encode
_values = attrgetter(*TASK_COLUMNS)


def _step_fields(step: Step) -> dict[str, Any]:
    return {f.name: getattr(step, f.name) for f in fields(step)}


def _lines(value: Any) -> str:
    """Return JSON, one line an item of a list of lists or of objects."""
    text = _encode(value)  # no text in it holds a line end or a null character: JSON escapes them
    for end in ("],\n[", "},\n{"):
        text = text.replace(end, f"{end[0]},\0{end[-1]}")
    text = text.replace(",\n", ", ").replace(",\0", ",\n  ")
    return f"[\n  {text[1:-1]}\n ]" if text.startswith(("[[", "[{")) else text


def _from_content(content: Mapping[str, Any]) -> Plan:
    values = {f.name: content[f.name] for f in fields(Plan)}
    values["stages"] = tuple(Stage(s["uuid"], s["title"], StageType(s["type"])) for s in content["stages"])
    values["left_out"] = tuple(LeftOut(name, reason) for name, reason in content["left_out"])
    values["tasks"] = tuple(map(_task, content["tasks"]))
    values["steps"] = tuple(map(_step, content["steps"]))
    return Plan(**values)


def _task(row: list[Any]) -> PlannedTask:
    row[_STATUS] = TaskStatus(row[_STATUS])
    return PlannedTask(*row)


def _step(item: Mapping[str, Any]) -> Step:
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in item.items() if k != "kind"}
    return KINDS[item["kind"]](**values)
