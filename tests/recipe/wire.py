"""A connection to a local project on which a test sees, and may break, every request of a recipe."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar

from alrun.platform.port import Platform, Project
from alrun.platform.writes import Limits, RecipeWrite
from alrun.types import ImageFile, Label, LeftOut, Task

T = TypeVar("T")
Moment = Literal["before", "after"]
Hook = Callable[[int, RecipeWrite | None, Moment], None]


class Wire:
    """A platform that calls `hook` around each request, with its number (from 1) and what it writes (None: it reads).

    With `records_moves=False` it is a platform that does not say who completed, reopened or moved a task, if that was
    its own user; with `known=False` it does not say whether it does.
    """

    def __init__(self, inner: Platform, hook: Hook, *, records_moves: bool = True, known: bool = True) -> None:
        self.limits: Limits = inner.limits
        self.sent = 0
        self._inner = inner
        self._path = inner.lock.with_suffix("")  # the lock lies beside the project, with one suffix more
        self._hook = hook
        self._records_moves = records_moves
        self._known = known

    @property
    def lock(self) -> Path:
        return self._inner.lock

    @property
    def requests(self) -> int:
        return self.sent

    def project(self) -> Project:
        project = self._around(None, self._inner.project)
        return replace(project, records_moves=self._records_moves if self._known else None)

    def tasks(self, data_hashes: Sequence[str] | None = None) -> list[Task]:
        return self._around(None, lambda: self._inner.tasks(data_hashes))

    def labels(self, label_hashes: Sequence[str]) -> dict[str, Label]:
        return self._around(None, lambda: self._inner.labels(label_hashes))

    def tags(self) -> dict[str, frozenset[str]]:
        return self._around(None, self._inner.tags)

    def tag_names(self) -> frozenset[str]:
        return self._around(None, self._inner.tag_names)

    def images(self, _: Sequence[str]) -> tuple[list[ImageFile], list[LeftOut]]:
        raise AssertionError("a recipe looks at no image")

    def write(self, request: RecipeWrite) -> None:
        self._around(request, lambda: self._write(request))

    def close(self) -> None:
        self._inner.close()

    def _write(self, request: RecipeWrite) -> None:
        if self._records_moves:
            self._inner.write(request)
            return
        tasks = self._inner.tasks()
        self._inner.write(request)
        set_actors(self._path, tasks)

    def _around(self, request: RecipeWrite | None, send: Callable[[], T]) -> T:
        self.sent += 1
        number = self.sent
        self._hook(number, request, "before")
        answer = send()
        self._hook(number, request, "after")
        return answer


def set_actors(project: Path, tasks: Iterable[Task]) -> None:
    """Let the project say that whoever acted last on these tasks did not act since."""
    actors = [(task.last_actioned_by, task.data_hash) for task in tasks]
    with closing(sqlite3.connect(project)) as db, db:
        db.executemany("UPDATE tasks SET last_actioned_by = ? WHERE data_hash = ?", actors)
