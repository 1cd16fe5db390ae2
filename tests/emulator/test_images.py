"""Signed URLs behave as an object store's do."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests

from alrun.emulator import Emulator, Fault
from alrun.emulator.images import part
from tests.emulator.conftest import START, connect


def url(emulator: Emulator) -> str:
    client = connect(emulator)
    row = client.get_project(emulator.project_hash).list_label_rows_v2()[0]
    assert row.backing_item_uuid is not None
    (item,) = client.get_storage_items([row.backing_item_uuid], sign_url=True)
    return str(item.get_signed_url())


def get(address: str, **headers: str) -> requests.Response:
    return requests.get(address, headers=headers, timeout=10)


def test_an_image_comes_without_any_key(emulator: Emulator) -> None:
    answer = get(url(emulator))
    assert answer.content.startswith(b"\x89PNG")
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Accept-Ranges"] == "bytes"
    head = requests.head(url(emulator), timeout=10)
    assert (head.content, int(head.headers["Content-Length"])) == (b"", len(answer.content))


def test_a_download_is_resumed(emulator: Emulator) -> None:
    address = url(emulator)
    whole = get(address).content
    rest = get(address, Range="bytes=10-")
    assert (rest.status_code, rest.content) == (206, whole[10:])
    assert rest.headers["Content-Range"] == f"bytes 10-{len(whole) - 1}/{len(whole)}"
    assert get(address, Range=f"bytes={len(whole)}-").status_code == 416


@pytest.mark.parametrize(
    ("wanted", "status", "content"),
    [
        ("", 200, b"0123456789"), ("bytes=0-3", 206, b"0123"), ("bytes=8-99", 206, b"89"), ("bytes=-3", 206, b"789"),
        ("bytes=-99", 206, b"0123456789"), ("bytes=10-", 416, b""), ("bytes=5-4", 416, b""),
        ("bytes=-", 200, b"0123456789"), ("bytes=0-1,4-5", 200, b"0123456789"), ("lines=1-2", 200, b"0123456789"),
    ],
)  # fmt: skip
def test_ranges(wanted: str, status: int, content: bytes) -> None:
    got = part(b"0123456789", wanted)
    assert (got[0], got[2]) == (status, content)


def test_a_url_works_for_a_while_and_for_one_image(start: START, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = start(url_seconds=30)
    address = url(emulator)
    assert get(address).status_code == 200
    assert get(address.replace("expires=", "expires=9")).status_code == 403
    assert get(address[:-1] + ("0" if address[-1] != "0" else "1")).status_code == 403
    assert get(address.partition("?")[0]).status_code == 403
    assert get(address.replace("image/", "metadata/")).status_code == 403
    later = time.time() + 31
    monkeypatch.setattr("alrun.emulator.images.time.time", lambda: later)
    assert get(address).status_code == 403


def test_downloads_break_too(emulator: Emulator) -> None:
    address = url(emulator)
    emulator.fail(Fault("GET image", "expired"))
    emulator.fail(Fault("GET image", "half"))
    assert get(address).status_code == 403
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        get(address)
    assert get(address).status_code == 200


def test_an_unknown_item_fails_the_request_whole(emulator: Emulator) -> None:
    from encord.exceptions import AuthorisationError

    client: Any = connect(emulator)
    row = client.get_project(emulator.project_hash).list_label_rows_v2()[0]
    with pytest.raises(AuthorisationError):
        client.get_storage_items([row.backing_item_uuid, "00000000-0000-0000-0000-000000000000"])
