"""One Ray task for each job, on a cluster of its own or on one that is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Ge

from alrun.compute.cluster import ray_cluster, require_ray
from alrun.launchers.base import Play


@dataclass(frozen=True)
class Ray:
    """Plays each job as one task of Ray core, which starts it again elsewhere if its machine is lost.

    Parameters
    ----------
    address
        Of a cluster (``"auto"``, ``"HOST:6379"`` or ``"ray://HOST:10001"``); it must reach the sweep's folder and
        the cache under the same paths, and have alrun installed. None starts one on this machine and ends it
        afterwards.
    workers
        How many processors a cluster that is started here has; None takes all.
    retries
        How often Ray starts a job again whose process or machine was lost.

    Raises
    ------
    ConfigError
        If Ray is not installed.

    Notes
    -----
    A cluster that is started here takes no part in token authentication unless ``RAY_AUTH_MODE`` says otherwise;
    for one that is there, set that variable as the cluster does. Never stops a Ray that it did not start.
    """

    address: str | None = None
    workers: Annotated[int, Ge(1)] | None = None
    retries: Annotated[int, Ge(0)] = 3

    def __post_init__(self) -> None:
        require_ray("launcher=ray")

    def launch(self, play: Play, folders: Sequence[Path], threads: int) -> Iterator[Path]:
        """Hand all jobs to Ray; yield each when its task is over."""
        with ray_cluster("launcher=ray", self.address, self.workers, threads) as ray:
            task = ray.remote(num_cpus=threads, max_retries=self.retries)(play)
            running = {task.remote(str(folder)): folder for folder in folders}
            while running:
                over, _ = ray.wait(list(running), num_returns=1)
                for reference in over:
                    yield running.pop(reference)
