"""One Ray task for each part, on a cluster of its own or on one that is there."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from socket import gethostname
from typing import Annotated, Any, ClassVar

from annotated_types import Ge

from alrun.compute.base import P, R
from alrun.compute.cluster import disconnect, require_ray, stay_connected
from alrun.errors import ConfigError, StateError

log = logging.getLogger("alrun")

THREADS = 1
"""How many processors a task takes, and how many threads the libraries in it use."""


@dataclass(frozen=True)
class Ray:
    """Works on each part in one task of Ray core, which starts it again elsewhere if its machine is lost.

    Results travel back through Ray, and this process alone writes. They come in the order of the parts, so that what
    is kept does not show who computed it. A single part is not worth a cluster: it is done here.

    Attributes
    ----------
    address
        Of a cluster (``"auto"``, ``"HOST:6379"`` or ``"ray://HOST:10001"``). Its machines must reach the folder that
        alrun was started in and the cache under the same paths, and have the same packages. None starts one on this
        machine and ends it with the process.
    workers
        How many processors a cluster that is started here has; None takes all.
    images
        How many images a task works on.
    at_once
        How many tasks are given out and not collected yet; so many results at most wait in Ray's memory, and a kill
        of this process loses so many at most.
    gpus
        Which share of a GPU a task takes; without one, it sees none.
    retries
        How often Ray starts a task again whose process or machine was lost.

    Raises
    ------
    ConfigError
        If Ray is not installed.
    """

    elsewhere: ClassVar[bool] = True

    address: str | None = None
    workers: Annotated[int, Ge(1)] | None = None
    images: Annotated[int, Ge(1)] = 512
    at_once: Annotated[int, Ge(1)] = 64
    gpus: Annotated[float, Ge(0)] = 0
    retries: Annotated[int, Ge(0)] = 3

    def __post_init__(self) -> None:
        require_ray("compute=ray")

    def map(self, work: Callable[[P], R], parts: Sequence[P]) -> Iterator[R]:
        """Yield ``work(part)`` for each part; see :class:`alrun.compute.base.Compute`."""
        if len(parts) < 2:
            yield from map(work, parts)
            return
        ray = self._connected()
        task = ray.remote(num_cpus=THREADS, num_gpus=self.gpus, max_retries=self.retries)(_do)
        sent, here = ray.put(work), str(Path.cwd())
        waiting, given = iter(parts), deque[Any]()
        try:
            while True:
                given.extend(task.remote(sent, part, here) for part in islice(waiting, self.at_once - len(given)))
                if not given:
                    return
                yield _answer(ray, given[0])
                given.popleft()
        finally:
            if given:  # ray.cancel is no way: Ray 2.60 aborts the process if a task is over at that moment
                disconnect()

    def _connected(self) -> Any:
        import ray

        if not ray.is_initialized():
            stay_connected("compute=ray", self.address, self.workers, THREADS)
            _say_where(ray, self.gpus)
        return ray


def _do(work: Callable[[P], R], part: P, folder: str) -> R:
    """Do the work in the folder that alrun was started in: relative paths count from there."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise ConfigError(
            f"compute=ray: {gethostname()} cannot enter {folder} ({error.strerror}). The machines of the cluster must "
            "reach the folder that alrun was started in, and the cache, under the same paths"
        ) from None
    return work(part)


def _answer(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if error.cause is None:
            raise
        raise error.cause from error
    except ray.exceptions.RayError as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise StateError(
            f"compute=ray: a part was given up, its process or machine was lost too often ({reason}). What was done is "
            "kept: start again to go on, with fewer images in a part (compute.images) if memory was short"
        ) from None


def _say_where(ray: Any, gpus: float) -> None:
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    processors, graphics = (sum(one.get(kind, 0) for one in machines) for kind in ("CPU", "GPU"))
    log.info("compute=ray: machines %d, processors %g, GPUs %g", len(machines), processors, graphics)
    if not any(one["CPU"] >= THREADS and one.get("GPU", 0) >= gpus for one in machines):
        log.warning(
            "compute=ray: no machine has the processor and the %g GPUs that a task takes: waiting for one", gpus
        )
