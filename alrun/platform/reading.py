"""Reads of any length: in requests that the platform takes, each sent until it is answered."""

from __future__ import annotations

from collections.abc import Sequence

from alrun.parts import in_parts
from alrun.platform.port import Platform
from alrun.platform.retry import Patience, patiently
from alrun.progress import track
from alrun.types import Label, Task


def tasks_of(platform: Platform, data_hashes: Sequence[str], patience: Patience) -> list[Task]:
    """Return the tasks of images."""
    parts = in_parts(data_hashes, platform.limits.listing)
    return [task for part in parts for task in patiently(patience, platform.tasks, part)]


def labels_of(platform: Platform, label_hashes: Sequence[str], patience: Patience) -> dict[str, Label]:
    """Return what is labelled, by label hash; a label row that does not exist is absent."""
    labels: dict[str, Label] = {}
    for part in track(in_parts(label_hashes, platform.limits.listing), "reading labels"):
        labels |= patiently(patience, platform.labels, part)
    return labels
