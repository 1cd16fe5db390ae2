"""The HTTP server: from bytes to a handler's answer and back, with faults on the way and everything in the log."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from alrun.emulator import images, rest, rows, rpc
from alrun.emulator.backend import Backend
from alrun.emulator.call import Call
from alrun.emulator.images import Signer
from alrun.emulator.keys import Keyring, User
from alrun.emulator.policies import Policies
from alrun.emulator.rejection import Rejection, translated
from alrun.emulator.traffic import Fault, Faults, Log, Request
from alrun.errors import PlatformError

V1 = ("/public", "/public/user")
MANAGERS = (0, 4)

T = TypeVar("T")


class Served(Protocol):
    """What the server needs of its emulator; see :class:`alrun.emulator.emulator.Emulator`."""

    policies: Policies
    keyring: Keyring
    backend: Backend
    signer: Signer
    faults: Faults
    log: Log
    bugs: list[Exception]

    def ask(self, work: Callable[[], T]) -> T:
        """Run `work` on the thread that owns the project, and return what it returns."""


@dataclass
class Reply:
    """What goes back to the client."""

    status: int
    content: bytes
    headers: dict[str, str] = field(default_factory=dict)
    logged_status: int | None = None
    user: str | None = None
    answered: int = 0


@dataclass(frozen=True)
class Incoming:
    """A request as it came."""

    method: str
    target: str
    headers: Message
    body: bytes

    @property
    def path(self) -> str:
        """The target without its query."""
        return urlsplit(self.target).path

    def json(self) -> Any:
        """Return the body's JSON; None without any, or if it is none."""
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None


class Server(ThreadingHTTPServer):
    """Listens on this machine only; a thread a connection."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, emulator: Served) -> None:
        super().__init__(("127.0.0.1", port), partial(Handler, emulator))

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hung up; everything else is a bug and is shown."""
        import sys

        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def __init__(self, emulator: Served, *args: Any) -> None:
        self._emulator = emulator
        super().__init__(*args)

    def log_message(self, *_: Any) -> None:
        """Stay silent: the emulator keeps its own log."""

    def _serve(self) -> None:
        began = time.time()
        size = int(self.headers.get("Content-Length") or 0)
        limit = self._emulator.policies.body_bytes
        body = self.rfile.read(size)  # also one that is too large: who hangs up on a sender is not heard
        incoming = Incoming(self.command, self.path, self.headers, body)
        asked = incoming.json()
        name, sent = _name(incoming, asked)
        if size > limit:
            reply, fault = _json(413, {"message": f"the body has {size} bytes: at most {limit} are allowed"}), None
        else:
            fault = self._emulator.faults.strike(name)
            try:
                reply = self._with(fault, incoming, asked)
            except ConnectionError:  # the emulator was closed meanwhile
                raise
            except Exception as bug:
                self._emulator.bugs.append(bug)
                raise
        self._emulator.log.add(
            Request(
                name, incoming.method, incoming.path, sent, reply.answered,
                reply.logged_status if reply.logged_status is not None else reply.status,
                reply.user, began, time.time() - began,
            )
        )  # fmt: skip
        self._send(reply, fault)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _with(self, fault: Fault | None, incoming: Incoming, asked: Any) -> Reply:
        """Answer the request, as far as the fault lets it come."""
        if fault is None:
            return answer(self._emulator, incoming, asked)
        done = answer(self._emulator, incoming, asked) if fault.when == "after" or fault.does == "half" else None
        if fault.does == "slow":
            time.sleep(fault.seconds)
        if fault.does == "call" and fault.action is not None:
            fault.action()
        if fault.does in ("slow", "call", "half"):
            return done or answer(self._emulator, incoming, asked)
        reply = _in_place(fault)
        reply.user = None if done is None else done.user
        return reply

    def _send(self, reply: Reply, fault: Fault | None) -> None:
        if reply.status == 0:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        content = reply.content
        if fault is not None and fault.does == "half":
            self.close_connection = True
            content = content[: len(content) // 2]
        if self.command != "HEAD":
            self.wfile.write(content)


def answer(emulator: Served, incoming: Incoming, asked: Any) -> Reply:
    """Carry out a request and return what it is answered with."""
    if incoming.path.startswith(images.PREFIX):
        return _signed(emulator, incoming)
    user: User | None = None
    try:
        user = _user(emulator, incoming)
        response = emulator.ask(partial(_handled, emulator, incoming, asked, user))
    except Rejection as rejection:
        reply = _error(incoming, rejection)
    except PlatformError as error:
        reply = _error(incoming, translated(error))
    else:
        v1 = incoming.path in V1
        reply = _json(200, {"status": 200, "response": response} if v1 else response)
        reply.answered = _answered(response)
    reply.user = None if user is None else user.email
    return reply


def _in_place(fault: Fault) -> Reply:
    """Return what a fault answers in place of the emulator; status 0 is no answer at all."""
    if fault.does == "cut":
        return Reply(0, b"")
    if fault.does == "expired":
        return Reply(403, b"the request has expired", {"Content-Type": "text/plain"})
    reply = _json(fault.status, {"message": f"a fault of the test: {fault.status}"})
    if fault.retry_after is not None:
        reply.headers["Retry-After"] = f"{fault.retry_after:g}"
    return reply


def _user(emulator: Served, incoming: Incoming) -> User:
    if incoming.path in V1:
        return emulator.keyring.v1(incoming.headers, incoming.body)
    seconds = emulator.policies.signature_seconds
    return emulator.keyring.v2(incoming.headers, incoming.method, incoming.target, incoming.body, seconds)


def _handled(emulator: Served, incoming: Incoming, asked: Any, user: User) -> Any:
    if emulator.policies.managers_only and user.role not in MANAGERS:
        raise Rejection(403, "only admins and team managers may use the project")
    backend, sign = emulator.backend, emulator.signer.sign
    if incoming.path in V1:
        if incoming.method != "POST":
            raise Rejection(405, "v1 requests are sent by POST")
        return rpc.answer(
            Call(backend, user.email, user.role, sign, body=asked), incoming.headers.get("ResourceID", "")
        )
    found = rest.find(incoming.method, incoming.path)
    if found is None:
        raise Rejection(501, f"the emulator knows no route {incoming.method} {incoming.path}")
    route, args = found
    if "{p}" in route.path and args[0] != backend.project.project_id:
        raise Rejection(404, f"there is no project {args[0]}")
    query = parse_qs(urlsplit(incoming.target).query, keep_blank_values=True)
    return route.handler(Call(backend, user.email, user.role, sign, args, query, asked))


def _signed(emulator: Served, incoming: Incoming) -> Reply:
    fault = emulator.signer.fault(incoming.target)
    if incoming.method not in ("GET", "HEAD"):
        return Reply(405, b"")
    if fault is not None:
        return Reply(403, fault.encode(), {"Content-Type": "text/plain"})
    kind, data_hash = incoming.path.removeprefix(images.PREFIX).split("/")
    if kind == "metadata":
        return _json(200, emulator.ask(lambda: _metadata(emulator, data_hash)))
    path, types = emulator.ask(lambda: (emulator.backend.image(data_hash), emulator.backend.mime_types([data_hash])))
    if path is None:
        return Reply(404, b"there is no such image", {"Content-Type": "text/plain"})
    status, headers, content = images.part(path.read_bytes(), incoming.headers.get("Range", ""))
    return Reply(status, content, {"Content-Type": types[data_hash], **headers}, answered=len(content))


def _metadata(emulator: Served, data_hash: str) -> Any:
    tasks = emulator.backend.tasks([data_hash])
    return rows.client_metadata(emulator.backend, tasks).get(data_hash, {})


def _name(incoming: Incoming, asked: Any) -> tuple[str, int]:
    """Return what the log calls a request, and how many items it names."""
    if incoming.path in V1:
        return rpc.name(asked), len(rpc.uids(asked))
    if incoming.path.startswith(images.PREFIX):
        return f"{incoming.method} {incoming.path.split('/')[2]}", 0
    found = rest.find(incoming.method, incoming.path)
    return (f"{incoming.method} {incoming.path}" if found is None else found[0].name), rest.sent(asked)


def _answered(response: Any) -> int:
    if isinstance(response, list):
        return len(response)
    results = response.get("results", response.get("labels")) if isinstance(response, dict) else None
    return len(results) if isinstance(results, list) else 0


def _error(incoming: Incoming, rejection: Rejection) -> Reply:
    """Return an error in the words of the protocol: v1 says it within an answer of HTTP status 200."""
    if incoming.path in V1:
        envelope = {"status": rejection.status, "response": [rejection.kind], "payload": rejection.payload}
        reply = _json(rejection.status if rejection.status in (501, 503) else 200, envelope)
        reply.logged_status = rejection.status
        return reply
    return _json(rejection.status, {"message": rejection.message})


def _json(status: int, content: Any) -> Reply:
    return Reply(status, json.dumps(content).encode(), {"Content-Type": "application/json"})
