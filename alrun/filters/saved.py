"""A filter that was imported -> a file in `filters/`, from where `filters=NAME` chooses it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from unicodedata import normalize

from alrun.errors import ConfigError, DataError
from alrun.files import write_text
from alrun.platform.presets import FilterPreset

_LONGEST = 60
_WORDS = frozenset({"all", "any", "not", "metadata", "name", "min", "max"})


def file_name(preset: FilterPreset) -> str:
    """Return the name for a preset's file, without its ending: safe wherever files are, and as a choice.

    It begins with ``preset-``, so that no preset takes the place of a filter that alrun ships.

    Examples
    --------
    >>> file_name(FilterPreset("7b0c...", "../Night & Fog (2)"))
    'preset-night-fog-2'
    """
    plain = normalize("NFKD", preset.name).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall("[a-z0-9]+", plain))[:_LONGEST].strip("-")
    return f"preset-{words or re.sub('[^a-z0-9]', '', preset.uuid.lower())[:8]}"


def file_content(preset: FilterPreset, predicates: Sequence[Mapping[str, Any]], today: date) -> str:
    """Return the YAML of a preset's file; comments say where it comes from."""
    # repr leaves nothing in the name that ends a line, and so nothing that ends the comment
    header = (
        f"# What the filter preset {preset.name[:_LONGEST]!r} of the platform lets through.\n"
        f"# Imported on {today.isoformat()} from the preset {preset.uuid}.\n"
    )
    return header + _yaml({"all": [dict(one) for one in predicates]})


def save_filter(
    folder: Path, preset: FilterPreset, predicates: Sequence[Mapping[str, Any]], today: date
) -> tuple[Path, bool]:
    """Write a filter into `folder`; return its file, and whether it is new. A file that is there stays as it is.

    Raises
    ------
    ConfigError
        If a file of this name is there and holds another filter.
    DataError
        If there is no writing or reading there.
    """
    path = folder / f"{file_name(preset)}.yaml"
    content = file_content(preset, predicates, today)
    try:
        if not path.exists():
            folder.mkdir(exist_ok=True)
            write_text(path, content)
            return path, True
        same = _without_comments(path.read_text(encoding="utf-8")) == _without_comments(content)
    except (OSError, UnicodeError) as error:
        raise DataError(f"{path} cannot be written or read ({error}): nothing was imported") from error
    if not same:
        raise ConfigError(
            f"{path} is there already, with another filter, and was left as it is: rename or remove it, then retry"
        )
    return path, False


def _without_comments(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def _yaml(content: Mapping[str, Any]) -> str:
    """Return YAML in which every text that is not alrun's own stands in quotes, so that any reader takes it for one."""
    import yaml

    class Quoting(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

        def represent_str(self, data: str) -> yaml.ScalarNode:
            return self.represent_scalar("tag:yaml.org,2002:str", data, style=None if data in _WORDS else '"')

    Quoting.add_representer(str, Quoting.represent_str)
    return yaml.dump(content, Dumper=Quoting, sort_keys=False, allow_unicode=True, width=float("inf"))
