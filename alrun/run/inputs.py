"""What a strategy may look at: only what it declares to need is computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.errors import ConfigError
from alrun.models.base import Trained
from alrun.run.session import Session
from alrun.strategies.base import Strategy, StrategyInputs
from alrun.types import Need


def strategy_inputs(
    session: Session, strategy: Strategy, trained: Trained | None, candidates: pl.DataFrame, pool: pl.DataFrame
) -> StrategyInputs:
    """Return what `strategy` needs of the candidates, and of the labelled images in the pool.

    Raises
    ------
    ConfigError
        If it needs a model and there is no trained one.
    """
    hashes = candidates["data_hash"].to_list()
    inputs: dict[str, Any] = {}
    if Need.EMBEDDINGS in strategy.needs:
        labelled = [h for h in pool.filter("labelled")["data_hash"] if h not in session.missing]
        session.fetch(labelled)
        inputs["embeddings"] = session.embeddings(hashes)
        inputs["labelled_embeddings"] = session.embeddings(labelled)
    if Need.PROBABILITIES in strategy.needs:
        inputs["probabilities"] = _probabilities(session, trained, hashes)
    return StrategyInputs(candidates, **inputs)


def _probabilities(session: Session, trained: Trained | None, hashes: Sequence[str]) -> npt.NDArray[np.float64]:
    model = session.job.model
    if model is None or trained is None:
        raise ConfigError(
            "the strategy ranks by a model's predictions, but there is no trained model: choose a model and give the "
            "run labelled images to begin with (`initial.size`)"
        )
    return trained.predict_proba(session.model_inputs(model, hashes))
