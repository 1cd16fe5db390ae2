"""Pre-labels: the model's answer as a first label of selected images, which people correct or submit. Off by default.

No recipe writes a label. This is a phase of its own, after the recipe has prepared the queue and before the queue is
said to be ready, with a kind of write of its own (`alrun.platform.writes.Prelabel`). The proposals are settled with the
plan and kept beside it (``proposals.json``), so that whoever approves the plan approves them. What a person labelled,
has in hand or has submitted is left alone; that is looked at right before each write, and by the platform again.

An image is tagged before it is pre-labelled (`alrun.pool.tags.PRELABELLED`), and as long as it is tagged and in an
annotation stage, or parked by a run, it counts as unlabelled for every run, on every machine: it is not trained on,
and it may be selected again. A person's submission makes the label theirs, changed or not; the round's end takes the
tag off then.
There is no journal: whether a label is there is for the platform to say, so that a run that was killed asks, and
proposes only what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from alrun.errors import ConfigError, PlatformError, RateLimited, Refused, TooLarge, Unavailable
from alrun.files import write_json
from alrun.models.base import Trained
from alrun.parts import in_parts
from alrun.platform.port import Platform, TakesPrelabels
from alrun.platform.retry import Patience, patiently
from alrun.platform.writes import AddTag, Prelabel, RemoveTag
from alrun.pool.tags import PRELABELLED
from alrun.progress import track
from alrun.run.round_folder import RoundFolder, read_object
from alrun.run.selection.inputs import most_likely
from alrun.run.session import Session
from alrun.types import Answer, Label, Pick, Snapshot, StageType, Task, TaskRef, TaskStatus


@dataclass
class Prelabelled:
    """What became of the proposals; `left_alone` has the reason of each by data hash, all others are `written`."""

    images: int
    written: int = 0
    left_alone: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        text = f"{self.written} of {self.images} pre-labels saved"
        if not self.left_alone:
            return text
        name, reason = next(iter(self.left_alone.items()))
        return f"{text}, {len(self.left_alone)} images left alone, such as {name}: {reason}"


def check_prelabels(session: Session) -> None:
    """See that the platform takes pre-labels, where the config asks for them.

    Raises
    ------
    ConfigError
        If it does not.
    """
    if session.job.publish.prelabel is not None and not isinstance(session.platform, TakesPrelabels):
        raise ConfigError("publish.prelabel: this platform takes no pre-labels: set it to null")


def propose(
    session: Session, snapshot: Snapshot, picks: Sequence[Pick], trained: Trained | None, folder: RoundFolder
) -> None:
    """Write down the model's answer for each selected image that it is confident enough of, by data hash.

    An image that is labelled, or has an earlier pre-label, keeps what it has.
    """
    question, least = snapshot.ontology.target, session.job.publish.prelabel
    labels = {task.data_hash: snapshot.labels.get(task.label_hash or "", Label()) for task in snapshot.tasks}
    earlier = snapshot.tags.get(PRELABELLED, frozenset())
    hashes = [pick.data_hash for pick in picks if labels[pick.data_hash].empty and pick.data_hash not in earlier]
    found = {} if trained is None else most_likely(session, snapshot, trained, hashes)
    sure = {name: answer for name, (answer, confidence) in found.items() if least is not None and confidence >= least}
    content = {"question": "" if question is None else question.name, "selected": len(picks), "answers": sure}
    write_json(folder.proposals, content)


def announce(folder: RoundFolder) -> str:
    """Return what a person reads before approving the proposals."""
    content = _proposals(folder)
    return (
        f"Pre-labels: {len(content['answers'])} of the {content['selected']} selected images get the model's answer to "
        f"{content['question']!r} as a first label, where nobody has labelled them by then. Cannot be undone by a run."
    )


def prelabel(session: Session, folder: RoundFolder) -> Prelabelled:
    """Save the proposals where there is no label yet.

    Raises
    ------
    PlatformError
        If the platform does not answer for too long.
    """
    content = _proposals(folder)
    labels = {name: Label((Answer(content["question"], (given,)),)) for name, given in content["answers"].items()}
    outcome = Prelabelled(len(labels))
    names = sorted(labels)
    size = min(session.platform.limits.prelabel, session.platform.limits.listing)
    for part in track(in_parts(names, size), "saving pre-labels"):
        _Batch(session.platform, session.patience, labels, outcome).save(part)
    outcome.written = outcome.images - len(outcome.left_alone)
    return outcome


def untag_submitted(session: Session, snapshot: Snapshot) -> None:
    """Take the tag off images that people submitted: their labels are nobody's proposal any more."""
    annotating = _annotating(session.platform, session.patience)
    tagged = [task for task in snapshot.tasks if task.data_hash in snapshot.tags.get(PRELABELLED, ())]
    refs = [task.ref for task in tagged if task.stage not in annotating and task.task_id not in snapshot.parked]
    for part in in_parts(refs, session.platform.limits.tag):
        patiently(session.patience, session.platform.write, RemoveTag(tuple(part), PRELABELLED))


@dataclass
class _Batch:
    """Images that one request takes."""

    platform: Platform
    patience: Patience
    labels: Mapping[str, Label]
    outcome: Prelabelled

    def save(self, names: Sequence[str]) -> None:
        """Look, tag, save, and look again until nothing is left to save."""
        patience = self.patience.fresh()
        while True:
            ready = self._ready(names)
            if not ready:
                return
            refs = tuple(task.ref for task in ready)
            labels = tuple(self.labels[task.data_hash] for task in ready)
            try:
                self.platform.write(AddTag(refs, PRELABELLED))
                self._prelabel(Prelabel(refs, labels))
            except (Unavailable, RateLimited) as error:
                patience.pause(error)
            except (Refused, TooLarge) as error:
                self._after_rejection(ready, error)
                return

    def _ready(self, names: Sequence[str]) -> list[Task]:
        """List the images; note what must be left alone, return those that have no label yet."""
        names = [name for name in names if name not in self.outcome.left_alone]
        tasks = patiently(self.patience, self.platform.tasks, names)
        rows = [task.label_hash for task in tasks if task.label_hash is not None]
        there = patiently(self.patience, self.platform.labels, rows) if rows else {}
        annotating = _annotating(self.platform, self.patience)
        ready: list[Task] = []
        reasons: dict[TaskRef, str] = {}
        for task in tasks:
            label = there.get(task.label_hash or "", Label())
            if label == self.labels[task.data_hash]:
                continue  # saved
            if reason := _objection(task, label, annotating):
                reasons[task.ref] = reason
            else:
                ready.append(task)
        self._leave(reasons)
        gone = set(names) - {task.data_hash for task in tasks}
        self.outcome.left_alone |= dict.fromkeys(sorted(gone), "it is no longer in the project")
        return ready

    def _leave(self, reasons: Mapping[TaskRef, str]) -> None:
        """Leave images alone, also those that were tagged right before a person came."""
        if reasons:
            untag = RemoveTag(tuple(reasons), PRELABELLED)
            patiently(self.patience, self.platform.write, untag)
            self.outcome.left_alone |= {ref.data_hash: reason for ref, reason in reasons.items()}

    def _prelabel(self, request: Prelabel) -> None:
        if not isinstance(self.platform, TakesPrelabels):  # check_prelabels said so before anything was planned
            raise PlatformError("this platform takes no pre-labels")
        self.platform.prelabel(request)

    def _after_rejection(self, ready: Sequence[Task], error: PlatformError) -> None:
        """Try a batch that was rejected in halves, down to single images; note what is refused even alone."""
        if len(ready) == 1:
            self._leave({ready[0].ref: f"the platform refuses: {error}"})
            return
        half = (len(ready) + 1) // 2
        for part in (ready[:half], ready[half:]):
            self.save([task.data_hash for task in part])


def _objection(task: Task, label: Label, annotating: frozenset[str]) -> str | None:
    if task.stage not in annotating:
        return "it has left the annotation stage"
    if task.assignee is not None or task.status in {TaskStatus.ASSIGNED, TaskStatus.SKIPPED}:
        return "somebody has it in hand"
    return None if label.empty else "somebody labelled it"


def _proposals(folder: RoundFolder) -> dict[str, Any]:
    with folder.reading(folder.proposals):
        return read_object(folder.proposals, {"question": str, "selected": int, "answers": dict})


def _annotating(platform: Platform, patience: Patience) -> frozenset[str]:
    stages = patiently(patience, platform.project).stages
    return frozenset(stage.uuid for stage in stages if stage.type is StageType.ANNOTATION)
