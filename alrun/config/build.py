"""From a checked config to a job: the only place where components are made."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.utils import instantiate

from alrun.config.schema import KINDS, RunConfig, digest, parse_deadline, protocols, read_component
from alrun.config.strict import Problem, read
from alrun.errors import ConfigError
from alrun.files import cache_folder
from alrun.filters import parse
from alrun.run.job import Compare, Job, Publish, RestoreWhen


def build(content: Mapping[str, Any], folder: Path, command: Sequence[str]) -> Job:
    """Make the job that a resolved config describes.

    Parameters
    ----------
    content
        The config as plain data.
    folder
        The run folder.
    command
        The command line, program first.

    Raises
    ------
    ConfigError
        If the config has a fault. `alrun.config.check` finds them all, with their origin, before it comes to this.
    """
    arguments, problems = read(RunConfig, content)
    _refuse("config", problems)
    config = RunConfig(**arguments)
    when = config.restore_when
    return Job(
        name=config.name,
        action=config.action,
        run=None if config.run is None else Path(config.run).absolute(),
        run_id=config.run_id,
        runs=(config.runs,) if isinstance(config.runs, str) else config.runs or (),
        preset=config.preset,
        compare=Compare(config.compare.figure, config.compare.x),
        budget=config.budget,
        rounds=config.rounds,
        seed=config.seed,
        threads=config.threads,
        approve=config.approve,
        wait=config.wait,
        restore_when=RestoreWhen(when.labelled, None if when.deadline is None else parse_deadline(when.deadline)),
        cache=cache_folder(config.cache),
        initial_size=config.initial.size,
        initial_strategy=component("strategy", config.initial.strategy),
        thumbnails=config.report.thumbnails,
        scratch_project=config.doctor.scratch_project,
        restore_labelled=config.restore.labelled,
        publish=Publish(config.publish.metadata, config.publish.prefix, config.publish.prelabel),
        compute=component("compute", config.compute),
        tracking=None if config.tracking is None else component("tracking", config.tracking),
        platform=component("platform", config.platform),
        dataset=component("dataset", config.dataset),
        filters=parse(config.filters),
        metrics={name: component("metrics", node) for name, node in config.metrics.items()},
        embedding=component("embedding", config.embedding),
        model=None if config.model is None else component("model", config.model),
        strategy=component("strategy", config.strategy),
        recipe=component("recipe", config.recipe),
        annotator=component("annotator", config.annotator),
        cost=component("cost", config.cost),
        stop={name: component("stop", node) for name, node in config.stop.items()},
        folder=folder,
        config=content,
        config_digest=digest(content),
        command=tuple(command),
    )


def component(group: str, node: Mapping[str, Any]) -> Any:
    """Make one component and see that it is of the group's kind.

    Hydra resolves `_target_` under its policy of what a config may call; the arguments are ours, in the types
    that the class names (Hydra's own would be lists where it says tuples, text where it says enums).

    Raises
    ------
    ConfigError
        If a parameter is wrong, or the object does not implement the group's protocol.
    """
    _, arguments, problems = read_component(group, node, lambda inner, part: (component(inner, part), []))
    _refuse(group, problems)
    options: dict[str, Any] = {}
    if "_execution_whitelist_" in inspect.signature(instantiate).parameters:  # Hydra 1.4 asks for it
        options["_execution_whitelist_"] = [node["_target_"]]
    made = instantiate({"_target_": node["_target_"], "_partial_": True}, **options)(**arguments)
    if not isinstance(made, protocols(group)):
        raise ConfigError(f"{group}: {node['_target_']} makes a {type(made).__name__}, which is no {KINDS[group]}")
    return made


def _refuse(where: str, problems: Sequence[Problem]) -> None:
    if problems:
        raise ConfigError("; ".join(f"{problem.below(where).key}: {problem.message}" for problem in problems))
