"""The SDK against the emulator over HTTP passes the contract that every platform passes."""

from __future__ import annotations

from pathlib import Path

from alrun.platform.port import Contents, Platform
from alrun.platform.testing import PlatformContract
from alrun.platform.writes import Complete
from alrun.types import TaskStatus
from tests.encord.world import Crew, serve


class TestEncord(PlatformContract):
    def create(self, contents: Contents, folder: Path) -> Platform:
        self.emulator = serve(folder, contents)
        return Crew(self.emulator, folder)

    def shows(self, status: TaskStatus) -> TaskStatus:
        """Return `new` for all that a listing does not show."""
        shown = {TaskStatus.ASSIGNED, TaskStatus.SKIPPED, TaskStatus.COMPLETED}
        return status if status in shown else TaskStatus.NEW

    def test_every_request_counts_also_one_that_fails(self) -> None:
        """What the platform counts is what the emulator saw; what is refused here is not sent."""
        uninitialised = self.refs(1)
        self.platform.write(Complete(self.initialised(0)))
        with self.refused():
            self.platform.write(Complete(uninitialised))
        assert self.platform.requests == len(self.emulator.requests)
