"""An emulator in this process: start it, point clients at it, break it, and look at what came in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from alrun.emulator import transitions
from alrun.emulator.backend import Backend
from alrun.emulator.images import Signer
from alrun.emulator.keys import ROLES, Keyring, User, create_key, read_public_key
from alrun.emulator.policies import Policies
from alrun.emulator.server import Server
from alrun.emulator.traffic import Fault, Faults, Log, Request
from alrun.errors import ConfigError
from alrun.platform.writes import PeopleWrite

T = TypeVar("T")
OWNER = "owner@emulator.example"


class Emulator:
    """Serves a local project over the platform's protocols, on this machine only, until it is closed.

    Parameters
    ----------
    project
        The file of a local project. What the protocol has beyond it goes to a second file beside it.
    policies
        What is guessed about the real server.
    port
        0 takes any free port.
    keys
        A folder for the clients' private keys; None takes one beside the project.

    Raises
    ------
    DataError
        If the file is no local project.
    ConfigError
        If the package `cryptography` is not installed.

    Attributes
    ----------
    url
        What clients give as `domain`.
    log, faults
        What came in; what is to go wrong.
    bugs
        What the emulator itself failed with; leaving the `with` block raises the first.
    """

    def __init__(
        self, project: Path, policies: Policies | None = None, port: int = 0, keys: Path | None = None
    ) -> None:
        if find_spec("cryptography") is None:
            raise ConfigError("the emulator checks signatures with `cryptography`: install alrun[encord]")
        self.policies = policies or Policies()
        self.log = Log()
        self.faults = Faults()
        self.keyring = Keyring()
        self._keys = project.with_name(project.name + ".keys") if keys is None else keys
        self.bugs: list[Exception] = []
        self._closed = False
        self._worker = ThreadPoolExecutor(1, "emulator")
        try:
            self.backend = self.ask(lambda: Backend(project, OWNER, self.policies))
            self._server = Server(port, self)
        except BaseException:
            self._worker.shutdown()
            raise
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.signer = Signer(self.url, self.policies.url_seconds)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Emulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if error is None and self.bugs:
            raise self.bugs[0]

    @cached_property
    def private_key_path(self) -> Path:
        """The private key of :data:`OWNER`, an admin; it is made when it is first asked for."""
        return self.add_user(OWNER)

    @property
    def requests(self) -> list[Request]:
        """Every request so far, in the order of their answers."""
        return self.log.all()

    @property
    def project_hash(self) -> str:
        """What clients give as the project's hash."""
        return self.backend.project.project_id

    def add_user(self, email: str, role: str = "ADMIN") -> Path:
        """Let in another person, with a key of their own; return the private key's file.

        Parameters
        ----------
        role
            One of :data:`~alrun.emulator.keys.ROLES`.
        """
        self._keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._keys / blake2b(email.encode(), digest_size=8).hexdigest()
        self.keyring.add_key(create_key(path), User(email, ROLES[role]))
        return path

    def add_public_key(self, text: str, email: str, role: str = "ADMIN") -> None:
        """Let in whoever has the private half of an OpenSSH public key."""
        self.keyring.add_key(read_public_key(text), User(email, ROLES[role]))

    def add_token(self, token: str, email: str, role: str = "ADMIN") -> None:
        """Let in whoever sends this bearer token."""
        self.keyring.add_token(token, User(email, ROLES[role]))

    def show_as(self, data_hash: str, data_type: str = "image", group: str | None = None) -> None:
        """Show a task as something else than a single image, such as a video or a part of a data group."""
        self.ask(lambda: self.backend.kinds.update({data_hash: (data_type, group)}))

    def fail(self, fault: Fault) -> None:
        """Let something go wrong with requests to come."""
        self.faults.add(fault)

    def act(self, request: PeopleWrite, user: str = OWNER) -> None:
        """Do what a person does in the product, also where the SDK has no call for it, such as skipping a task."""
        self.ask(lambda: transitions.act(self.backend, request, user))

    def ask(self, work: Callable[[], T]) -> T:
        """Run `work` on the thread that owns the project, and return what it returns.

        Raises
        ------
        ConnectionAbortedError
            If the emulator is closed.
        """
        try:
            future = self._worker.submit(work)
        except RuntimeError as error:
            raise ConnectionAbortedError("the emulator is closed") from error
        return future.result()

    def close(self) -> None:
        """Stop listening, and close the project. A second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.ask(self.backend.close)
        self._worker.shutdown()
