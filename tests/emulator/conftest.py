"""A project behind the emulator, and the official SDK in front of it.

The SDK takes a second to import and warns of its own deprecated use of pydantic, so a fixture imports it, once
and silently, and nothing imports it at the top.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alrun.emulator import Emulator, Policies
from alrun.platform.local import LocalProject
from alrun.platform.testing import small_contents

if TYPE_CHECKING:
    from encord import EncordUserClient, Project
    from encord.objects import LabelRowV2

REAL_PROJECT = "ALRUN_ENCORD_PROJECT"
START = Callable[..., Emulator]


@pytest.fixture(scope="session", autouse=True)
def sdk() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import encord  # noqa: F401


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[START]:
    """Return what starts an emulator on a fresh project of some images, with these policies."""
    with ExitStack() as stack:

        def start(images: int = 6, **policies: Any) -> Emulator:
            path = tmp_path / "project.sqlite"
            if not path.exists():
                LocalProject(str(path)).open(tmp_path, lambda: small_contents(tmp_path / "images", images)).close()
            return stack.enter_context(Emulator(path, Policies(**policies)))

        yield start


@pytest.fixture
def emulator(start: START) -> Emulator:
    return start()


def connect(emulator: Emulator, key: Path | None = None, **settings: Any) -> EncordUserClient:
    """Return an SDK client that never retries, unless `settings` say so."""
    from encord import EncordUserClient
    from encord.http.constants import RequestsSettings

    given = {"max_retries": 0, "connection_retries": 0, "backoff_factor": 0.0, **settings}
    return EncordUserClient.create_with_ssh_private_key(
        ssh_private_key_path=key or emulator.private_key_path,
        domain=emulator.url,
        requests_settings=RequestsSettings(**given),
    )


@dataclass
class Target:
    """A project to work on, and some of its tasks: unassigned, in its first annotation stage.

    `emulator` is None where the project is a real one.
    """

    client: EncordUserClient
    project: Project
    emulator: Emulator | None = None
    used: set[str] = field(default_factory=set)

    def rows(self, count: int) -> list[LabelRowV2]:
        """Return `count` label rows; skip the test if the project has fewer to spare."""
        first = self.project.workflow.stages[0].uuid
        free = [
            row
            for row in self.project.list_label_rows_v2()
            if row.workflow_graph_node is not None
            and row.workflow_graph_node.uuid == str(first)
            and row.assigned_user_email is None
        ]
        if len(free) < count:
            pytest.skip(f"the project has only {len(free)} unassigned tasks in its first stage")
        self.used |= {str(row.data_hash) for row in free[:count]}
        return free[:count]

    def initialised(self, count: int) -> list[LabelRowV2]:
        """Return label rows that are initialised."""
        rows = self.rows(count)
        with self.project.create_bundle() as bundle:
            for row in rows:
                row.initialise_labels(bundle=bundle)
        return rows

    def again(self, rows: list[LabelRowV2]) -> list[LabelRowV2]:
        """Return what the platform now says of the rows, in their order."""
        listed = self.project.list_label_rows_v2(data_hashes=[row.data_hash for row in rows])
        by_hash = {row.data_hash: row for row in listed}
        return [by_hash[row.data_hash] for row in rows]

    def stages(self, rows: list[LabelRowV2]) -> list[str]:
        """Return the titles of the stages that the rows are now in."""
        return [row.workflow_graph_node.title for row in self.again(rows) if row.workflow_graph_node is not None]

    def close(self) -> None:
        """Bring the tasks back into the first stage, empty: a scratch project must last."""
        if not self.used:
            return
        for row in self.project.list_label_rows_v2(data_hashes=sorted(self.used)):
            if row.label_hash is not None:
                row.initialise_labels()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", DeprecationWarning)  # remove_object warns of itself
                    for item in row.get_object_instances():
                        row.remove_object(item)
                for answer in row.get_classification_instances():
                    row.remove_classification(answer)
                row.save()
                row.workflow_complete()
                row.workflow_reopen()


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """Return the real scratch project of the environment where it names one, else one behind the emulator."""
    real = os.environ.get(REAL_PROJECT)
    if real is not None:
        from encord import EncordUserClient

        domain = os.environ.get("ENCORD_DOMAIN", "https://api.encord.com")
        client = EncordUserClient.create_with_ssh_private_key(domain=domain)
        target = Target(client, client.get_project(real))
        yield target
        target.close()
        return
    emulator: Emulator = request.getfixturevalue("emulator")
    client = connect(emulator)
    target = Target(client, client.get_project(emulator.project_hash), emulator)
    yield target
    target.close()
