"""One run, ready to start: the checked config with every component built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from alrun.annotators.base import Annotator
from alrun.compare.settings import Axis
from alrun.compute.base import Compute
from alrun.costs.base import Cost
from alrun.datasets.base import Dataset
from alrun.embeddings.base import Embedding
from alrun.errors import name_of
from alrun.filters import Filter
from alrun.metrics.base import Metric
from alrun.models.base import Model
from alrun.models.imported import ImportedModel
from alrun.platform.port import ProjectSource
from alrun.recipe.base import Recipe
from alrun.recipe.rescue import Labelled
from alrun.stopping.base import StoppingRule
from alrun.strategies.base import Strategy
from alrun.tracking.base import Tracker


def choice(component: object) -> str:
    """Return the name by which people choose a component, see `alrun.errors.name_of`; `none` for None.

    The names of what it is made of follow: `pipeline(entropy, kcenter)`.
    """
    name = "none" if component is None else name_of(type(component))
    made_of = getattr(component, "parts", ())
    parts = ", ".join(choice(part) for part in (made_of.values() if isinstance(made_of, Mapping) else made_of))
    return f"{name}({parts})" if parts else name


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
class Publish:
    """What a run writes back to the images it measures; nothing by default.

    Attributes
    ----------
    metadata
        What becomes client metadata of every image: metrics by name, `score`, `predicted`, `confidence`.
    prefix
        What the keys begin with; it ends with its only dot.
    prelabel
        The least confidence, in 0..1, from which on the model's prediction is proposed as the label of a selected
        image; None proposes none.
    """

    metadata: tuple[str, ...] = ()
    prefix: str = "alrun."
    prelabel: float | None = None


@dataclass(frozen=True)
class Compare:
    """What is compared: a figure of the evaluations, over labels or over what they cost."""

    figure: str = "accuracy"
    axis: Axis = "labelled"


@dataclass(frozen=True)
class Job:
    """Everything one action needs; made by `alrun.config.build` from a config without faults.

    Attributes
    ----------
    run, run_id
        The folder and the id of an earlier run that the action is about; None where it is about a new one.
    runs
        Patterns of folders of finished sweeps, for action=compare; none for any other action.
    preset
        The name or uuid of a filter preset of the platform, for action=import_filter; None for any other action.
    cache
        The folder for what runs share: images, embeddings.
    initial_size
        How many tasks a run on an unlabelled project begins with, chosen by `initial_strategy`; None begins so
        only when the strategy needs a model and nothing is labelled, with as many as `budget`.
    thumbnails
        How many selected images the report shows.
    scratch_project
        Where the doctor experiments, in the platform's own words; None leaves that out.
    restore_labelled
        What becomes of labelled tasks of a run whose files are lost, see `alrun.recipe.rescue.rescue`.
    metrics, stop
        By the name of their column, and of the rule.
    model
        None trains nothing.
    compute
        Where images are embedded and predicted.
    tracking
        Where copies of the run are kept; None for nowhere.
    folder
        The run folder; it exists.
    config
        The resolved config as plain data, and `config_digest` of the part that says what the run computes.
    command
        The command line, program first.
    agreed
        Whether the plan of the round that the run stands at is agreed to, and no later one: `approve=auto` beside
        `run=FOLDER` of a run whose own `approve` is `prompt`.
    """

    name: str
    action: str
    run: Path | None
    run_id: str | None
    runs: tuple[str, ...]
    preset: str | None
    compare: Compare
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
    scratch_project: str | None
    restore_labelled: Labelled
    publish: Publish
    compute: Compute
    tracking: Tracker | None
    platform: ProjectSource
    dataset: Dataset
    filters: Filter
    metrics: Mapping[str, Metric]
    embedding: Embedding
    model: Model | ImportedModel | None
    strategy: Strategy
    recipe: Recipe
    annotator: Annotator
    cost: Cost
    stop: Mapping[str, StoppingRule]
    folder: Path
    config: Mapping[str, Any]
    config_digest: str
    command: tuple[str, ...]
    agreed: bool = False
