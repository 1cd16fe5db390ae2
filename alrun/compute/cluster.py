"""The connection to a Ray cluster: one that is there, or one that is started here and ended afterwards."""

from __future__ import annotations

import atexit
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any

from alrun.compute.threads import thread_limits
from alrun.cores import cores
from alrun.errors import ConfigError

_SECONDS = 10.0
"""How long a cluster may take to answer."""

_lasting = ExitStack()
atexit.register(_lasting.close)


def require_ray(choice: str) -> None:
    """Raise `ConfigError` if Ray is not installed; it names the extra of alrun that brings it.

    Parameters
    ----------
    choice
        What needs it, as people write it, such as ``"launcher=ray"``.
    """
    if find_spec("ray") is None:
        raise ConfigError(f"{choice} needs Ray: pip install 'alrun[ray]'")


def stay_connected(choice: str, address: str | None, cpus: int | None, threads: int) -> None:
    """As `ray_cluster`, until this process ends: to start a cluster takes seconds."""
    _lasting.enter_context(ray_cluster(choice, address, cpus, threads))


def disconnect() -> None:
    """End the connection that `stay_connected` made, if there is one, and with it the tasks that were given out."""
    _lasting.close()


@contextmanager
def ray_cluster(choice: str, address: str | None, cpus: int | None, threads: int) -> Iterator[Any]:
    """Yield the module `ray`, connected; a cluster that was started here, and its files, are gone after the block.

    In a process that is connected already, which is what a task of Ray is, that connection is used and stays.

    Parameters
    ----------
    choice
        What needs it, for messages; see `require_ray`.
    address
        See `alrun.launchers.ray.Ray`; None starts a cluster.
    cpus
        How many processors that one has; None for all of this machine, at least `threads`.
    threads
        How many threads the libraries of each task use.

    Raises
    ------
    ConfigError
        If there is no cluster.
    """
    import ray

    if ray.is_initialized():
        yield ray
        return
    options: dict[str, Any] = {
        "runtime_env": {"env_vars": thread_limits(threads)}, "log_to_driver": False, "logging_level": "ERROR",
    }  # fmt: skip
    files = None
    if address is None:
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")
        files = tempfile.mkdtemp(prefix="alrun-ray-")  # short: the names of its sockets may have 107 bytes
        cpus = cpus or max(threads, cores())
        options |= {"num_cpus": cpus, "include_dashboard": False, "_temp_dir": files}
    try:
        try:
            _check_answers(address)
            ray.init(address=address, **options)
        except (OSError, ValueError, RuntimeError) as error:
            where = address or "this machine"
            raise ConfigError(f"{choice}: no cluster at {where} ({error}). Nothing was started") from None
        yield ray
    finally:
        ray.shutdown()
        if files is not None:
            shutil.rmtree(files, ignore_errors=True)


def _check_answers(address: str | None) -> None:
    """Raise `OSError` if nobody listens at ``HOST:PORT``; Ray itself tries for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host, int(port)), _SECONDS).close()
