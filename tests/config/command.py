"""The command line as a user sees it, and the check behind it without a new process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from alrun.config.check import check
from alrun.config.compose import Composer, Composition
from alrun.config.overrides import Fault, setting
from alrun.config.schema import LISTS, folder_of

COMMAND_LINE = "command line"
CONF = folder_of("conf")
EXPERIMENTS = folder_of("experiments")

MANDATORY = {
    "recipe/relabel": ["filters=labelled"],
    "strategy/relabel_suspects": ["recipe=relabel", "filters=labelled"],
    "cost/column": ["cost.column=meta.minutes"],
    "dataset/folder": ["dataset.path=images"],
    "dataset/table": ["dataset.path=table.csv"],
    "dataset/coco": ["dataset.images=images", "dataset.annotations=instances.json"],
    "embedding/file": ["embedding.path=vectors.parquet"],
    "embedding/hf": ["embedding.model=facebook/dinov2-small"],
    "model/predictions": ["model.path=results.json"],
    "strategy/detection": ["model=predictions", "model.path=results.json"],
    "model/command": ["model.command=[python3,train.py]"],
    "platform/encord": ["platform.project=4c5ec9a5-5a4f-4b8e-8bfa-2f1f1f0e6d57", "platform.user=me@example.org"],
    "platform/rehearsal": ["platform.project=4c5ec9a5-5a4f-4b8e-8bfa-2f1f1f0e6d57", "platform.user=me@example.org"],
}
"""What a user has to give with a choice."""


def choices() -> list[str]:
    """Return every GROUP/NAME under conf, Hydra's own groups left out."""
    files = (file.relative_to(CONF).with_suffix("") for file in CONF.glob("*/*.yaml"))
    return sorted(str(file) for file in files if file.parts[0] != "hydra")


def experiments() -> list[str]:
    return sorted(file.stem for file in EXPERIMENTS.glob("*.yaml"))


def chosen(choice: str) -> list[str]:
    """Return the overrides that make a config with this choice, and what goes with it."""
    group, name = choice.split("/")
    # The strategy reads image_diversity, whatever else is measured.
    beside = "image_diversity," if group == "metrics" and name != "image_diversity" else ""
    override = f"{group}=[{beside}{name}]" if group in LISTS else f"{group}={name}"
    return [override, *MANDATORY.get(choice, [])]


def faults(*overrides: str, multirun: bool = False, config_dir: Path | None = None) -> list[Fault]:
    """Return what the check says about a command line."""
    composer = Composer(config_dir=None if config_dir is None else str(config_dir))
    return check(overrides, composer, multirun=multirun).faults


def content(*overrides: str) -> dict[str, Any]:
    """Return the resolved config of a command line without faults."""
    resolved, unresolved = Composition(Composer(), [setting(text) for text in overrides]).plain()
    assert not unresolved
    return resolved


def alrun(*arguments: str, folder: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "alrun", *arguments], cwd=folder, capture_output=True, text=True, timeout=120, **options
    )
