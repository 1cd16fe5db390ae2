"""The tags that alrun gives images: what a run has moved, and what a model labelled and nobody has checked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alrun.platform.port import Project
from alrun.types import StageType, Task

PRELABELLED = "alrun pre-labelled"
"""The tag of images whose label a model proposed, until a person has submitted it."""

_MIRROR = re.compile(
    r"alrun (?P<run_id>\S+)(?: round (?P<round>\d+))? of (?P<user>.+?) "
    r"(?:(?P<what>parked|sent back) from (?P<stage>.*)|set the queue)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Mirror:
    """A tag that mirrors what a run does, so that it can be undone when the run folder is gone.

    Attributes
    ----------
    user
        Who parked.
    stage
        The title of the stage from which the tagged tasks are taken. None for a run that only sets priorities.
    round
        The round that takes them; None in the tag of an earlier alrun, which did not say.
    sent_back
        Whether they are sent back to annotators; otherwise they are parked.
    """

    run_id: str
    user: str
    stage: str | None
    round: int | None
    sent_back: bool = False

    @property
    def name(self) -> str:
        """The tag's name."""
        taken = "sent back" if self.sent_back else "parked"
        what = "set the queue" if self.stage is None else f"{taken} from {self.stage}"
        number = "" if self.round is None else f" round {self.round}"
        return f"alrun {self.run_id}{number} of {self.user} {what}"


def read_mirror_tag(name: str) -> Mirror | None:
    """Return the mirror with this tag name; None for any other tag."""
    found = _MIRROR.fullmatch(name)
    if found is None:
        return None
    number = None if found["round"] is None else int(found["round"])
    return Mirror(found["run_id"], found["user"], found["stage"], number, found["what"] == "sent back")


def same_name(user: str | None) -> str | None:
    """Return the one form of all spellings of an e-mail address that differ only in upper and lower case."""
    return None if user is None else user.casefold()


def acted_since(project: Project, mirror: Mirror, task: Task) -> bool:
    """Say whether the platform names somebody who acted on a task after the run of its mirror tag had moved it.

    Only where the platform records moves does False mean that nobody did.
    """
    actor, records = task.last_actioned_by, project.records_moves
    by_us = same_name(actor) in {same_name(mirror.user), same_name(project.user)}
    return not by_us and (records or (records is None and actor is not None))


def parked(project: Project, tasks: Iterable[Task], tags: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the ids of the tasks that are complete only because an unfinished run parked them.

    One that somebody finished meanwhile is not among them, where the platform names whoever acted.
    """
    done = {stage.uuid for stage in project.stages if stage.type is StageType.DONE}
    mirrors: dict[str, list[Mirror]] = {}
    for name, data_hashes in tags.items():
        mirror = read_mirror_tag(name)
        if mirror is not None and mirror.stage is not None and not mirror.sent_back:
            for data_hash in data_hashes:
                mirrors.setdefault(data_hash, []).append(mirror)
    return frozenset(
        task.task_id
        for task in tasks
        if task.stage in done
        and any(not acted_since(project, mirror, task) for mirror in mirrors.get(task.data_hash, ()))
    )


def proposed(project: Project, tasks: Iterable[Task], tags: Mapping[str, frozenset[str]]) -> list[Task]:
    """Return the tasks whose label is a model's answer that no person has submitted: not complete, or only parked."""
    annotating = {stage.uuid for stage in project.stages if stage.type is StageType.ANNOTATION}
    tagged = [task for task in tasks if task.data_hash in tags.get(PRELABELLED, ())]
    away = parked(project, tagged, tags)
    return [task for task in tagged if task.stage in annotating or task.task_id in away]
