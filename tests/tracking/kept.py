"""What MLflow has of a run, read as its own page reads it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

from alrun.tracking.mlflow import Mlflow

AWAY = "http://127.0.0.1:9"
"""Nobody listens there."""


@dataclass(frozen=True)
class Kept:
    """One run in MLflow; `history` holds (step, value) of every figure, in the order in which they came."""

    mlflow_id: str
    name: str
    status: str
    parameters: dict[str, str]
    tags: dict[str, str]
    history: dict[str, list[tuple[int, float]]]
    files: set[str]


def kept(tracker: Mlflow) -> dict[str, Kept]:
    """Return all runs of the tracker's experiment by their `alrun.run_id`; each must be there once."""
    from mlflow.tracking import MlflowClient

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = MlflowClient(tracking_uri=tracker.uri)
        experiment = client.get_experiment_by_name(tracker.experiment)
        assert experiment is not None
        found = [_kept(client, run) for run in client.search_runs([experiment.experiment_id])]
    runs = {run.tags["alrun.run_id"]: run for run in found}
    assert len(runs) == len(found)
    return runs


def _kept(client: Any, run: Any) -> Kept:
    history = {
        name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)] for name in run.data.metrics
    }
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    return Kept(run.info.run_id, run.info.run_name, run.info.status, run.data.params, run.data.tags, history, files)
