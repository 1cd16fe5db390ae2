"""What was found out about the real server, in a file: the emulator's policies, each with what they rest on.

A JSON object (version 1): `policies` maps a policy's name to its `answer`, what was `asked` and what was `seen`;
`unknown` maps the others, which keep their defaults, to what was asked and why there is no answer; `also` holds answers
that are no policies; `about` says where and when they were found.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_type_hints

from alrun.emulator.policies import Policies
from alrun.errors import DataError, one_of
from alrun.files import write_json
from alrun.platform.port import Finding

VERSION = 1


def save(path: Path, findings: Iterable[Finding], about: Mapping[str, str]) -> None:
    """Write answers down."""
    content: dict[str, Any] = {"version": VERSION, "about": dict(about), "policies": {}, "unknown": {}, "also": {}}
    names = {field.name for field in fields(Policies)}
    for finding in findings:
        if finding.known:
            entry = {"answer": finding.answer, "asked": finding.asked, "seen": finding.seen}
            content["policies" if finding.name in names else "also"][finding.name] = entry
        else:
            content["unknown"][finding.name] = {"asked": finding.asked, "why": finding.seen}
    write_json(path, content)


def load(path: Path) -> Policies:
    """Read the policies of a file; those that it does not answer have their defaults.

    Raises
    ------
    DataError
        If there is no such file, or it is none of this version, or a policy has no such value.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        version, entries = content["version"], dict(content["policies"])
    except OSError as error:
        raise DataError(f"the policies {path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} holds no policies as action=doctor writes them ({error})") from None
    if version != VERSION:
        raise DataError(f"{path} is of version {version!r}, not {VERSION}: ask the doctor again")
    return Policies(**{name: _value(path, name, entry) for name, entry in entries.items()})


def _value(path: Path, name: str, entry: Any) -> Any:
    from pydantic import TypeAdapter, ValidationError

    hints = get_type_hints(Policies)
    if name not in hints:
        raise DataError(f"{path}: there is no policy {name!r}: {one_of(name, list(hints))}")
    if not isinstance(entry, Mapping) or "answer" not in entry:
        raise DataError(f"{path}: the policy {name} has no answer")
    try:
        return TypeAdapter(hints[name]).validate_json(json.dumps(entry["answer"]), strict=True)
    except ValidationError as error:
        raise DataError(f"{path}: {name} cannot be {entry['answer']!r}: {error.errors()[0]['msg']}") from None
