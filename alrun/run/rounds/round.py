"""One round: select, plan, apply, wait for labels, restore, train. Every phase goes on where a crash left it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from alrun.errors import StateError
from alrun.files import write_json
from alrun.models.base import Trained
from alrun.models.imported import ImportedModel
from alrun.recipe.apply import Applier
from alrun.recipe.drift import changes
from alrun.recipe.explain import explain
from alrun.recipe.journal import Journal
from alrun.recipe.plan import Plan
from alrun.run.job import choice
from alrun.run.learning.given import labelled_images
from alrun.run.learning.training import Training
from alrun.run.round_folder import RoundFolder
from alrun.run.rounds.alone import others_begun, refuse_unfinished
from alrun.run.rounds.finishing import finish
from alrun.run.rounds.labelling import Labelling
from alrun.run.rounds.planning import plan_round
from alrun.run.rounds.prelabel import Prelabelled, announce, prelabel
from alrun.run.rounds.step_log import kept_steps, say_step
from alrun.run.rounds.writeback import Outcome, preview, write_back
from alrun.run.session import Session
from alrun.strategies.base import at_stage
from alrun.terminal import command_for
from alrun.types import OF_A_MODEL

log = logging.getLogger("alrun")

SHOWN = 10

MOST_CHANGED = 0.1
"""The share of a selection that may have changed since a person saw the plan."""


@dataclass
class Round:
    """One round of one run.

    Attributes
    ----------
    number
        0 for the initial set, else from 1.
    trained
        The model of the round before, where this process trained it; fitted anew if a strategy needs it.
    unasked
        Whether the plan needs nobody's word: the run asks for none, or it was given on the command line.
    made_here
        Whether this process made the plan: nobody has looked at it then, unless they are asked.
    """

    session: Session
    number: int
    trained: Trained | None = None
    unasked: bool = False
    made_here: bool = field(default=False, init=False)

    @property
    def folder(self) -> RoundFolder:
        """Where this round's files are."""
        return self.session.folder.round(self.number)

    def plan(self) -> Plan:
        """Select and plan, or read the plan that was made; writes nothing to the platform but to end giving way.

        Raises
        ------
        Unusable
            If the plan is damaged, or gone although something was done by it.
        """
        if self.folder.journal.exists():
            plan = Plan.load(self.folder.plan)
            if not Journal(self.folder.journal, plan).progress.gave_way:
                return plan
            self._drop(self._applier(plan))  # a kill came between
        elif self.folder.plan.exists():
            return Plan.load(self.folder.plan)
        plan, self.trained = plan_round(self.session, self.folder, self.number, self.trained)
        self.made_here = True
        return plan

    def explain(self, plan: Plan) -> list[str]:
        """Return what a person reads before approving the plan."""
        lines = explain(plan, self.session.platform.limits)
        if self.folder.metadata.exists():
            lines += preview(self.session, self._metadata())
        if self.folder.proposals.exists():
            lines.append(announce(self.folder))
        return lines

    def play(self, plan: Plan) -> Training:
        """Carry out an approved plan to its end.

        Raises
        ------
        Waiting
            If people have to label first.
        """
        applier = self._applier(plan)
        if not applier.journal.progress.approved:
            refuse_unfinished(self.session)
            if not (self.made_here and self.unasked):  # what changes is left alone, task by task
                self._refuse_outdated(plan)
            applier.journal.approve("auto" if self.unasked else "prompt")
        restoring = applier.journal.progress.restoring
        self._look_for_mirror(applier, preparing=not restoring and not self.folder.queue.exists())
        if not restoring:  # `action=restore` ends a round at any point
            self._publish()
            if not self.folder.queue.exists():
                with self.session.phase("apply", self.number), kept_steps(self.folder, applier):
                    applier.prepare(lambda: self._give_way(applier))
                self._prelabel()
                write_json(self.folder.queue, {"ready_at": datetime.now(UTC).isoformat()})
            with self.session.phase("label", self.number) as counts:
                counts["labelled"] = self.labelling(plan).wait().labelled
        if not applier.journal.progress.closed:
            with self.session.phase("restore", self.number), kept_steps(self.folder, applier):
                applier.restore()
        return finish(self.session, self.folder, plan)

    def _look_for_mirror(self, applier: Applier, *, preparing: bool) -> None:
        """Say so if the run was ended without its folder; prepare no queue that nothing on the platform would tell of.

        What is away yet comes back by the journal, unless another run has begun since: what that one has moved cannot
        be told from what this one did.
        """
        if applier.journal.progress.closed or not applier.mirror_is_gone():
            return
        run_id, folder = self.session.folder.record["id"], self.session.folder.path
        gone = (
            f"round {self.number}: the tag that finds this run's tasks is gone from the project: they were brought "
            f"back by `action=restore run_id={run_id}` or from another copy of this folder, or somebody deleted the tag"
        )
        others = others_begun(self.session, self.number)
        if others:
            raise StateError(
                f"{gone}. Since then {' and '.join(others)} began, and tasks that it moved would be taken for "
                "this round's: nothing was done. Finish or restore it first; if anything of this round is away then: "
                f"{command_for('restore', folder)}"
            )
        if preparing:
            raise StateError(
                f"{gone}. The queue was not ready yet, and nothing more was done. To end the run: "
                f"{command_for('restore', folder)}"
            )
        log.warning("%s", gone)
        self.session.folder.note(gone)

    def _refuse_outdated(self, plan: Plan) -> None:
        """Refuse a plan that a person may have approved of, if too much of its selection is not as it was then.

        What else has changed is left alone, task by task: on a project where people work, some always has.
        """
        changes_now = changes(plan, self.session.platform, self.session.patience)
        changed = {task.task_id: changes_now[task.task_id] for task in plan.selected if task.task_id in changes_now}
        if len(changed) <= MOST_CHANGED * len(plan.selected):
            return
        shown = "".join(f"\n  {task}: {reason}" for task, reason in list(changed.items())[:SHOWN])
        more = f"\n  and {len(changed) - SHOWN} more" if len(changed) > SHOWN else ""
        self.folder.plan.unlink()
        raise StateError(
            f"{len(changed)} of the {len(plan.selected)} selected tasks have changed since the plan was made:{shown}"
            f"{more}\nNothing was done, and the plan was dropped. To make a new one: "
            f"{command_for('resume', self.session.folder.path)}"
        )

    def _give_way(self, applier: Applier) -> None:
        """End the round if another run began at the same moment: neither saw the other's tag before it gave its own."""
        others = others_begun(self.session, self.number)
        if not others:
            return
        applier.journal.give_way()
        self._drop(applier)
        raise StateError(
            f"{' and '.join(others)} began on this project at the same moment as this one, which gave way: its "
            "tags are gone again, and nothing was moved. Once the other is over (it may have given way too): "
            f"{command_for('resume', self.session.folder.path)}"
        )

    def _drop(self, applier: Applier) -> None:
        """Take back the tags, which is all that there is on the platform, and forget the plan."""
        applier.restore()
        for path in (self.folder.published, self.folder.journal, self.folder.plan):
            path.unlink(missing_ok=True)

    def labelling(self, plan: Plan) -> Labelling:
        """Return the labels that this round waits for."""
        return Labelling(self.session, self.folder, plan)

    def restore(self, plan: Plan) -> None:
        """Bring back what this round parked, without waiting for labels."""
        applier = self._applier(plan)
        self._look_for_mirror(applier, preparing=False)
        with self.session.phase("restore", self.number), kept_steps(self.folder, applier):
            applier.restore()

    def _applier(self, plan: Plan) -> Applier:
        journal = Journal(self.folder.journal, plan)
        return Applier(
            plan,
            self.session.platform,
            journal,
            self.session.patience,
            lambda outcome: say_step(outcome, plan, journal),
        )

    def _publish(self) -> None:
        """Write to the images' client metadata what was approved with the plan, once."""
        given = self.folder.metadata
        self._once("publish", given, self.folder.published, lambda: write_back(self.session, self._metadata()))

    def _prelabel(self) -> None:
        """Save the pre-labels that were approved with the plan, before the queue is said to be ready, once."""
        given = self.folder.proposals
        self._once("prelabel", given, self.folder.prelabelled, lambda: prelabel(self.session, self.folder))

    def _metadata(self) -> pl.DataFrame:
        with self.folder.reading(self.folder.metadata):
            return pl.read_parquet(self.folder.metadata, glob=False)

    def _once(self, phase: str, given: Path, result: Path, work: Callable[[], Outcome | Prelabelled]) -> None:
        """Do what a file beside the plan asks for, unless its result is there."""
        if not given.exists() or result.exists():
            return
        with self.session.phase(phase, self.number) as counts:
            outcome = work()
            counts["written"] = outcome.written
        log.info("round %d: %s", self.number, outcome)
        if outcome.left_alone:
            self.session.folder.note(f"round {self.number}: {outcome}")
        write_json(result, asdict(outcome))


def first_round(session: Session) -> int:
    """Return 0 if the run begins with an initial set, else 1.

    It does on a project where nothing is labelled, if `initial.size` is a number, or if it is null and the
    strategy needs a model.
    """
    job = session.job
    needed = bool(at_stage(job.strategy, 0).needs & OF_A_MODEL) and not isinstance(job.model, ImportedModel)
    if job.initial_size is None and not needed:
        return 1
    snapshot = session.snapshot()
    target = snapshot.ontology.target
    if target is not None and len(labelled_images(snapshot, target)[0]):
        return 1
    size = job.budget if job.initial_size is None else job.initial_size
    why = "the strategy needs a model" if needed else "initial.size is set"
    session.folder.note(
        f"nothing is labelled and {why}: the run begins with an initial set of {size}, chosen by "
        f"{choice(job.initial_strategy)} (round 0)"
    )
    return 0
