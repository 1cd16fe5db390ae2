"""The file of a local project: its tables, how it is made and opened, and what its failures mean."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid5

from alrun.errors import DataError, NoAccess, PlatformError, Refused, Unavailable
from alrun.faults import reach
from alrun.platform.port import Contents, NewImage
from alrun.platform.writes import DEFAULT_PRIORITY
from alrun.types import Ontology, Stage

APPLICATION_ID = 0x616C726E  # "alrn"
VERSION = 1
BUSY_SECONDS = 30.0

# A task lists from `tasks` alone, in key order; labels are kept beside it, so that a listing never reads them.
# The name of a task's label row is there from the start, so that its index never changes; the row itself exists
# once `last_edited_at` is set.
TABLES = """
CREATE TABLE project (project_id TEXT, title TEXT, ontology TEXT, store TEXT);
CREATE TABLE stages (position INTEGER PRIMARY KEY, uuid TEXT, title TEXT, type TEXT);
CREATE TABLE tasks (
    data_hash TEXT PRIMARY KEY, task_id TEXT NOT NULL, title TEXT NOT NULL,
    label_hash TEXT NOT NULL, stage INTEGER NOT NULL, status TEXT NOT NULL, last_edited_at TEXT,
    last_actioned_by TEXT, assignee TEXT, priority REAL, width INTEGER, height INTEGER, metadata TEXT
) WITHOUT ROWID;
CREATE TABLE labels (data_hash TEXT PRIMARY KEY, label TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tags (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE tagged (name TEXT, data_hash TEXT, PRIMARY KEY (name, data_hash)) WITHOUT ROWID;
CREATE TABLE truth (data_hash TEXT PRIMARY KEY, label TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE held_out (data_hash TEXT PRIMARY KEY, label TEXT NOT NULL) WITHOUT ROWID;
"""


def data_hash(image_digest: str) -> str:
    """Return the data hash of the image with this digest: the same number, written as a UUID."""
    return str(UUID(hex=image_digest))


@dataclass(frozen=True)
class Facts:
    """What a project file says of its project as a whole; `store` is the folder of its images."""

    project_id: UUID
    title: str
    ontology: Ontology
    stages: Sequence[Stage]
    store: Path


def create(path: Path, facts: Facts, fill: Callable[[sqlite3.Connection], None]) -> None:
    """Make a project file that is whole from the moment it exists; `fill` puts the tasks in.

    It is built under a hidden name beside `path` and then linked, which never replaces a file: where two
    processes create one project, the first wins and the other finds it there. A kill leaves no `path`.

    Raises
    ------
    DataError
        If there is no writing there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _create(path, facts, fill)
    except OSError as error:
        raise DataError(f"{path} cannot be created ({error}): give platform.path another place") from error


def _create(path: Path, facts: Facts, fill: Callable[[sqlite3.Connection], None]) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with translated(path), closing(sqlite3.connect(temporary, isolation_level=None)) as db:
            db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + TABLES + "BEGIN;")
            db.executemany("INSERT INTO stages VALUES (?, ?, ?, ?)", _stage_rows(facts.stages))
            ontology = json.dumps(facts.ontology.to_json())
            project = (str(facts.project_id), facts.title, ontology, str(facts.store.resolve()))
            db.execute("INSERT INTO project VALUES (?, ?, ?, ?)", project)
            fill(db)
            db.execute("CREATE UNIQUE INDEX label_rows ON tasks (label_hash)")
            db.execute("COMMIT")
            db.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};")
            db.execute("PRAGMA journal_mode = WAL")
        _sync(temporary)
        reach("local.before_create")
        with suppress(FileExistsError):
            path.hardlink_to(temporary)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def insert_contents(db: sqlite3.Connection, project_id: UUID, contents: Contents) -> None:
    """Insert a new task for each image of the pool, and the images that are kept apart."""
    insert_images(db, project_id, contents.pool)
    held_out = ((data_hash(image.digest), _label(image)) for image in contents.held_out)
    db.executemany("INSERT INTO held_out VALUES (?, ?)", held_out)


def insert_images(db: sqlite3.Connection, project_id: UUID, images: Iterable[NewImage]) -> None:
    """Insert a new task for each image, in the first stage; raises `sqlite3.IntegrityError` for a known one."""
    known: list[tuple[str, str]] = []

    def rows() -> Iterator[tuple[str | int | float | None, ...]]:
        for image in images:
            data = data_hash(image.digest)
            if image.label is not None:
                known.append((data, _label(image)))
            metadata = json.dumps(dict(image.metadata)) if image.metadata else None
            names = data, str(uuid5(project_id, f"task {data}")), str(uuid5(project_id, f"label {data}"))
            yield *names, image.title, DEFAULT_PRIORITY, image.width, image.height, metadata

    db.executemany(
        "INSERT INTO tasks (data_hash, task_id, label_hash, title, priority, width, height, metadata, stage, status)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 'new')",
        rows(),
    )
    db.executemany("INSERT INTO truth VALUES (?, ?)", known)


def connect(path: Path) -> sqlite3.Connection:
    """Open a project file.

    Raises
    ------
    DataError
        If the file cannot be read and written, is no local project, or is one of another schema version.
    """
    if not path.is_file():
        raise DataError(f"{path} is not a file: give platform.path the file of a local project, or a new name")
    if not os.access(path, os.R_OK | os.W_OK):
        raise DataError(f"{path} cannot be read and written: change its permissions, or copy it and name the copy")
    with translated(path):
        # mode=rw never creates: a project that was deleted must not come back empty
        db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=BUSY_SECONDS)
    try:
        _check_version(db, path)
        db.execute("PRAGMA synchronous = FULL")
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what `sqlite3` raises in the block into the platform's errors."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translation(error, path) from error
    except UnicodeEncodeError as error:
        raise Refused(f"{error.object!a} is no Unicode text: write it without surrogates") from error


def _translation(error: sqlite3.Error, path: Path) -> PlatformError:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the low byte is the primary code
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            advice = f"another process has kept {path} locked for {BUSY_SECONDS:.0f} s: let it finish, then resume"
            return Unavailable(advice)
        case sqlite3.SQLITE_FULL:
            return PlatformError(f"no space is left to write {path}: free some, then resume")
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN:
            return Unavailable(f"{path} cannot be read or written ({error}): see to its disk, then resume")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return NoAccess(f"{path} cannot be written ({error}): change its permissions, then resume")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return PlatformError(f"{path} is damaged ({error}): put back a copy of it, then resume")
    return PlatformError(f"{path} failed: {error}")


def _check_version(db: sqlite3.Connection, path: Path) -> None:
    try:
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_NOTADB:
            raise _translation(error, path) from error
        application, version = 0, 0
    if application != APPLICATION_ID:
        raise DataError(f"{path} is not a local project of alrun: give platform.path a new name, or none")
    if version != VERSION:
        other = "a newer" if version > VERSION else "an older"
        advice = f"use that version of alrun for it, or give platform.path a new name (this one reads {VERSION})"
        raise DataError(f"{path} has schema version {version}, of {other} alrun: {advice}")


def _stage_rows(stages: Iterable[Stage]) -> Iterator[tuple[int, str, str, str]]:
    return ((position, stage.uuid, stage.title, stage.type) for position, stage in enumerate(stages))


def _label(image: NewImage) -> str:
    if image.label is None:
        raise DataError(f"the held-out image {image.title!r} has no label: only labelled ones can be held out")
    return json.dumps(image.label.to_json())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
