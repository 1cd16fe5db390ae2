"""The ceiling of a learning curve: the same job with everything labelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alrun.annotators.oracle import Oracle
from alrun.config.build import component
from alrun.costs.labels import Labels
from alrun.datasets.importer import Identity
from alrun.filters import parse
from alrun.strategies.random import Random


def full_data(content: Mapping[str, Any], data: Identity | None) -> dict[str, Any] | None:
    """Return the config of a job like `content` whose only round labels everything that it could choose from.

    It is the same for all strategies, budgets and numbers of rounds. None where there is no such job: where people
    label, nothing is trained, the project is a live one, or the config says `sweep.full_data=false`.
    """
    simulated = data is not None and isinstance(component("annotator", content["annotator"]), Oracle)
    wanted = content["sweep"]["full_data"] and content["action"] == "run" and content["model"] is not None
    if data is None or not simulated or not wanted:
        return None
    random = {"_target_": f"{Random.__module__}.{Random.__qualname__}"}
    filtered_by = parse(content["filters"]).metrics
    return {
        **content,
        "strategy": random,
        "initial": {**content["initial"], "strategy": random, "size": None},
        "metrics": {name: node for name, node in content.get("metrics", {}).items() if name in filtered_by},
        "cost": {"_target_": f"{Labels.__module__}.{Labels.__qualname__}"},
        "stop": {},
        "budget": data.images,
        "rounds": 1,
    }
