"""The contract that every launcher passes. Inherit :class:`LauncherContract` in a test and say which one is meant."""

from __future__ import annotations

import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from alrun.compute.threads import LIBRARIES
from alrun.launchers.base import Launcher

THREADS = 2


def note(folder_name: str) -> None:
    """Do what the name of the folder says, and note that it was done, where, and with which environment."""
    folder = Path(folder_name)
    told = [str(os.getpid()), *(os.environ.get(name, "") for name in LIBRARIES)]
    with (folder / "played").open("a", encoding="utf-8") as file:
        file.write(" ".join(told) + "\n")
    if folder.name.startswith("raises"):
        message = "this job has a bug"
        raise RuntimeError(message)
    if folder.name.startswith("dies"):
        os.kill(os.getpid(), signal.SIGKILL)
    if folder.name.startswith("lasts"):
        time.sleep(60)
    (folder / "finished").touch()


class LauncherContract(ABC):
    """What holds for every launcher.

    Attributes
    ----------
    in_other_processes
        False if a job that is killed takes this process along.
    tries
        How often a job is played whose process dies.
    """

    in_other_processes: ClassVar[bool] = True
    tries: ClassVar[int] = 1

    @abstractmethod
    def launcher(self) -> Launcher:
        """Return the launcher, for at most two jobs at a time."""

    @pytest.fixture
    def sweep(self, tmp_path: Path) -> Path:
        """Return the folder in which the jobs' folders are."""
        return tmp_path / "sweep" / "jobs"

    def folders(self, sweep: Path, names: Sequence[str]) -> list[Path]:
        """Make the jobs' folders."""
        for name in names:
            (sweep / name).mkdir(parents=True)
        return [sweep / name for name in names]

    def test_it_is_a_launcher(self) -> None:
        """It implements the port."""
        assert isinstance(self.launcher(), Launcher)

    def test_every_job_is_played_once_and_another_s_end_is_none_of_its_business(self, sweep: Path) -> None:
        """Jobs that raise or die are yielded like others, and no other job is lost with them."""
        names = ["first", "raises", *(["dies"] if self.in_other_processes else []), "second", "third"]
        folders = self.folders(sweep, names)

        ended = list(self.launcher().launch(note, folders, THREADS))

        assert sorted(ended) == sorted(folders)
        played = {folder.name: (folder / "played").read_text().splitlines() for folder in folders}
        assert {name: len(lines) for name, lines in played.items()} == {
            name: self.tries if name == "dies" else 1 for name in names
        }
        assert {folder.name for folder in folders if (folder / "finished").exists()} == {"first", "second", "third"}
        own = {line.split()[0] == str(os.getpid()) for lines in played.values() for line in lines}
        assert own == {not self.in_other_processes}
        if self.in_other_processes:
            told = {tuple(line.split(" ")[1:]) for lines in played.values() for line in lines}
            assert told == {(str(THREADS),) * len(LIBRARIES)}

    def test_the_environment_here_stays_as_it_is(self, sweep: Path) -> None:
        """Limits are for the jobs' processes."""
        before = {name: os.environ.get(name) for name in LIBRARIES}
        list(self.launcher().launch(note, self.folders(sweep, ["first"]), THREADS))
        assert {name: os.environ.get(name) for name in LIBRARIES} == before

    def test_closing_it_ends_what_is_being_played(self, sweep: Path) -> None:
        """Ctrl-C leaves no process behind."""
        if not self.in_other_processes:
            pytest.skip("nothing is being played while somebody else has the word")
        first, lasts = self.folders(sweep, ["first", "lasts"])
        playing = iter(self.launcher().launch(note, [first, lasts], 1))
        assert next(playing) == first
        while not (lasts / "played").exists():
            time.sleep(0.1)
        process = int((lasts / "played").read_text().split()[0])
        playing.close()  # type: ignore[attr-defined]
        for _ in range(100):
            if not _is_alive(process):
                break
            time.sleep(0.1)
        assert not _is_alive(process)
        assert not (lasts / "finished").exists()


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
