"""The key, the domain and the SDK's client. The key is in no message, cause or context of any error."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import uuid4

from alrun import __version__
from alrun.errors import ConfigError
from alrun.platform.keys import HOW, KEY, KEY_FILE, holds_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from encord import EncordUserClient

log = logging.getLogger("alrun")

DOMAIN = "ENCORD_DOMAIN"
EUROPE = "https://api.encord.com"

CONNECT_TIMEOUT = 30
TIMEOUT = 180


@dataclass
class Trace:
    """Names each request for the platform's support, and thereby counts them.

    The SDK asks once for every request it sends, since it is told not to retry by itself.
    """

    run: str = field(default_factory=lambda: uuid4().hex)
    requests: int = 0

    def __call__(self) -> str:
        """Return the next request's trace id."""
        self.requests += 1
        return f"{self.run}/{self.requests};o=1"


@dataclass(frozen=True)
class Key:
    """An OpenSSH private key of kind Ed25519.

    `fingerprint` stands for its owner where no e-mail address is known; `origin` says which setting names the key.
    """

    text: str = field(repr=False)
    fingerprint: str
    origin: str


def load_key(key_file: str | None, environment: Mapping[str, str] = os.environ) -> Key:
    """Load the key that the config or the environment names, in the order of `HOW`.

    A file that the config names and that is not on this machine gives way to what the environment names: a run goes
    on with its own config, and the key may lie elsewhere by then.

    Raises
    ------
    ConfigError
        If there is none, or it is no Ed25519 key in OpenSSH format without a passphrase.
    """
    named = next((name for name in (KEY_FILE, KEY) if environment.get(name)), None)
    if key_file and named is not None and not holds_key(key_file) and not _exists(key_file):
        log.warning("platform.key_file: there is no %s: the key of %s is taken", key_file, named)
        key_file = None
    if key_file:
        text, origin = _read(key_file, "platform.key_file"), "platform.key_file"
    elif environment.get(KEY_FILE):
        text, origin = _read(environment[KEY_FILE], KEY_FILE), KEY_FILE
    elif environment.get(KEY):
        text, origin = environment[KEY], KEY
        if not holds_key(text):
            raise ConfigError(
                f"{KEY} does not hold the content of a private key. If it holds a path, name it {KEY_FILE} instead"
            )
    else:
        raise ConfigError(f"there is no key for the platform: {HOW}")
    return Key(text, _fingerprint(_parsed(text, origin)), origin)


def domain_of(given: str | None, environment: Mapping[str, str] = os.environ) -> str:
    """Return the platform's address, as configured, from the environment, or the European one.

    Raises
    ------
    ConfigError
        If it is no ``https://host``; plain http is for this machine only.
    """
    domain = given or environment.get(DOMAIN) or EUROPE
    parts = urlsplit(domain)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.path.strip("/"):
        raise ConfigError(
            "platform.domain is not an address such as https://api.encord.com or https://api.us.encord.com: give "
            "scheme and host, without user, path or key"
        )
    if parts.scheme == "http" and not _is_here(parts.hostname):
        raise ConfigError(
            f"platform.domain {domain!r} is plain http: use https, which alone keeps what is sent private"
        )
    return domain.rstrip("/")


def connect(key: Key, domain: str, trace: Trace) -> EncordUserClient:
    """Return a client of the SDK; nothing is sent yet. Its own retries are off: `alrun.platform.retry` decides."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the SDK's own, which nobody here can mend
        from encord import EncordUserClient
        from encord.http.constants import RequestsSettings

    logger = logging.getLogger("encord")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)  # it shows the beginning of every request, labels included
    settings = RequestsSettings(
        max_retries=0,
        connection_retries=0,
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=TIMEOUT,
        write_timeout=TIMEOUT,
        trace_id_provider=trace,
    )
    return EncordUserClient.create_with_ssh_private_key(
        key.text, requests_settings=settings, domain=domain, user_agent_suffix=f"alrun/{__version__}"
    )


def _exists(path: str) -> bool:
    return os.path.exists(os.path.expanduser(path))  # noqa: PTH110, PTH111 -- which raise for no path at all


def _read(path: str, origin: str) -> str:
    if holds_key(path):
        raise ConfigError(f"{origin} holds the content of a key, not the path of one: {HOW}")
    try:
        content = Path(path).expanduser().read_bytes()
    except OSError as error:
        reason = error.strerror
    else:
        return content.decode("ascii", "replace")
    raise ConfigError(f"{origin}: {path}: {reason}. {HOW[0].upper()}{HOW[1:]}")


def _parsed(text: str, origin: str) -> Ed25519PrivateKey:
    """Parse the key here rather than in the SDK, whose own error contains it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    try:
        key = load_ssh_private_key(text.encode(), None)
    except TypeError:
        fault = "is protected by a passphrase: give a key without one"
    except Exception:  # noqa: BLE001  whatever the parser says may quote the key
        fault = "is not a private key in OpenSSH format"
    else:
        if isinstance(key, Ed25519PrivateKey):
            return key
        fault = "is not an Ed25519 key: the platform takes no other kind"
    raise ConfigError(f"the key of {origin} {fault} (ssh-keygen -t ed25519 makes one; register its public half)")


def _fingerprint(key: Ed25519PrivateKey) -> str:
    return "key:" + sha256(key.public_key().public_bytes_raw()).hexdigest()[:16]


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
