"""The v2 protocol: every route that the emulator knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from alrun.emulator import presets, storage, tagging, workflow
from alrun.emulator.call import Call

PREFIX = "/v2/public/"


@dataclass(frozen=True)
class Route:
    """A method and a path; `{name}` stands for one part of it. `projects/{p}` and `active/{p}` are checked."""

    method: str
    path: str
    handler: Callable[[Call], Any]

    @property
    def name(self) -> str:
        """What the request log calls it."""
        return f"{self.method} {self.path}"

    def match(self, method: str, path: str) -> tuple[str, ...] | None:
        """Return the variable parts of `path`; None if it is not this route's."""
        if method != self.method:
            return None
        found = re.fullmatch(re.sub(r"\{\w+\}", "([^/]+)", self.path), path)
        return None if found is None else found.groups()


ROUTES: Sequence[Route] = (
    Route("GET", "projects/{p}", workflow.project),
    Route("GET", "projects/{p}/datasets", workflow.datasets),
    Route("GET", "ontologies/{o}", workflow.ontology),
    Route("GET", "projects/{p}/workflow/stages/{s}/tasks", workflow.tasks),
    Route("POST", "projects/{p}/workflow/stages/{s}/actions", workflow.actions),
    Route("POST", "projects/{p}/workflow/stages/{s}/move-tasks", workflow.move_tasks),
    Route("POST", "projects/{p}/priorities", workflow.priorities),
    Route("POST", "projects/{p}/label-rows/classifications", workflow.classifications),
    Route("GET", "analytics/task-actions", workflow.task_actions),
    Route("POST", "storage/items/get-bulk", storage.bulk),
    Route("PATCH", "storage/items/patch-bulk", storage.patch_bulk),
    Route("GET", "storage/items/{i}", storage.one),
    Route("PATCH", "storage/folders/{f}/items/{i}", storage.patch_one),
    Route("GET", "active/{p}/collections", tagging.listing),
    Route("POST", "active/{p}/collections", tagging.create),
    Route("PATCH", "active/{p}/collections/{c}", tagging.update),
    Route("DELETE", "active/{p}/collections/{c}", tagging.delete),
    Route("GET", "active/{p}/collections/{c}/items", tagging.items),
    Route("POST", "active/{p}/collections/{c}/add-items", tagging.add),
    Route("POST", "active/{p}/collections/{c}/remove-items", tagging.remove),
    Route("GET", "active/{p}/presets", presets.listing),
    Route("POST", "active/{p}/presets", presets.create),
    Route("PATCH", "active/{p}/presets/{x}", presets.update),
    Route("DELETE", "active/{p}/presets/{x}", presets.delete),
    Route("GET", "active/{p}/presets/{x}/raw", presets.raw),
)


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """Return the route of a request and the variable parts of its path; None if there is none."""
    for route in ROUTES:
        args = route.match(method, path.removeprefix(PREFIX))
        if args is not None:
            return route, args
    return None


def sent(body: Any) -> int:
    """Return how many items a body holds: a list's, or those of its first member that is a list or an object."""
    if isinstance(body, list):
        return len(body)
    if not isinstance(body, dict):
        return 0
    return next((len(value) for value in body.values() if isinstance(value, list | dict)), 0)
