"""The server as a program: routes it has not, its log, its files, its command line, many clients, many tasks."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import requests

from alrun.emulator import OWNER, Emulator, Policies
from alrun.emulator.keys import create_key
from alrun.errors import DataError
from alrun.files import digest
from alrun.platform.local import LocalProject
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Contents, NewImage
from alrun.platform.testing import ONTOLOGY, small_contents
from alrun.platform.writes import AddTag, Skip
from tests.emulator.conftest import START, connect


def open_project(emulator: Emulator, user: str = OWNER) -> Any:
    return connect(emulator, emulator.add_user(user)).get_project(emulator.project_hash)


def test_an_unknown_route_is_loud(emulator: Emulator) -> None:
    from encord.exceptions import GenericServerError, UnknownException

    project = open_project(emulator)
    with pytest.raises(UnknownException, match=r"knows no route POST /v2/public/active/.*/sync"):
        project.active_sync()
    with pytest.raises(GenericServerError, match="knows no v1 query 'labellog GET'"):
        project._client._querier.get_multiple(type("LabelLog", (), {}), payload={})
    assert [(request.name.split("?")[0].split("/")[-1], request.status) for request in emulator.requests[-2:]] == [
        ("sync", 501),
        ("labellog GET", 501),
    ]


def test_other_label_branches_are_loud(emulator: Emulator) -> None:
    from encord.exceptions import GenericServerError

    with pytest.raises(GenericServerError, match="does not play the label branch 'other'"):
        open_project(emulator).list_label_rows_v2(branch_name="other")


def test_the_log_tells_what_was_asked(emulator: Emulator) -> None:
    began = time.time()
    project = open_project(emulator)
    rows = project.list_label_rows_v2()
    with project.create_bundle() as bundle:
        for row in rows[:4]:
            row.initialise_labels(bundle=bundle)
    with project.create_bundle() as bundle:
        for row in rows[:3]:
            row.set_priority(0.1, bundle=bundle)
    assert [(r.name, r.sent, r.answered, r.status) for r in emulator.requests] == [
        ("GET projects/{p}", 0, 0, 200),
        ("GET ontologies/{o}", 0, 0, 200),
        ("labelrowmetadata GET", 0, 6, 200),
        ("labelrow PUT", 4, 4, 200),
        ("POST projects/{p}/priorities", 3, 0, 200),
    ]
    assert all(began <= request.began and request.seconds < 10 for request in emulator.requests)
    assert emulator.log.counts()["labelrow PUT"] == 1
    emulator.log.clear()
    assert emulator.requests == []


def test_a_bug_of_the_emulator_does_not_stay_unseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socketserver.BaseServer.handle_error", lambda *_: None)
    LocalProject().open(tmp_path, lambda: small_contents(tmp_path / "images")).close()
    emulator = Emulator(tmp_path / "project.sqlite")
    monkeypatch.setattr(emulator.backend, "served", None)
    with pytest.raises(Exception, match=r"session\.send failed"):
        open_project(emulator)
    with pytest.raises(AttributeError, match="editor"):
        emulator.__exit__(None, None, None)


def test_the_project_is_one_with_the_local_platforms(emulator: Emulator) -> None:
    project = open_project(emulator)
    with LocalPlatformOf(emulator) as local:
        ref = local.tasks()[0].ref
        local.write(AddTag((ref,), "<b>mine</b>"))
        local.act(Skip((ref,), "ann@example.org"))
    (collection,) = project.list_collections()
    assert collection.name == "<b>mine</b>"
    assert [row.data_hash for row, _ in collection.list_frames()] == [ref.data_hash]
    assert next(iter(project.workflow.stages[0].get_tasks())).status.value == "SKIPPED"
    project.delete_collection(collection.uuid)
    with LocalPlatformOf(emulator) as local:
        assert local.tags() == {}


class LocalPlatformOf:
    def __init__(self, emulator: Emulator) -> None:
        self.platform = LocalPlatform(emulator.backend.path, "local@example.org")

    def __enter__(self) -> LocalPlatform:
        return self.platform

    def __exit__(self, *_: object) -> None:
        self.platform.close()


def test_what_was_done_outlives_the_server(start: START, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    emulator = start()
    project = open_project(emulator)
    row = project.list_label_rows_v2()[0]
    row.initialise_labels()
    row.workflow_complete()
    uuid = project.create_collection("kept", "a description").uuid
    emulator.close()
    with Emulator(tmp_path / "project.sqlite") as again:
        later = open_project(again)
        assert later.get_collection(uuid).description == "a description"
        assert len(list(later.get_task_actions(after=datetime(2000, 1, 1, tzinfo=UTC)))) == 1
        first = later.list_label_rows_v2()[0]
        assert (first.label_hash, first.workflow_graph_node.title) == (row.label_hash, "Complete")


def test_only_a_local_project_is_served(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"nothing")
    for path in (tmp_path / "other", tmp_path / "absent"):
        with pytest.raises(DataError):
            Emulator(path)
        assert not path.with_name(path.name + ".emulator").exists()


def test_it_listens_on_this_machine_only(emulator: Emulator) -> None:
    assert emulator.url.startswith("http://127.0.0.1:")
    assert emulator._server.server_address[0] == "127.0.0.1"


def test_the_command_line_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    from encord import EncordUserClient

    LocalProject().open(tmp_path, lambda: small_contents(tmp_path / "images")).close()
    arguments = ["--project", str(tmp_path / "project.sqlite"), "--policy", "page_size=2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "alrun.emulator", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    said = "".join(islice(process.stdout, 7))
    domain, key = (re.search(pattern, said) for pattern in (r"platform\.domain=(\S+)", r"platform\.key_file=(\S+)"))
    hash_ = re.search(r"platform\.project=(\S+)", said)
    assert domain is not None
    assert key is not None
    assert hash_ is not None
    client = EncordUserClient.create_with_ssh_private_key(ssh_private_key_path=key[1], domain=domain[1])
    assert len(client.get_project(hash_[1]).list_label_rows_v2()) == 6
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=20)
    assert (process.returncode, error) == (0, "")
    assert out.endswith("stopped\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--project", "nowhere"], "nowhere is not a file"),
        (["--project", "nowhere", "--policy", "page_sise=2"], "did you mean 'page_size'?"),
    ],
)
def test_the_command_line_says_what_is_wrong(
    arguments: Sequence[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from alrun.emulator.__main__ import main

    assert main(arguments) == 2
    assert says in capsys.readouterr().err


def test_a_key_of_the_users_own_is_let_in(emulator: Emulator, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key

    path = tmp_path / "mine"
    create_key(path)
    public = load_ssh_private_key(path.read_bytes(), None).public_key()
    text = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    emulator.add_public_key(text, "me@example.org")
    assert connect(emulator, path).get_project(emulator.project_hash).title == "Small"
    for wrong in ("nonsense", "ssh-rsa AAAA"):
        with pytest.raises(ValueError, match=r".*"):
            emulator.add_public_key(wrong, "me@example.org")


def test_twenty_clients_at_once(start: START) -> None:
    emulator = start(images=40)
    names = [f"annotator{number}@example.org" for number in range(20)]
    keys = {name: emulator.add_user(name) for name in names}
    together = threading.Barrier(20)

    def work(place: int) -> None:
        project: Any = connect(emulator, keys[names[place]]).get_project(emulator.project_hash)
        together.wait()
        for row in project.list_label_rows_v2()[place::20]:
            row.initialise_labels()
            instance = project.ontology_structure.classifications[0].create_instance()
            instance.set_answer(project.ontology_structure.classifications[0].attributes[0].options[place % 2])
            instance.set_for_frames(0)
            row.add_classification_instance(instance)
            row.save()
            (task,) = project.workflow.stages[0].get_tasks(data_hash=row.data_hash)
            task.submit()

    with ThreadPoolExecutor(20) as pool:
        list(pool.map(work, range(20)))
    rows = open_project(emulator).list_label_rows_v2()
    assert {row.workflow_graph_node.title for row in rows} == {"Review 1"}
    assert [row.last_actioned_by_user_email for row in rows] == [names[place % 20] for place in range(40)]
    labels = emulator.ask(lambda: emulator.backend.platform().labels([row.label_hash for row in rows]))
    options = ONTOLOGY.questions[0].options
    assert [labels[row.label_hash].answer("weather") for row in rows] == [(options[p % 20 % 2],) for p in range(40)]


def test_ten_thousand_tasks_are_listed_in_seconds(tmp_path: Path) -> None:
    count = 10_000
    pool = [NewImage(f"img_{number:05}.png", digest(number), 8, 8) for number in range(count)]
    contents = Contents(digest("many"), "Many", ONTOLOGY, tmp_path / "images", pool, [])
    LocalProject().open(tmp_path, lambda: contents).close()
    with Emulator(tmp_path / "project.sqlite", Policies(page_size=1000)) as emulator:
        project = open_project(emulator)
        rows = project.list_label_rows_v2(include_client_metadata=True)
        assert len(rows) == count
        assert len(list(project.workflow.stages[0].get_tasks())) == count
        with project.create_bundle() as bundle:
            for row in rows:
                row.set_priority(0.25, bundle=bundle)
        slowest: dict[str, float] = {}
        for request in emulator.requests:
            slowest[request.name] = max(slowest.get(request.name, 0.0), request.seconds)
        assert emulator.log.counts()["POST projects/{p}/priorities"] == 10
        assert max(slowest.values()) < 10, slowest
        if os.environ.get("ALRUN_PRINT_TIMES"):
            print(slowest)


def test_nothing_but_get_is_done_with_a_signed_url(emulator: Emulator) -> None:
    assert requests.post(emulator.signer.sign("image", "x"), timeout=10).status_code == 405
    assert requests.get(emulator.signer.sign("image", "x"), timeout=10).status_code == 404
