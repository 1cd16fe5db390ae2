"""Private keys where they do not belong: recognised by what they look like, and never repeated in what is said of them.

Encodings that a key is usually copied in are known: a PEM block, whole or torn at its spaces and line ends as a shell
does without quotes; its body alone, in one piece or several lines; and base64 of the whole file. A single line from
the middle of a key looks like any other text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

KEY_FILE = "ENCORD_SSH_KEY_FILE"
KEY = "ENCORD_SSH_KEY"
HOW = f"give platform.key_file or {KEY_FILE} the path of the key, or {KEY} its content"

_BLOCK = re.compile(r"-{5}\s*(BEGIN|END)\b|PRIVATE\s+KEY")
_LINES = re.compile(r"[A-Za-z0-9+/]{60,}\s+[A-Za-z0-9+/]{60,}")
_BODY = re.compile(
    "b3BlbnNzaC1rZXktdjE"  # openssh-key-v1
    "|CAQ[AE]wBQYDK2Vw"  # PKCS #8 of Ed25519, without and with the public half
    "|IBADANBgkqhkiG9w0B"  # PKCS #8 of RSA
    "|LS0tLS1CRUdJTi"  # -----BEGIN
)
_SETTING = re.compile(r"[+~]{0,2}([a-z][a-z0-9_.@/]{0,60})")
"""A name that may be shown; without capitals, which every piece of a key has."""


def holds_key(text: str) -> bool:
    """Say whether a text holds a private key, or a piece of one that begins or ends it."""
    return bool(_BLOCK.search(text) or _LINES.search(text) or _BODY.search(re.sub(r"\s", "", text)))


def key_among(arguments: Sequence[str]) -> str | None:
    """Return what to say if the words of a command line hold a private key, together or one of them; else None."""
    if not holds_key(" ".join(arguments)):
        return None
    first = next((argument for argument in arguments if holds_key(argument)), "")
    name, given, _ = first.partition("=")
    shown = _SETTING.fullmatch(name) if given else None
    where = shown[1] if shown else "the command line"
    return (
        f"{where} holds the content of a private key, which is not shown here: nothing was started or written. "
        f"{HOW[0].upper()}{HOW[1:]}"
    )
