"""What the rounds of a run cost and brought, and whether the next one is worth its labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from alrun.costs.objects import Objects
from alrun.errors import ConfigError
from alrun.models.imported import Imported
from alrun.run.learning.training import Training, predictions
from alrun.run.round_folder import RoundFolder
from alrun.run.session import Session
from alrun.run.tables import write_parquet
from alrun.stopping.base import RoundFacts
from alrun.stopping.forecast import expected_next
from alrun.stopping.predictions import f_change, kappa, mean_uncertainty
from alrun.types import Label, Snapshot

FIGURE = "accuracy"
"""The figure that the forecast is about."""


def check_cost(session: Session, snapshot: Snapshot, pool: pl.DataFrame, hashes: Sequence[str]) -> None:
    """See that the cost of every image can be told, before anything moves.

    Raises
    ------
    ConfigError, DataError
        As `alrun.costs.base.Cost.of`.
    """
    if isinstance(session.job.cost, Objects) and not snapshot.ontology.objects:
        raise ConfigError("cost=objects counts objects, but the ontology has no object class: choose cost=labels")
    session.job.cost.of(_rows(pool, hashes), [Label()] * len(hashes))


def round_cost(session: Session, folder: RoundFolder, snapshot: Snapshot, hashes: Sequence[str]) -> float:
    """Return what the images that were labelled in a round cost."""
    if not hashes:
        return 0.0
    rows = {task.data_hash: task.label_hash for task in snapshot.tasks}
    labels = [snapshot.labels.get(rows[h] or "", Label()) for h in hashes]
    with folder.reading(folder.pool):
        pool = pl.read_parquet(folder.pool, glob=False)
    return float(session.job.cost.of(_rows(pool, hashes), labels).sum())


def stability(session: Session, number: int, training: Training) -> dict[str, float | None] | None:
    """Compare what a model predicts with what that of the round before did; None if no rule asks.

    The predicted classes are kept in the round's folder, where the next round finds them whatever happens to this
    process.
    """
    if not any(rule.reads == "predictions" for rule in session.job.stop.values()):
        return None
    if training.trained is None or isinstance(training.trained, Imported):  # what is not trained does not change
        return None
    frame = predictions(session, training.snapshot, training.trained)
    if frame.is_empty():
        return None
    waiting = frame.filter(pl.col("split") == "pool").select(pl.col("^p_.*$")).to_numpy()
    predicted = frame.select("data_hash", "predicted")
    write_parquet(session.folder.round(number).predicted, predicted)
    facts: dict[str, float | None] = {"uncertainty": mean_uncertainty(waiting)}
    earlier = session.folder.rounds().get(number - 1)
    if earlier is not None and earlier.predicted.exists():
        with earlier.reading(earlier.predicted):
            before_this = pl.read_parquet(earlier.predicted, columns=predicted.columns, glob=False)
        both = before_this.join(predicted, on="data_hash", suffix="_after")
        if both.height:
            _, indices = np.unique(both.select("predicted", "predicted_after").to_numpy(), return_inverse=True)
            before, after = indices.reshape(-1, 2).T
            facts |= {"kappa": kappa(before, after), "f_change": f_change(before, after)}
    return facts


def finished(session: Session, last: int) -> list[RoundFacts]:
    """Return the facts of every finished round up to `last`."""
    folders = session.folder.rounds()
    over = [folder for number, folder in folders.items() if number <= last and folder.result.exists()]
    return [RoundFacts.from_result(folder.read_result()) for folder in over]


def why_stop(session: Session, last: int) -> str | None:
    """Return why no round should follow `last`; None if the run goes on."""
    if not session.job.stop:
        return None
    rounds = finished(session, last)
    for name, rule in session.job.stop.items():
        reason = rule.verdict(rounds)
        if reason is not None:
            return f"stop.{name}: {reason}"
        if rule.reads == "figures" and not rounds[-1].figures:
            session.folder.note(f"stop.{name} goes by the evaluation, but no image is held out: it never ends this run")
    return None


def outlook(session: Session, rounds: Sequence[RoundFacts]) -> str:
    """Say what the last of the finished rounds cost, and what the next one is expected to bring."""
    now, before = rounds[-1], rounds[-2].spent if len(rounds) > 1 else 0.0
    unit = session.job.cost.unit
    said = f"round {now.number}: {now.spent - before:g} {unit} spent, {now.spent:g} in all"
    if now.number >= session.job.rounds:
        return said
    evaluated = [facts for facts in rounds if FIGURE in facts.figures]
    gain = expected_next(
        [facts.labelled for facts in evaluated], [facts.figures[FIGURE] for facts in evaluated], session.job.budget
    )
    if gain is None:
        return said
    return f"{said}; {session.job.budget} more labels are expected to bring {gain:+.4f} {FIGURE} (power law)"


def _rows(pool: pl.DataFrame, hashes: Sequence[str]) -> pl.DataFrame:
    wanted = pl.DataFrame({"data_hash": list(hashes)}, schema={"data_hash": pl.String})
    known = pool.join(wanted, on="data_hash", how="semi").unique("data_hash", keep="first")
    return wanted.join(known, on="data_hash", how="left", maintain_order="left")
