"""From a snapshot to a selection: pool, metrics, filters, preflight, strategy."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from alrun.errors import ConfigError
from alrun.files import write_bytes, write_text
from alrun.filters import Removed
from alrun.models.base import Trained
from alrun.pool.frame import metadata_names
from alrun.recipe.preflight import preflight
from alrun.run.inputs import strategy_inputs
from alrun.run.measuring import scored_pool
from alrun.run.session import Session
from alrun.seeds import generator
from alrun.strategies.base import Strategy
from alrun.types import LeftOut, Need, Pick, Snapshot, Task

SELECTION_COLUMNS = ("round", "rank", "task_id", "data_hash", "title", "score", "reason")


@dataclass(frozen=True)
class Selected:
    """What a round chose, and from what.

    Attributes
    ----------
    pool
        Every task with every metric, and the columns `candidate` (bool) and `rank` (null unless selected).
    tasks
        The candidates that passed preflight.
    removed
        Each predicate of the filters, with the number of tasks it removed.
    left_out
        Candidates that the recipe must not touch, with the reason.
    """

    pool: pl.DataFrame
    tasks: list[Task]
    picks: list[Pick]
    removed: tuple[Removed, ...]
    left_out: list[LeftOut]


def select(
    session: Session, snapshot: Snapshot, strategy: Strategy, trained: Trained | None, budget: int, round_number: int
) -> Selected:
    """Choose `budget` tasks by `strategy` among those that pass the filters and preflight.

    Raises
    ------
    ConfigError
        If the strategy or a filter reads a metric that is not configured, or a filter names an unknown stage or
        tag.
    StateError
        If the workflow does not allow any recipe.
    """
    filters = session.job.filters
    _check_metrics(session, strategy)
    check_names(session, snapshot)
    with session.phase("metrics", round_number):
        pool = scored_pool(session, snapshot, round_number)
    with session.phase("select", round_number) as counts:
        filtered = filters.apply(pool)
        tasks, left_out = preflight(snapshot, set(pool["task_id"].gather(filtered.rows)))
        tasks, left_out = _with_images(session, strategy, tasks, left_out)
        candidates = pool.filter(pl.col("task_id").is_in([task.task_id for task in tasks]))
        picks = _pick(session, strategy, trained, candidates, pool, budget, round_number)
        counts |= {"candidates": len(tasks), "left_out": len(left_out), "selected": len(picks)}
    ranks = {pick.task_id: pick.rank for pick in picks}
    pool = pool.with_columns(
        pl.col("task_id").is_in(candidates["task_id"].implode()).alias("candidate"),
        pl.Series("rank", [ranks.get(task) for task in pool["task_id"]], dtype=pl.Int64),
    )
    return Selected(pool, tasks, picks, filtered.removed, left_out)


def write_selection(path: Path, rounds: Sequence[tuple[int, Sequence[Pick]]]) -> None:
    """Write picks as CSV (RFC 4180, UTF-8), in the order of rounds and ranks."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(SELECTION_COLUMNS)
    for number, picks in rounds:
        for p in picks:
            writer.writerow([number, p.rank, p.task_id, p.data_hash, p.title, repr(p.score), p.reason])
    write_text(path, out.getvalue())


def read_selection(path: Path) -> list[Pick]:
    """Read the picks that :func:`write_selection` wrote for one round."""
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))
    return [
        Pick(int(r["rank"]), r["task_id"], r["data_hash"], r["title"], float(r["score"]), r["reason"]) for r in rows
    ]


def write_parquet(path: Path, frame: pl.DataFrame) -> None:
    """Write a table, whole or not at all."""
    out = io.BytesIO()
    frame.write_parquet(out)
    write_bytes(path, out.getvalue())


def check_names(session: Session, snapshot: Snapshot) -> None:
    """Check every name in the filters against what the project and the run have.

    Raises
    ------
    ConfigError
        If any is unknown; the message says what is allowed.
    """
    session.job.filters.check(
        stages=[stage.title for stage in snapshot.stages],
        tags=snapshot.tags.keys(),
        classes=known_classes(snapshot),
        metrics=session.job.metrics.keys(),
        metadata=metadata_names(snapshot),
    )


def known_classes(snapshot: Snapshot) -> set[str]:
    """Return the ontology's classes, and the texts that were given as answers."""
    return {*snapshot.ontology.classes, *(name for label in snapshot.labels.values() for name in label.classes)}


def _check_metrics(session: Session, strategy: Strategy) -> None:
    have = set(session.job.metrics)
    lacking = sorted((strategy.metrics | session.job.filters.metrics) - have)
    if lacking:
        wanted = ",".join(sorted(have | set(lacking)))
        raise ConfigError(
            f"the strategy or a filter reads {', '.join(lacking)}, which is not among the configured metrics "
            f"({', '.join(sorted(have)) or 'none'}): set 'metrics=[{wanted}]'"
        )


def _with_images(
    session: Session, strategy: Strategy, tasks: list[Task], left_out: list[LeftOut]
) -> tuple[list[Task], list[LeftOut]]:
    """Leave out tasks whose image cannot be had, if the strategy has to look at images."""
    if not strategy.needs & {Need.EMBEDDINGS, Need.PROBABILITIES}:
        return tasks, left_out
    session.fetch([task.data_hash for task in tasks])
    gone = [LeftOut(t.title, session.missing[t.data_hash]) for t in tasks if t.data_hash in session.missing]
    return [task for task in tasks if task.data_hash not in session.missing], left_out + gone


def _pick(
    session: Session,
    strategy: Strategy,
    trained: Trained | None,
    candidates: pl.DataFrame,
    pool: pl.DataFrame,
    budget: int,
    round_number: int,
) -> list[Pick]:
    hashes = candidates["data_hash"].to_list()
    if not hashes:
        return []
    inputs = strategy_inputs(session, strategy, trained, candidates, pool)
    rng = generator(session.job.seed, round_number, "strategy")
    ranking = strategy.select(inputs, budget, rng)
    ids, titles = candidates["task_id"], candidates["title"]
    ranked = zip(ranking.rows.tolist(), ranking.scores.tolist(), ranking.reasons, strict=True)
    return [
        Pick(rank, ids[row], hashes[row], titles[row], score, reason)
        for rank, (row, score, reason) in enumerate(ranked, start=1)
    ]
