"""One Ray task for each job, on a cluster of its own or on one that is there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from annotated_types import Ge

from alrun.errors import ConfigError
from alrun.launchers.base import Play, thread_limits


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
        if find_spec("ray") is None:
            raise ConfigError("launcher=ray needs Ray: pip install 'alrun[ray]'")

    def launch(self, play: Play, folders: Sequence[Path], threads: int) -> Iterator[Path]:
        """Hand all jobs to Ray; yield each when its task is over."""
        with self._cluster(threads) as ray:
            task = ray.remote(num_cpus=threads, max_retries=self.retries)(play)
            running = {task.remote(str(folder)): folder for folder in folders}
            while running:
                over, _ = ray.wait(list(running), num_returns=1)
                for reference in over:
                    yield running.pop(reference)

    @contextmanager
    def _cluster(self, threads: int) -> Iterator[Any]:
        """Connect to the cluster, or start one whose files are gone when the block ends."""
        import ray

        options: dict[str, Any] = {
            "runtime_env": {"env_vars": thread_limits(threads)}, "log_to_driver": False, "logging_level": "ERROR",
        }  # fmt: skip
        files = None
        if self.address is None:
            os.environ.setdefault("RAY_AUTH_MODE", "disabled")
            files = tempfile.mkdtemp(prefix="alrun-ray-")  # short: the names of its sockets may have 107 bytes
            cpus = self.workers or max(threads, len(os.sched_getaffinity(0)))
            options |= {"num_cpus": cpus, "include_dashboard": False, "_temp_dir": files}
        try:
            try:
                ray.init(address=self.address, **options)
            except (ConnectionError, ValueError, RuntimeError) as error:
                where = self.address or "this machine"
                raise ConfigError(f"launcher=ray: no cluster at {where} ({error}). Nothing was started") from None
            yield ray
        finally:
            ray.shutdown()
            if files is not None:
                shutil.rmtree(files, ignore_errors=True)
