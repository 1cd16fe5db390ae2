"""One run, ready to start: the checked config with every component built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from alrun.annotators.base import Annotator
from alrun.datasets.base import Dataset
from alrun.embeddings.base import Embedding
from alrun.filters import Filter
from alrun.metrics.base import Metric
from alrun.models.base import Model
from alrun.platform.port import ProjectSource
from alrun.recipe.base import Recipe
from alrun.strategies.base import Strategy


def choice(component: object) -> str:
    """Return the name by which people choose a component: that of its file, `none` for None."""
    return "none" if component is None else type(component).__module__.rpartition(".")[2]


@dataclass(frozen=True)
class RestoreWhen:
    """When a run stops waiting for labels and restores.

    Attributes
    ----------
    labelled
        The share of the selection that has to be labelled, above 0, at most 1.
    deadline
        Restore then even if less is labelled: a span counted from the end of apply, or a moment; None waits.
    """

    labelled: float = 1.0
    deadline: timedelta | datetime | None = None


@dataclass(frozen=True)
class Job:
    """Everything one action needs; made by `alrun.config.build` from a config without faults.

    Attributes
    ----------
    run, run_id
        The folder and the id of an earlier run that the action is about; None where it is about a new one.
    cache
        The folder for what runs share: images, embeddings.
    initial_size
        How many tasks a run on an unlabelled project begins with, chosen by `initial_strategy`; None begins so
        only when the strategy needs a model and nothing is labelled, with as many as `budget`.
    thumbnails
        How many selected images the report shows.
    metrics
        By the name of their column.
    model
        None trains nothing.
    folder
        The run folder; it exists.
    config
        The resolved config as plain data, and `config_digest` of the part that says what the run computes.
    command
        The command line, program first.
    """

    name: str
    action: str
    run: Path | None
    run_id: str | None
    budget: int
    rounds: int
    seed: int
    threads: int
    approve: str
    wait: bool
    restore_when: RestoreWhen
    cache: Path
    initial_size: int | None
    initial_strategy: Strategy
    thumbnails: int
    platform: ProjectSource
    dataset: Dataset
    filters: Filter
    metrics: Mapping[str, Metric]
    embedding: Embedding
    model: Model | None
    strategy: Strategy
    recipe: Recipe
    annotator: Annotator
    folder: Path
    config: Mapping[str, Any]
    config_digest: str
    command: tuple[str, ...]
