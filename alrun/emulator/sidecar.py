"""What the protocol has and a local project cannot hold: a second SQLite file beside the project's.

Nothing in it contradicts the project: a label row's text counts only while the project's own label is the one
that was saved with it, and a collection only while the project has its tag.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alrun.platform.actions import AMONG, keys

TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS created (data_hash TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blobs (
    data_hash TEXT PRIMARY KEY, edited_at TEXT NOT NULL, blob TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS metadata (data_hash TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS completed (data_hash TEXT PRIMARY KEY, priority REAL, assignee TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS moved (
    data_hash TEXT PRIMARY KEY, person TEXT, mover TEXT, at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS collections (
    name TEXT PRIMARY KEY, uuid TEXT UNIQUE NOT NULL, description TEXT NOT NULL, type TEXT NOT NULL,
    created_at TEXT NOT NULL, edited_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS presets (
    uuid TEXT PRIMARY KEY, name TEXT NOT NULL, definition TEXT NOT NULL,
    created_at TEXT NOT NULL, updated_at TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS actions (
    number INTEGER PRIMARY KEY, at TEXT NOT NULL, type TEXT NOT NULL, stage TEXT NOT NULL, task TEXT NOT NULL,
    data_hash TEXT NOT NULL, actor TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS actions_of_data ON actions (data_hash);
"""


@dataclass(frozen=True, slots=True)
class Collection:
    """What a collection has beyond its tag."""

    name: str
    uuid: str
    description: str
    type: str
    created_at: str
    edited_at: str


@dataclass(frozen=True, slots=True)
class Preset:
    """A filter preset; `definition` is the JSON object that says what it filters by."""

    uuid: str
    name: str
    definition: dict[str, Any]
    created_at: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class Action:
    """One entry of the audit log; `type` as the SDK writes it, `stage` is where it happened."""

    number: int
    at: str
    type: str
    stage: str
    task: str
    data_hash: str
    actor: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A task that a client moved: who had acted on it before; who moved it, None if a person acted since; when."""

    person: str | None
    mover: str | None
    at: str


class Sidecar:
    """The second file. For one thread."""

    def __init__(self, path: Path, now: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + TABLES)
        self._db.execute("INSERT OR IGNORE INTO facts VALUES ('created_at', ?)", (now,))
        (self.created_at,) = self._db.execute("SELECT value FROM facts WHERE name = 'created_at'").fetchone()

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def note_created(self, data_hashes: Iterable[str], at: str) -> None:
        """Keep when label rows were created; the first time counts."""
        self._many("INSERT OR IGNORE INTO created VALUES (?, ?)", ((name, at) for name in data_hashes))

    def created(self, data_hashes: Sequence[str] | None) -> dict[str, str]:
        """Return when label rows were created, of those that the emulator created."""
        return dict(self._select("SELECT data_hash, at FROM created", data_hashes))

    def keep_blobs(self, blobs: Iterable[tuple[str, str, dict[str, Any]]]) -> None:
        """Keep label rows as they were saved: data hash, the project's time of the save, and the row."""
        self._many("REPLACE INTO blobs VALUES (?, ?, ?)", ((name, at, json.dumps(blob)) for name, at, blob in blobs))

    def blobs(self, data_hashes: Sequence[str]) -> dict[str, tuple[str, dict[str, Any]]]:
        """Return the saved label rows, each with the project's time of its save."""
        rows = self._select("SELECT data_hash, edited_at, blob FROM blobs", data_hashes)
        return {name: (at, json.loads(text)) for name, at, text in rows}

    def keep_metadata(self, values: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Keep client metadata that were written."""
        self._many("REPLACE INTO metadata VALUES (?, ?)", ((name, json.dumps(value)) for name, value in values))

    def metadata(self, data_hashes: Sequence[str] | None) -> dict[str, dict[str, Any]]:
        """Return the client metadata that were written."""
        rows = self._select("SELECT data_hash, value FROM metadata", data_hashes)
        return {name: json.loads(value) for name, value in rows}

    def keep_completed(self, states: Iterable[tuple[str, float | None, str | None]]) -> None:
        """Keep the priority and assignee that tasks are completed with."""
        self._many("REPLACE INTO completed VALUES (?, ?, ?)", states)

    def completed(self, data_hashes: Sequence[str]) -> dict[str, tuple[float | None, str | None]]:
        """Return the priority and assignee that tasks were completed with."""
        rows = self._select("SELECT data_hash, priority, assignee FROM completed", data_hashes)
        return {name: (priority, assignee) for name, priority, assignee in rows}

    def keep_moved(self, moves: Iterable[tuple[str, str | None, str, str]]) -> None:
        """Keep who had acted on tasks before a client moved them; data hash, person, mover, time."""
        change = (
            "INSERT INTO moved VALUES (?, ?, ?, ?)"
            " ON CONFLICT (data_hash) DO UPDATE SET person = excluded.person, mover = excluded.mover, at = excluded.at"
        )
        self._many(change, moves)

    def note_person(self, data_hashes: Sequence[str]) -> None:
        """Note that a person has acted on tasks since they were moved."""
        self._db.execute(f"UPDATE moved SET mover = NULL WHERE {AMONG}", (keys(data_hashes),))  # noqa: S608

    def moved(self, data_hashes: Sequence[str] | None) -> dict[str, Moved]:
        """Return the tasks that a client moved."""
        rows = self._select("SELECT data_hash, person, mover, at FROM moved", data_hashes)
        return {name: Moved(person, mover, at) for name, person, mover, at in rows}

    def keep_collection(self, collection: Collection) -> None:
        """Keep a collection, in place of one of its name."""
        values = (
            collection.name, collection.uuid, collection.description, collection.type,
            collection.created_at, collection.edited_at,
        )  # fmt: skip
        self._db.execute("REPLACE INTO collections VALUES (?, ?, ?, ?, ?, ?)", values)

    def drop_collection(self, name: str) -> None:
        """Forget a collection."""
        self._db.execute("DELETE FROM collections WHERE name = ?", (name,))

    def collections(self) -> dict[str, Collection]:
        """Return the collections by name."""
        return {row[0]: Collection(*row) for row in self._db.execute("SELECT * FROM collections")}

    def keep_preset(self, preset: Preset) -> None:
        """Keep a filter preset, in place of the one with its uuid."""
        values = preset.uuid, preset.name, json.dumps(preset.definition), preset.created_at, preset.updated_at
        self._db.execute("REPLACE INTO presets VALUES (?, ?, ?, ?, ?)", values)

    def drop_preset(self, uuid: str) -> None:
        """Forget a filter preset."""
        self._db.execute("DELETE FROM presets WHERE uuid = ?", (uuid,))

    def presets(self) -> dict[str, Preset]:
        """Return the filter presets by uuid."""
        rows = self._db.execute("SELECT uuid, name, definition, created_at, updated_at FROM presets")
        return {row[0]: Preset(row[0], row[1], json.loads(row[2]), row[3], row[4]) for row in rows}

    def log(self, actions: Iterable[tuple[str, str, str, str, str, str]]) -> None:
        """Add to the audit log: time, type, stage, task, data hash, actor."""
        change = "INSERT INTO actions (at, type, stage, task, data_hash, actor) VALUES (?, ?, ?, ?, ?, ?)"
        self._many(change, actions)

    def actions(self, data_hashes: Sequence[str] | None = None) -> list[Action]:
        """Return the audit log, oldest first."""
        return [Action(*row) for row in self._select("SELECT * FROM actions", data_hashes, "ORDER BY number")]

    def acted(self, data_hashes: Sequence[str]) -> dict[str, str]:
        """Return when something was last done with each task."""
        query = "SELECT data_hash, MAX(at) FROM actions"
        return dict(self._select(query, data_hashes, "GROUP BY data_hash"))

    def _many(self, change: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(change, rows)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _select(self, query: str, data_hashes: Sequence[str] | None, end: str = "") -> list[tuple[Any, ...]]:
        if data_hashes is None:
            return self._db.execute(f"{query} {end}").fetchall()
        return self._db.execute(f"{query} WHERE {AMONG} {end}", (keys(data_hashes),)).fetchall()
