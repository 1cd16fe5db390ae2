"""One image over http(s): resumed where it broke off, bounded in size, never half."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from alrun.errors import Unavailable
from alrun.platform.retry import Patience

if TYPE_CHECKING:
    from requests import Response, Session

CHUNK = 1 << 16
TIMEOUT = (10, 60)
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})


class Lost(Exception):
    """The image cannot be had; the message is the reason, without the URL, which is as good as a key."""


class Expired(Exception):
    """The URL does not give access (any more)."""


class Unreachable(Exception):
    """No whole answer came within the patience; the message is the reason."""


@dataclass
class Downloader:
    """Downloads with one pool of connections; for any number of threads.

    Attributes
    ----------
    size
        The most bytes an image may have.
    patience
        How long to try again after a break or an overloaded server.
    """

    session: Session
    size: int
    patience: Patience

    def download(self, url: str) -> bytes:
        """Return the content behind a URL.

        Raises
        ------
        Lost, Expired, Unreachable
        """
        if urlsplit(url).scheme not in {"http", "https"}:
            raise Lost("its address is neither http nor https")
        patience, part = self.patience.fresh(), _Part()
        while True:
            try:
                return self._attempt(url, part)
            except Unavailable as error:
                reason = str(error)
            try:
                patience.pause(Unavailable(reason))
            except Unavailable:
                raise Unreachable(reason) from None

    def _attempt(self, url: str, part: _Part) -> bytes:
        """Fetch what is missing of the image.

        Raises
        ------
        Unavailable
            If the connection broke; `part` keeps what came.
        """
        from requests import RequestException

        try:
            with self.session.get(url, headers=part.headers(), stream=True, timeout=TIMEOUT) as response:
                self._check(response, part)
                for chunk in response.iter_content(CHUNK):
                    part.content += chunk
                    self._check_size(len(part.content))
        except (RequestException, OSError) as error:
            raise Unavailable(f"the connection broke ({type(error).__name__})") from None
        return bytes(part.content)

    def _check(self, response: Response, part: _Part) -> None:
        status = response.status_code
        if status in {401, 403}:
            raise Expired
        if status == 416 or (status == 206 and not part.continued_by(response)):
            part.reset()
            raise Unavailable("the server does not continue where it broke off")
        if status in AGAIN:
            raise Unavailable(f"the server answered {status}")
        if status not in {200, 206}:
            raise Lost(f"the server answered {status}")
        if status == 200:
            part.reset()
        part.etag = response.headers.get("ETag")
        length = response.headers.get("Content-Length", "")
        self._check_size(len(part.content) + (int(length) if length.isdigit() else 0))

    def _check_size(self, size: int) -> None:
        if size > self.size:
            raise Lost(f"too large: more than {self.size // 2**20} MiB")


@dataclass
class _Part:
    """What came of an image so far, and of which version of it."""

    content: bytearray = field(default_factory=bytearray)
    etag: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that ask for the rest, if the image is still the same."""
        plain = {"Accept-Encoding": "identity"}
        if not self.content or self.etag is None or self.etag.startswith("W/"):
            return plain
        return plain | {"Range": f"bytes={len(self.content)}-", "If-Range": self.etag}

    def continued_by(self, response: Any) -> bool:
        """Say whether an answer begins where this part ends."""
        return str(response.headers.get("Content-Range", "")).startswith(f"bytes {len(self.content)}-")

    def reset(self) -> None:
        """Begin anew."""
        self.content.clear()
        self.etag = None


@contextmanager
def connections(threads: int) -> Iterator[Session]:
    """Open a pool of connections; proxies and certificates of the environment count, passwords in ~/.netrc do not."""
    import requests
    from requests.adapters import HTTPAdapter

    with requests.Session() as session:
        session.auth = lambda request: request
        session.max_redirects = 5
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_connections=threads, pool_maxsize=threads))
        yield session
