"""One Slurm job for each job of the sweep, through submitit."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt

from alrun.compute.threads import thread_limits
from alrun.errors import ConfigError
from alrun.launchers.base import Play, environment

CANCEL_SECONDS = 10.0
"""How long to wait for jobs that were cancelled."""


@dataclass(frozen=True)
class Slurm:
    """Submits the jobs as one Slurm array and waits for them.

    What Slurm printed, and submitit's own files, are in `slurm/` of the sweep's folder. Ctrl-C and SIGTERM cancel the
    jobs; if this process is killed (SIGKILL) they go on, and the same command later does what they left. That a job was
    killed is known from Slurm's accounting (sacct): a cluster without it keeps this process waiting.

    Parameters
    ----------
    cluster
        ``"slurm"``, or ``"local"``, which starts the same processes on this machine, all at once: to try a sweep
        before it is submitted.
    minutes
        When Slurm ends a job that has not ended itself.
    at_once
        How many jobs may run at the same time.
    memory_gb
        None takes the partition's default.
    partition
        None takes the cluster's default.
    options
        Other options of sbatch, by their long names: ``{account: vision, qos: low}``.
    poll_seconds
        How often to ask Slurm.

    Raises
    ------
    ConfigError
        If submitit is not installed.
    """

    cluster: Literal["slurm", "local"] = "slurm"
    minutes: Annotated[int, Ge(1)] = 240
    at_once: Annotated[int, Ge(1)] = 64
    memory_gb: Annotated[float, Gt(0)] | None = None
    partition: str | None = None
    options: Mapping[str, str | int] = field(default_factory=dict)
    poll_seconds: Annotated[float, Gt(0)] = 5.0

    def __post_init__(self) -> None:
        if find_spec("submitit") is None:
            raise ConfigError("launcher=slurm needs submitit: pip install 'alrun[slurm]'")

    def launch(self, play: Play, folders: Sequence[Path], threads: int) -> Iterator[Path]:
        """Submit the jobs; yield each when Slurm says that it is over."""
        executor = self._executor(folders[0].parent.parent / "slurm", threads)
        with environment(thread_limits(threads)):
            jobs = executor.map_array(play, [str(folder) for folder in folders])
        running = dict(zip(folders, jobs, strict=True))
        try:
            while running:
                over = [folder for folder, job in running.items() if job.done()]
                for folder in over:
                    del running[folder]
                    yield folder
                if not over:
                    sleep(self.poll_seconds)
        finally:
            for job in running.values():
                job.cancel()
            end = monotonic() + CANCEL_SECONDS
            while not all(job.done() for job in running.values()) and monotonic() < end:
                sleep(min(0.1, self.poll_seconds))

    def _executor(self, folder: Path, threads: int) -> Any:
        """Return submitit's executor with the limits that the config sets."""
        from submitit import AutoExecutor

        try:
            executor = AutoExecutor(folder=folder, cluster=self.cluster)
        except RuntimeError as error:
            raise ConfigError(f"launcher=slurm: {error}. To try it on this machine: launcher.cluster=local") from None
        executor.update_parameters(
            name="alrun",
            timeout_min=self.minutes,
            cpus_per_task=threads,
            **({} if self.memory_gb is None else {"mem_gb": self.memory_gb}),
            slurm_array_parallelism=self.at_once,
            slurm_setup=[f"export {name}={shlex.quote(value)}" for name, value in thread_limits(threads).items()],
            slurm_additional_parameters=dict(self.options),
            **({} if self.partition is None else {"slurm_partition": self.partition}),
        )
        return executor
