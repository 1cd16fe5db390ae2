"""Several jobs at a time, in processes on this machine that are used again for the next job."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Annotated

from annotated_types import Ge

from alrun.compute.threads import thread_limits
from alrun.cores import cores
from alrun.launchers.base import Play, environment

log = logging.getLogger("alrun")


@dataclass(frozen=True)
class Processes:
    """Plays jobs in `workers` processes that are started anew, not forked: none inherits threads or locks.

    A worker is given one job at a time. One that dies costs the job that it was at, and is replaced.

    Parameters
    ----------
    workers
        None takes as many as the processors that this process may use have room for `threads` each.
    """

    workers: Annotated[int, Ge(1)] | None = None

    def launch(self, play: Play, folders: Sequence[Path], threads: int) -> Iterator[Path]:
        """Play the jobs; the environment tells each worker's libraries to use `threads` threads."""
        count = self.workers or max(1, cores() // threads)
        waiting = deque(folders)
        workers: dict[Connection, _Worker] = {}
        try:
            while waiting or workers:
                while waiting and len(workers) < count:
                    worker = _Worker.start(play, threads)
                    workers[worker.connection] = worker
                    worker.give(waiting.popleft())
                for connection in wait(list(workers)):
                    worker = workers[connection]  # type: ignore[index]
                    alive = worker.answered()
                    yield worker.folder
                    if alive and waiting:
                        worker.give(waiting.popleft())
                    else:
                        workers.pop(worker.connection).end()
        finally:
            for worker in workers.values():
                worker.end()


@dataclass
class _Worker:
    """A process that plays the jobs it is given; `folder` is the job that it is at."""

    process: multiprocessing.context.SpawnProcess
    connection: Connection
    folder: Path = Path()

    @staticmethod
    def start(play: Play, threads: int) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, play), daemon=True)
        with environment(thread_limits(threads)):
            process.start()
        theirs.close()  # the worker's copy is the only one, so that its death ends the connection
        return _Worker(process, ours)

    def give(self, folder: Path) -> None:
        self.folder = folder
        with suppress(OSError):  # it has died, and `answered` will tell
            self.connection.send_bytes(os.fsencode(folder))

    def answered(self) -> bool:
        """Return whether the job is over; False if the worker has died instead."""
        try:
            self.connection.recv_bytes()
        except (EOFError, OSError):
            self.process.join()
            log.error("the process of the job in %s was killed (exit code %s)", self.folder, self.process.exitcode)  # noqa: TRY400
            return False
        return True

    def end(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()


def _work(connection: Connection, play: Play) -> None:
    """Play what is given until nobody gives any more; Ctrl-C is for the process that gives."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        while True:
            folder = os.fsdecode(connection.recv_bytes())
            try:
                play(folder)
            except Exception:
                log.exception("the job in %s ended with an error", folder)
            connection.send_bytes(b"over")
