"""One round: select, plan, apply, wait for labels, restore, train. Every phase goes on where a crash left it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

from alrun.annotators.base import LabelProgress, progress
from alrun.errors import Waiting
from alrun.files import write_json
from alrun.models.base import Trained
from alrun.platform.retry import patiently
from alrun.progress import gauge
from alrun.recipe.apply import Applier, StepOutcome
from alrun.recipe.drift import check_unchanged
from alrun.recipe.explain import explain
from alrun.recipe.journal import Journal
from alrun.recipe.plan import Plan, PlanFacts
from alrun.run.accounts import account
from alrun.run.folder import RoundFolder
from alrun.run.job import choice
from alrun.run.selecting import Selected, select, write_parquet, write_selection
from alrun.run.session import Session
from alrun.run.training import Training, check_target, labelled_images, save, train
from alrun.strategies.base import Strategy
from alrun.types import Label, Need, Snapshot, StageType, Task, count_stages

log = logging.getLogger("alrun")


@dataclass
class Round:
    """One round of one run.

    Attributes
    ----------
    number
        0 for the initial set, else from 1.
    trained
        The model of the round before, where this process trained it; fitted anew if a strategy needs it.
    """

    session: Session
    number: int
    trained: Trained | None = None

    @property
    def folder(self) -> RoundFolder:
        """Where this round's files are."""
        return self.session.folder.round(self.number)

    @property
    def strategy(self) -> Strategy:
        """The strategy that chooses in this round."""
        return self.session.job.initial_strategy if self.number == 0 else self.session.job.strategy

    @property
    def budget(self) -> int:
        """How many tasks this round is to choose."""
        job = self.session.job
        return job.budget if self.number > 0 or job.initial_size is None else job.initial_size

    def plan(self) -> Plan:
        """Select and plan, or read the plan that was made; writes nothing to the platform."""
        if self.folder.plan.exists():
            return Plan.load(self.folder.plan)
        session = self.session
        with session.phase("snapshot", self.number) as counts:
            snapshot = session.snapshot()
            counts["tasks"] = len(snapshot.tasks)
        check_target(session, snapshot)
        if Need.PROBABILITIES in self.strategy.needs and self.trained is None:
            self.trained = train(session, snapshot, max(0, self.number - 1)).trained
        chosen = select(session, snapshot, self.strategy, self.trained, self.budget, self.number)
        self._say_how_many(chosen)
        session.job.annotator.check(session.platform, [pick.data_hash for pick in chosen.picks])
        user = patiently(session.patience, session.platform.project).user
        facts = PlanFacts(session.folder.run_id, self.number, user, session.job.config_digest)
        tasks = chosen.tasks if chosen.picks else []
        plan = session.job.recipe.plan(snapshot, tasks, chosen.picks, chosen.left_out, facts)
        self._write_choice(snapshot, chosen, plan)
        return plan

    def explain(self, plan: Plan) -> list[str]:
        """Return what a person reads before approving the plan."""
        return explain(plan, self.session.platform.limits)

    def play(self, plan: Plan) -> Training:
        """Carry out an approved plan to its end.

        Raises
        ------
        Waiting
            If people have to label first.
        """
        applier = self._applier(plan)
        if not applier.journal.progress.approved:
            check_unchanged(plan, self.session.platform, self.session.patience)
            applier.journal.approve(self.session.job.approve)
        if not applier.journal.progress.restoring:  # `action=restore` ends a round at any point
            if not self.folder.queue.exists():
                with self.session.phase("apply", self.number), self._kept_steps(applier):
                    applier.prepare()
                write_json(self.folder.queue, {"ready_at": datetime.now(UTC).isoformat()})
            with self.session.phase("label", self.number) as counts:
                counts["labelled"] = self._await_labels(plan).labelled
        if not applier.journal.progress.closed:
            with self.session.phase("restore", self.number), self._kept_steps(applier):
                applier.restore()
        return self._finish(plan)

    def progress(self, plan: Plan) -> LabelProgress:
        """Ask the platform how far people are with the selection."""
        hashes = [task.data_hash for task in plan.selected]
        return progress(self.session.platform, self._listed(hashes), hashes)

    def restore(self, plan: Plan) -> None:
        """Bring back what this round parked, without waiting for labels."""
        applier = self._applier(plan)
        with self.session.phase("restore", self.number), self._kept_steps(applier):
            applier.restore()

    def _applier(self, plan: Plan) -> Applier:
        journal = Journal(self.folder.journal, plan)
        return Applier(plan, self.session.platform, journal, self.session.patience, _say_step)

    @contextmanager
    def _kept_steps(self, applier: Applier) -> Iterator[None]:
        """Write down what the steps of the block took, added to what they took in earlier processes."""
        path = self.folder.steps
        earlier = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        try:
            yield
        finally:
            for position, outcome in applier.outcomes.items():
                step = {**asdict(outcome), "outcome": _outcome(outcome)}
                before = earlier.get(str(position), {"requests": 0, "seconds": 0.0})
                for count in ("requests", "seconds"):
                    step[count] += before[count]
                earlier[str(position)] = step
            applier.outcomes.clear()
            write_json(path, earlier)

    def _say_how_many(self, chosen: Selected) -> None:
        found, name = len(chosen.picks), choice(self.strategy)
        log.info(
            "round %d: %s selected %d of %d candidates (budget %d)",
            self.number, name, found, len(chosen.tasks), self.budget,
        )  # fmt: skip
        if not chosen.tasks:
            self.session.folder.note(
                f"round {self.number}: no task is ready to be labelled ({chosen.pool.height} in the project): "
                "nothing was selected and nothing moves"
            )
        elif found < self.budget:
            self.session.folder.note(
                f"round {self.number}: the budget of {self.budget} is above the {len(chosen.tasks)} candidates: "
                f"{'all' if found == len(chosen.tasks) else f'the {found} that can be ranked'} were selected"
            )
        elif found == 0:
            self.session.folder.note(f"round {self.number}: the budget is 0: nothing was selected and nothing moves")

    def _write_choice(self, snapshot: Snapshot, chosen: Selected, plan: Plan) -> None:
        folder = self.folder
        write_parquet(folder.pool, chosen.pool)
        write_selection(folder.selection, [(self.number, chosen.picks)])
        content = {
            "strategy": choice(self.strategy),
            "metrics": sorted(self.strategy.metrics),
            "budget": self.budget,
            "candidates": len(chosen.tasks),
            "removed": [[item.predicate, item.tasks, item.missing] for item in chosen.removed],
            "stages": count_stages(snapshot.stages, snapshot.tasks),
        }
        write_json(folder.choice, content)
        plan.save(folder.plan)

    def _await_labels(self, plan: Plan) -> LabelProgress:
        """Let the annotator label; return once enough is labelled or the deadline has passed."""
        job = self.session.job
        hashes = [task.data_hash for task in plan.selected]
        said = None
        with gauge("labelled by people", len(hashes)) as show:
            while True:
                job.annotator.label(self.session.platform, hashes, job.seed)
                now = self.progress(plan)
                show(now.labelled)
                if now != said:
                    log.info("round %d: %s", self.number, now)
                said = now
                if now.share >= job.restore_when.labelled or self._deadline_passed():
                    return now
                if not job.wait:
                    raise Waiting(self._how_to_continue(plan, now))
                sleep(job.annotator.poll_seconds)

    def _listed(self, hashes: list[str]) -> list[Task]:
        size = self.session.platform.limits.listing
        tasks: list[Task] = []
        for start in range(0, len(hashes), size):
            chunk = hashes[start : start + size]
            tasks += patiently(self.session.patience, lambda chunk=chunk: self.session.platform.tasks(chunk))  # type: ignore[misc]
        return tasks

    def _deadline_passed(self) -> bool:
        deadline = self.session.job.restore_when.deadline
        if deadline is None:
            return False
        if isinstance(deadline, timedelta):
            ready = json.loads(self.folder.queue.read_text(encoding="utf-8"))["ready_at"]
            deadline = datetime.fromisoformat(ready) + deadline
        return datetime.now(UTC) >= deadline

    def _how_to_continue(self, plan: Plan, now: LabelProgress) -> str:
        return (
            f"the queue of round {self.number} is ready: {len(plan.selected)} tasks wait for people in "
            f"{plan.title(plan.first_stage)!r} ({now}). When they are labelled, continue with\n"
            f"  python -m alrun action=resume run={self.session.folder.path}"
        )

    def _finish(self, plan: Plan) -> Training:
        session = self.session
        with session.phase("snapshot", self.number):
            snapshot = session.snapshot()
        training = train(session, snapshot, self.number)
        if training.trained is not None:
            with session.phase("save", self.number):
                save(session, snapshot, training.trained)
        write_json(self.folder.result, _result(plan, snapshot, training))
        return training


def first_round(session: Session) -> int:
    """Return 0 if the run begins with an initial set, else 1.

    It does on a project where nothing is labelled, if `initial.size` is a number, or if it is null and the
    strategy needs a model.
    """
    job = session.job
    needed = Need.PROBABILITIES in job.strategy.needs
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


def _result(plan: Plan, snapshot: Snapshot, training: Training) -> dict[str, Any]:
    annotating = {stage.uuid for stage in snapshot.stages if stage.type is StageType.ANNOTATION}
    labels = {
        t.data_hash: snapshot.labels.get(t.label_hash or "", Label())
        for t in snapshot.tasks
        if t.stage not in annotating
    }
    return {
        "round": plan.round,
        "selected": len(plan.selected),
        "labelled": training.labelled,
        "counts": training.counts,
        "labels": {t.data_hash: labels[t.data_hash].classes for t in plan.selected if t.data_hash in labels},
        "evaluation": None if training.evaluation is None else training.evaluation.to_json(),
        "account": account(plan, snapshot),
    }


def _say_step(outcome: StepOutcome) -> None:
    log.info("  step %s: %s: %s", outcome.number, outcome.text, _outcome(outcome))


def _outcome(outcome: StepOutcome) -> str:
    if outcome.tasks == 0:
        done = "done" if outcome.requests else "nothing to do"
    elif outcome.written or outcome.left_alone:
        done = f"{outcome.written} of {outcome.tasks} done"
    else:
        done = f"{outcome.tasks} tasks"
    alone = f", {outcome.left_alone} left alone" if outcome.left_alone else ""
    cost = f" ({outcome.requests} request{'s' if outcome.requests > 1 else ''})" if outcome.requests else ""
    return f"{done}{alone}{cost}"
