"""Files that a kill at any instruction leaves old or new, never half; and a lock that dies with its owner."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from alrun.faults import reach


def write_bytes(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace `path` by `content` atomically and, unless `durable` is False, durably.

    A temporary file beside it is written and synced, then renamed over it. An error or Ctrl-C removes the
    temporary file; after a kill it stays behind, hidden and harmless. Without `durable` nothing is synced:
    after a power cut (not after a kill) the file may be empty.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with _named(path), temporary.open("xb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        reach("files.before_replace")
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        _sync_folder(path.parent)


def write_text(path: Path, content: str) -> None:
    """Replace `path` by `content` (UTF-8), atomically and durably."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Replace `path` by `content` as indented JSON with a stable key order."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def append_line(path: Path, line: str, *, durable: bool = True) -> None:
    """Append one line and return when it is on the disk; a kill can leave it torn, never an earlier one.

    Without `durable` nothing is synced: a power cut (not a kill) may take the line, up to the next durable one.
    """
    with _named(path), path.open("ab") as file:
        file.write(line.encode() + b"\n")
        file.flush()
        if durable:
            os.fsync(file.fileno())


def drop_torn_line(path: Path) -> None:
    """Cut off what follows the last line end of `path`: the rest of a line that a kill tore."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(path, whole)


def cache_folder(given: str | None) -> Path:
    """Return the shared cache folder: as given, else $ALRUN_CACHE, else alrun's folder in the XDG cache folder."""
    given = given or os.environ.get("ALRUN_CACHE")
    if given:
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "alrun"


def digest(content: Any) -> str:
    """Return a 128-bit hex digest of JSON-able `content` (key order does not matter) or of bytes."""
    data = content if isinstance(content, bytes) else json.dumps(content, sort_keys=True).encode()
    return blake2b(data, digest_size=16).hexdigest()


def file_digest(path: Path) -> str:
    """Return the :func:`digest` of a file's bytes, read again only if its size or time of change is another."""
    found = path.stat()
    return _file_digest(path, found.st_size, found.st_mtime_ns)


@lru_cache(maxsize=64)
def _file_digest(path: Path, size: int, changed: int) -> str:  # noqa: ARG001
    return digest(path.read_bytes())


@contextmanager
def locked(path: Path) -> Iterator[bool]:
    """Hold an exclusive lock on `path` for the block; yields False at once if another process holds it.

    The kernel drops the lock with its owner, so that a crash leaves no stale one. The lock file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def waited_for(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` for the block, after whoever holds it now; see :func:`locked`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Let an error that names no file name `path`: the system names none if the disk is full."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
