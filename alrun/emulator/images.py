"""Signed URLs, and the images behind them, as an object store serves them."""

from __future__ import annotations

import hmac
import re
import secrets
import time
from urllib.parse import parse_qs, urlencode, urlsplit

PREFIX = "/signed/"


class Signer:
    """Makes and checks URLs that work for a while, for whoever has them.

    Parameters
    ----------
    address
        Where the server is.
    seconds
        How long a URL works.
    """

    def __init__(self, address: str, seconds: float) -> None:
        self._address = address
        self._seconds = seconds
        self._secret = secrets.token_bytes(32)

    def sign(self, kind: str, name: str) -> str:
        """Return a URL of the content of a kind and name."""
        path = f"{PREFIX}{kind}/{name}"
        expires = f"{time.time() + self._seconds:.3f}"
        query = urlencode({"expires": expires, "signature": self._signature(path, expires)})
        return f"{self._address}{path}?{query}"

    def fault(self, target: str) -> str | None:
        """Return why a URL's path and query do not give access; None if they do."""
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        expires, signature = (query.get(name, [""])[0] for name in ("expires", "signature"))
        if not hmac.compare_digest(signature, self._signature(parts.path, expires)):
            return "the signature does not match"
        return "the request has expired" if time.time() > float(expires) else None

    def _signature(self, path: str, expires: str) -> str:
        return hmac.digest(self._secret, f"{path} {expires}".encode(), "sha256").hex()


def part(content: bytes, wanted: str) -> tuple[int, dict[str, str], bytes]:
    """Return the status, headers and bytes that a `Range` header asks for: one range, or all where it names none."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    whole = {"Accept-Ranges": "bytes"}
    if found is None or not (found[1] or found[2]):
        return 200, whole, content
    size = len(content)
    if not found[1]:
        first, last = max(0, size - int(found[2])), size - 1
    else:
        first, last = int(found[1]), min(int(found[2] or size - 1), size - 1)
    if first > last or first >= size:
        return 416, {**whole, "Content-Range": f"bytes */{size}"}, b""
    return 206, {**whole, "Content-Range": f"bytes {first}-{last}/{size}"}, content[first : last + 1]
