"""Who may use the emulator: keys, signatures, tokens and roles."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from typing import Any

import pytest

from alrun.emulator import Emulator
from alrun.emulator.keys import create_key
from tests.emulator.conftest import START, connect


def test_the_key_is_for_its_owner_only_and_lasts(emulator: Emulator) -> None:
    key = emulator.private_key_path
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    first = create_key(key)
    assert create_key(key) == first
    assert key.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY-----")


def test_a_strange_key_is_refused_by_both_protocols(emulator: Emulator, tmp_path: Path) -> None:
    from encord.exceptions import AuthenticationError, SshKeyNotFound

    known = connect(emulator).get_project(emulator.project_hash)
    create_key(tmp_path / "stranger")
    stranger = connect(emulator, tmp_path / "stranger")
    with pytest.raises(AuthenticationError):
        stranger.get_project(emulator.project_hash)
    known._client._querier._config = stranger._config.config
    with pytest.raises(SshKeyNotFound):
        known.list_label_rows_v2()
    assert [request.status for request in emulator.requests[-2:]] == [401, 401]
    assert [request.user for request in emulator.requests[-2:]] == [None, None]


def test_a_request_that_was_tampered_with_is_refused(emulator: Emulator) -> None:
    import requests

    config = connect(emulator)._config.config
    address = f"{emulator.url}/v2/public/projects/{emulator.project_hash}"

    def send(change: str) -> int:
        body = b'{"priorities": []}'
        prepared = requests.Request("POST", f"{address}/priorities", data=body).prepare()
        signed = config.define_headers_v2(prepared)
        if change == "body":
            signed.body = b'{"priorities": [1]}'[: len(body)]
        if change == "target":
            signed.url = f"{address}/priorities?more=1"
        if change == "method":
            signed.method = "PUT"
        if change:
            signed.headers[change] = "x" if change in signed.headers else ""
        with requests.Session() as session:
            return session.send(signed, timeout=10).status_code

    assert send("") == 200
    for change in ("body", "target", "method", "Content-Digest", "Signature-Input", "Signature"):
        assert send(change) == 401, change


def test_v1_bodies_are_signed(emulator: Emulator) -> None:
    import requests

    config = connect(emulator)._config.config
    body = '{"query_type": "labelrowmetadata", "query_method": "GET", "values": {"uid": null, "payload": {}}}'
    headers = config.define_headers(emulator.project_hash, "project", body)
    address = f"{emulator.url}/public"
    assert requests.post(address, body, headers=headers, timeout=10).json()["status"] == 200
    assert requests.post(address, body + " ", headers=headers, timeout=10).json() == {
        "status": 401,
        "response": ["AUTHENTICATION_ERROR"],
        "payload": "the signature does not fit the request",
    }
    headers["Authorization"] = headers["Authorization"].partition(":")[0] + ":nothing"
    assert requests.post(address, body, headers=headers, timeout=10).json()["status"] == 401


@pytest.mark.parametrize(("seconds", "status"), [(60, 401), (None, 200)])
def test_an_old_signature_is_refused_as_the_policy_says(
    start: START, monkeypatch: pytest.MonkeyPatch, seconds: int | None, status: int
) -> None:
    import requests

    emulator = start(signature_seconds=seconds)
    request = requests.Request("GET", f"{emulator.url}/v2/public/projects/{emulator.project_hash}").prepare()
    signed = connect(emulator)._config.config.define_headers_v2(request)
    later = time.time() + 61
    monkeypatch.setattr("alrun.emulator.keys.time.time", lambda: later)
    with requests.Session() as session:
        assert session.send(signed, timeout=10).status_code == status


def test_bearer_tokens(emulator: Emulator) -> None:
    from encord import EncordUserClient
    from encord.exceptions import AuthenticationError

    emulator.add_token("a token", "bob@example.org")
    client = EncordUserClient.create_with_bearer_token("a token", domain=emulator.url)
    project = client.get_project(emulator.project_hash)
    assert len(project.list_label_rows_v2()) == 6
    assert {request.user for request in emulator.requests} == {"bob@example.org"}
    with pytest.raises(AuthenticationError):
        EncordUserClient.create_with_bearer_token("another", domain=emulator.url).get_project(emulator.project_hash)


def test_everybody_acts_in_their_own_name(emulator: Emulator) -> None:
    project = connect(emulator).get_project(emulator.project_hash)
    for number, name in enumerate(("ann@example.org", "bob@example.org")):
        theirs: Any = connect(emulator, emulator.add_user(name)).get_project(emulator.project_hash)
        next(
            iter(theirs.workflow.stages[0].get_tasks(data_hash=project.list_label_rows_v2()[number].data_hash))
        ).submit()
    actors = {row.last_actioned_by_user_email for row in project.list_label_rows_v2()}
    assert actors == {None, "ann@example.org", "bob@example.org"}


def test_only_managers_use_the_project_unless_the_policy_says_so(start: START) -> None:
    from encord.exceptions import AuthorisationError

    strict = start()
    with pytest.raises(AuthorisationError):
        connect(strict, strict.add_user("ann@example.org", "ANNOTATOR")).get_project(strict.project_hash)
    manager = connect(strict, strict.add_user("bob@example.org", "TEAM_MANAGER")).get_project(strict.project_hash)
    assert manager.user_role is not None
    assert manager.user_role.name == "TEAM_MANAGER"
    open_to_all = start(managers_only=False)
    ann = connect(open_to_all, open_to_all.add_user("ann@example.org", "ANNOTATOR"))
    role = ann.get_project(open_to_all.project_hash).user_role
    assert role is not None
    assert role.name == "ANNOTATOR"


def test_another_project_does_not_exist(emulator: Emulator) -> None:
    from encord.exceptions import AuthorisationError, ResourceNotFoundError

    client = connect(emulator)
    with pytest.raises(ResourceNotFoundError):
        client.get_project("00000000-0000-0000-0000-000000000000")
    project = client.get_project(emulator.project_hash)
    project._client._querier.resource_id = "00000000-0000-0000-0000-000000000000"
    with pytest.raises(AuthorisationError):
        project.list_label_rows_v2()
