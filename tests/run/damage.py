"""Ways in which a file of a run gets damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path], object]


def empty(path: Path) -> object:
    return path.write_bytes(b"")


def torn(path: Path) -> object:
    content = path.read_bytes()
    return path.write_bytes(content[: len(content) // 2])


def garbage(path: Path) -> object:
    return path.write_bytes(b"\xff{ not this\n" + path.read_bytes())


def hollow(path: Path) -> object:
    return path.write_text("{}\n")
