"""Waiting for the labels of a round: who is awaited, how far they are, and when the wait ends."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import sleep

from alrun.annotators.base import LabelProgress, progress
from alrun.errors import RateLimited, Unavailable, Waiting
from alrun.platform.reading import tasks_of
from alrun.platform.retry import patiently
from alrun.progress import gauge
from alrun.recipe.journal import Journal
from alrun.recipe.plan import Plan
from alrun.recipe.steps import SendBack
from alrun.run.round_folder import RoundFolder, read_object
from alrun.run.session import Session
from alrun.terminal import command_for
from alrun.types import Task

log = logging.getLogger("alrun")


@dataclass(frozen=True)
class Labelling:
    """The labels that one round waits for."""

    session: Session
    folder: RoundFolder
    plan: Plan

    def progress(self) -> LabelProgress:
        """Ask the platform how far people are with the selection."""
        hashes = self._awaited()
        tasks = self._listed(hashes)
        return patiently(self.session.patience, progress, self.session.platform, tasks, hashes)

    def _awaited(self) -> list[str]:
        """Return the data hashes of what people are to label.

        A task that was not sent back, because somebody changed it meanwhile, is complete as it was: nobody is asked to
        label it again, and it must not count as if somebody had.
        """
        alone: set[int] = set()
        if self.plan.sends_back:
            skipped = Journal(self.folder.journal, self.plan).progress.skipped
            alone = {
                row for step, rows in skipped.items() if isinstance(self.plan.steps[step], SendBack) for row in rows
            }
        return [task.data_hash for row, task in enumerate(self.plan.selected) if row not in alone]

    def wait(self) -> LabelProgress:
        """Let the annotator label; return once enough is labelled or the deadline has passed.

        Raises
        ------
        Waiting
            If people have to label first, and the run is not to stay meanwhile.
        RateLimited, Unavailable
            If the platform gives no answer, and the run is not to stay. One that stays outlives any outage.
        """
        job = self.session.job
        hashes = self._awaited()
        said = None
        with gauge("labelled by people", len(hashes)) as show:
            while True:
                now = self._label_and_look(hashes)
                if now is not None:
                    show(now.labelled)
                    if now != said:
                        log.info("round %d: %s", self.plan.round, now)
                    said = now
                    if now.share >= job.restore_when.labelled or self._deadline_passed():
                        return now
                    if not job.wait:
                        raise Waiting(self._how_to_continue(now))
                sleep(job.annotator.poll_seconds)

    def _label_and_look(self, hashes: list[str]) -> LabelProgress | None:
        """Return how far people are; None if the platform gives no answer, and the run is to stay anyway."""
        try:
            self.session.job.annotator.label(self.session.platform, hashes, self.session.job.seed)
            return self.progress()
        except (RateLimited, Unavailable) as error:
            if not self.session.job.wait:
                raise
            log.warning("round %d: no answer from the platform; the run waits on: %s", self.plan.round, error)
            return None

    def _listed(self, hashes: list[str]) -> list[Task]:
        return tasks_of(self.session.platform, hashes, self.session.patience)

    def _deadline_passed(self) -> bool:
        deadline = self.session.job.restore_when.deadline
        if deadline is None:
            return False
        if isinstance(deadline, timedelta):
            with self.folder.reading(self.folder.queue):
                ready = datetime.fromisoformat(read_object(self.folder.queue, {"ready_at": str})["ready_at"])
                deadline = ready.astimezone() + deadline
        return datetime.now(UTC) >= deadline

    def _how_to_continue(self, now: LabelProgress) -> str:
        return (
            f"the queue of round {self.plan.round} is ready: {len(self.plan.selected)} tasks wait for people in "
            f"{self.plan.title(self.plan.first_stage)!r} ({now}). When they are labelled, continue with\n"
            f"  {command_for('resume', self.session.folder.path)}"
        )
