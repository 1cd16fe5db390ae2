"""What became of a round: where every task of its plan ended, and what was written to images beside the recipe."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from alrun.files import digest
from alrun.recipe.journal import Progress
from alrun.recipe.plan import Plan
from alrun.recipe.steps import CompleteAgain, Parking, SendBack, Unpark, UnparkByMove
from alrun.report.data import AgainRow, WrittenRow
from alrun.run.round_folder import RoundFolder, read_object
from alrun.types import Label, LeftOut, Snapshot, StageType


def moved_and_restored(plan: Plan, progress: Progress) -> tuple[int, int]:
    """Return how many tasks the recipe took out of the queue so far, and how many of them it brought back."""
    parked = progress.among(progress.done, plan, Parking)
    back = progress.among(progress.done, plan, Unpark | UnparkByMove)
    return len(parked), len(back)


def account(plan: Plan, snapshot: Snapshot) -> dict[str, int]:
    """Count what became of the plan's tasks; the values add up to their number.

    Returns
    -------
    dict
        `selected_complete`, `selected_in_review` and `selected_waiting`: where the selection is.
        `others_back`: not selected, and in the stage they came from. `others_elsewhere`: not selected, and moved
        by somebody else. `gone`: no longer in the project.
    """
    now = {task.task_id: task.stage for task in snapshot.tasks}
    types = {stage.uuid: stage.type for stage in snapshot.stages}
    names = ("selected_complete", "selected_in_review", "selected_waiting", "others_back", "others_elsewhere", "gone")
    counts = dict.fromkeys(names, 0)
    for task in plan.tasks:
        stage = now.get(task.task_id)
        if stage is None:
            counts["gone"] += 1
        elif task.rank is None:
            counts["others_back" if stage == task.stage else "others_elsewhere"] += 1
        elif types[stage] is StageType.DONE:
            counts["selected_complete"] += 1
        else:
            counts["selected_in_review" if types[stage] is StageType.REVIEW else "selected_waiting"] += 1
    return counts


def label_digests(snapshot: Snapshot, data_hashes: Iterable[str]) -> dict[str, str]:
    """Return a digest of what is labelled in each of these images."""
    wanted = set(data_hashes)
    labels = {t.data_hash: snapshot.labels.get(t.label_hash or "", Label()) for t in snapshot.tasks}
    return {name: digest(label.to_json()) for name, label in labels.items() if name in wanted}


def relabelled(plan: Plan, progress: Progress, before: Mapping[str, str], snapshot: Snapshot) -> dict[str, int]:
    """Count what became of the labelled tasks that were sent back; the values add up to those that are still there.

    Parameters
    ----------
    before
        What :func:`label_digests` said of the selection before it was sent back.

    Returns
    -------
    dict
        `changed` and `unchanged`: came back with another label, and with the same one. `untouched`: nobody answered.
    """
    answered = answered_again(plan, progress, snapshot)
    now = label_digests(snapshot, before)
    counts = dict.fromkeys(("changed", "unchanged", "untouched"), 0)
    for row in progress.among(progress.done, plan, SendBack):
        name = plan.tasks[row].data_hash
        if name in now:
            same = now[name] == before[name]
            counts["untouched" if name not in answered else "unchanged" if same else "changed"] += 1
    return counts


def answered_again(plan: Plan, progress: Progress, snapshot: Snapshot) -> frozenset[str]:
    """Return the data hashes of tasks that were sent back and that people have submitted again, changed or not."""
    annotating = {stage.uuid for stage in snapshot.stages if stage.type is StageType.ANNOTATION}
    there = {task.task_id for task in snapshot.tasks if task.stage not in annotating}
    alone = progress.among(progress.intended, plan, CompleteAgain)  # what people completed is found done, not written
    sent = (plan.tasks[row] for row in progress.among(progress.done, plan, SendBack) - alone)
    return frozenset(task.data_hash for task in sent if task.task_id in there)


def sent_back(plan: Plan, progress: Progress, result: Mapping[str, Any]) -> AgainRow | None:
    """Return what became of the labelled tasks that the recipe sends back so far; None if it sends none back."""
    if not plan.sends_back:
        return None
    sent = progress.among(progress.done, plan, SendBack)
    return AgainRow(len(sent), **(result.get("relabelled") or {}))


def written_rows(folder: RoundFolder, pool: pl.DataFrame) -> Iterator[WrittenRow]:
    """Yield what `publish.metadata` and `publish.prelabel` wrote in a round; images are named as in `pool`."""
    for what, path in (("client metadata", folder.published), ("pre-labels", folder.prelabelled)):
        if path.exists():
            with folder.reading(path):
                content = read_object(path, {"images": int, "written": int, "left_alone": dict})
            alone = content["left_alone"]
            titles = dict(pool.select("data_hash", "title").iter_rows()) if alone else {}
            left_alone = tuple(LeftOut(titles.get(name, name), why) for name, why in alone.items())
            there = content["images"] - content["written"] - len(alone)
            yield WrittenRow(what, content["images"], content["written"], there, left_alone)
