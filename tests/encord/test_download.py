"""A download is whole or is none, goes on where it broke off, and believes nothing that a server says of itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from alrun.platform.encord.download import Downloader, Expired, Lost, Unreachable, connections
from alrun.platform.retry import Patience

CONTENT = bytes(range(256)) * 1024
HALF = len(CONTENT) // 2

Answer = Callable[[BaseHTTPRequestHandler], None]


IMPATIENT = Patience(first=0.001, deadline=0.2)


@contextmanager
def store(*answers: Answer) -> Iterator[tuple[str, list[dict[str, str]]]]:
    """Serve one answer after the other, the last one for ever; yields the address and the headers that came."""
    seen: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append(dict(self.headers))
            answers[min(len(seen), len(answers)) - 1](self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/image?signature=secret", seen
        finally:
            server.shutdown()
            thread.join()


def answer(status: int = 200, content: bytes = CONTENT, *, length: int | None = None, **headers: str) -> Answer:
    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(content) if length is None else length))
        for name, value in filter(lambda item: item[1], headers.items()):
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(content)
        request.close_connection = length is not None

    return send


broken = answer(content=CONTENT[:HALF], length=len(CONTENT), ETag='"1"')
rest = answer(206, CONTENT[HALF:], Content_Range=f"bytes {HALF}-{len(CONTENT) - 1}/{len(CONTENT)}", ETag='"1"')


def download(url: str, size: int = len(CONTENT)) -> bytes:
    with connections(1) as session:
        return Downloader(session, size, IMPATIENT).download(url)


def test_a_download_is_what_the_store_has() -> None:
    with store(answer()) as (url, seen):
        assert download(url) == CONTENT
    assert "Authorization" not in seen[0]


def test_half_a_download_goes_on_where_it_broke_off() -> None:
    with store(broken, rest) as (url, seen):
        assert download(url) == CONTENT
    assert (seen[1]["Range"], seen[1]["If-Range"]) == (f"bytes={HALF}-", '"1"')


def test_a_store_that_begins_anew_is_taken_at_its_word() -> None:
    with store(broken, answer(ETag='"2"')) as (url, _):
        assert download(url) == CONTENT


@pytest.mark.parametrize(
    "wrong",
    [
        answer(206, CONTENT[1:], Content_Range=f"bytes 1-{len(CONTENT) - 1}/{len(CONTENT)}"),
        answer(206, CONTENT[HALF:]),
        answer(416, b""),
    ],
    ids=["elsewhere", "nowhere", "refused"],
)
def test_a_rest_that_does_not_fit_is_thrown_away(wrong: Answer) -> None:
    with store(broken, wrong, answer()) as (url, seen):
        assert download(url) == CONTENT
    assert "Range" not in seen[2]


@pytest.mark.parametrize("etag", ["", 'W/"1"'], ids=["none", "weak"])
def test_without_a_strong_tag_a_half_is_thrown_away(etag: str) -> None:
    with store(answer(content=CONTENT[:HALF], length=len(CONTENT), ETag=etag), answer()) as (url, seen):
        assert download(url) == CONTENT
    assert "Range" not in seen[1]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_overloaded_store_is_asked_again(status: int) -> None:
    with store(answer(status, b""), answer()) as (url, _):
        assert download(url) == CONTENT


def test_a_store_that_never_answers_is_unreachable_after_a_while() -> None:
    with store(answer(503, b"")) as (url, seen), pytest.raises(Unreachable, match="503"):
        download(url)
    assert len(seen) > 1
    with pytest.raises(Unreachable, match="connection"):
        download(url)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_means_that_the_address_expired(status: int) -> None:
    with store(answer(status, b"")) as (url, seen), pytest.raises(Expired):
        download(url)
    assert len(seen) == 1


def test_what_is_not_there_is_lost_at_once() -> None:
    with store(answer(404, b"")) as (url, seen), pytest.raises(Lost, match="404"):
        download(url)
    assert len(seen) == 1


def test_what_is_too_large_is_refused_by_its_header_and_otherwise_by_its_size() -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(CONTENT)
        request.close_connection = True

    for lying in (answer(), endless):
        with store(lying) as (url, seen), pytest.raises(Lost, match="too large"):
            download(url, len(CONTENT) - 1)
        assert len(seen) == 1


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "data:image/png;base64,AA", "/etc/passwd", ""])
def test_only_http_is_followed(url: str) -> None:
    with pytest.raises(Lost, match="http"):
        download(url)


def test_only_http_is_followed_also_from_elsewhere() -> None:
    with store(answer(302, b"", Location="file:///etc/passwd")) as (url, _), pytest.raises(Unreachable):
        download(url)


@pytest.mark.parametrize("wrong", [answer(404, b""), answer(403, b""), answer(503, b"")])
def test_no_error_shows_the_address_which_is_as_good_as_a_key(wrong: Answer) -> None:
    with store(wrong) as (url, _), pytest.raises((Lost, Expired, Unreachable)) as raised:
        download(url)
    assert "secret" not in repr(raised.value)
    assert raised.value.__cause__ is None
