"""Who sends a request: Ed25519 keys, bearer tokens, and the signatures of both protocols.

v1 signs the SHA-256 digest of the body. v2 signs method, target and body digest as HTTP message signatures
(RFC 9421) do.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import time
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

from alrun.emulator.rejection import Rejection

ROLES = {"ADMIN": 0, "ANNOTATOR": 1, "REVIEWER": 2, "ANNOTATOR_REVIEWER": 3, "TEAM_MANAGER": 4, "VIEWER": 5}
LABEL = "encord-sig"
COVERED = '("@method" "@request-target" "content-digest")'


@dataclass(frozen=True, slots=True)
class User:
    """A person or program with a key, and its role in the project."""

    email: str
    role: int


class Keyring:
    """Everybody who has access, by public key (64 hex digits) or bearer token."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._tokens: dict[str, User] = {}

    def add_key(self, public_key: str, user: User) -> None:
        """Let in whoever has the private half of this key."""
        self._users[public_key] = user

    def add_token(self, token: str, user: User) -> None:
        """Let in whoever sends this token."""
        self._tokens[token] = user

    def v1(self, headers: Message, body: bytes) -> User:
        """Return who sent a v1 request; a 401 if nobody known did."""
        bearer = self._bearer(headers)
        if bearer is not None:
            return bearer
        public_key, _, signature = headers.get("Authorization", "").partition(":")
        if public_key not in self._users:
            raise Rejection(401, "the key is not known here", "SSH_KEY_NOT_FOUND_ERROR")
        try:
            raw = bytes.fromhex(signature)
        except ValueError as error:
            raise Rejection(401, "the signature is not hexadecimal") from error
        _verify(public_key, raw, hashlib.sha256(body).digest())
        return self._users[public_key]

    def v2(self, headers: Message, method: str, target: str, body: bytes, seconds: int | None) -> User:
        """Return who sent a v2 request; a 401 if nobody known did, or too long ago."""
        bearer = self._bearer(headers)
        if bearer is not None:
            return bearer
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        if headers.get("Content-Digest") != digest:
            raise Rejection(401, "the content digest is not that of the body")
        given = headers.get("Signature-Input", "")
        found = re.fullmatch(
            re.escape(f"{LABEL}={COVERED}") + r';created=(\d+);keyid="([0-9a-f]{64})";alg="ed25519"', given
        )
        if found is None:
            raise Rejection(401, f"the signature does not cover {COVERED} with Ed25519")
        created, public_key = int(found[1]), found[2]
        if public_key not in self._users:
            raise Rejection(401, "the key is not known here")
        if seconds is not None and abs(time.time() - created) > seconds:
            raise Rejection(401, f"the signature is not of the last {seconds} s")
        parameters = given.removeprefix(f"{LABEL}=")
        text = (
            f'"@method": {method}\n"@request-target": {target}\n"content-digest": {digest}\n'
            f'"@signature-params": {parameters}'
        )
        encoded = headers.get("Signature", "").removeprefix(f"{LABEL}=:").removesuffix(":")
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise Rejection(401, "the signature is not base 64") from error
        _verify(public_key, raw, text.encode())
        return self._users[public_key]

    def _bearer(self, headers: Message) -> User | None:
        kind, _, token = headers.get("Authorization", "").partition(" ")
        if kind != "Bearer":
            return None
        if token not in self._tokens:
            raise Rejection(401, "the token is not known here")
        return self._tokens[token]


def create_key(path: Path) -> str:
    """Create an OpenSSH Ed25519 private key in `path`, for its owner's eyes only; return the public half in hex.

    A key that is there already is kept.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_ssh_private_key,
    )

    if path.exists():
        key = load_ssh_private_key(path.read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError(f"{path} holds no Ed25519 key")
    else:
        key = Ed25519PrivateKey.generate()
        text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(text)
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def read_public_key(text: str) -> str:
    """Return an OpenSSH public key's (``ssh-ed25519 AAAA...``) in hex.

    Raises
    ------
    ValueError
        If it is none.
    TypeError
        If it is of another kind.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key

    key = load_ssh_public_key(text.encode())
    if not isinstance(key, Ed25519PublicKey):
        raise TypeError("only Ed25519 keys are accepted")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _verify(public_key: str, signature: bytes, message: bytes) -> None:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(signature, message)
    except InvalidSignature as error:
        raise Rejection(401, "the signature does not fit the request") from error
