"""From a snapshot to a selection: pool, metrics, filters, preflight, strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from alrun.errors import ConfigError
from alrun.filters import Removed
from alrun.models.base import Trained
from alrun.models.imported import ImportedModel
from alrun.pool.frame import PROJECTION, metadata_names
from alrun.recipe.preflight import preflight
from alrun.run.job import choice
from alrun.run.learning.given import labelled_images
from alrun.run.selection.cost import announce
from alrun.run.selection.inputs import strategy_inputs
from alrun.run.selection.looked_up import looked_up
from alrun.run.selection.measuring import scored_pool
from alrun.run.session import Session
from alrun.run.tables import read_selection
from alrun.seeds import generator
from alrun.strategies.base import Strategy, checked_ranking
from alrun.types import OF_A_MODEL, LeftOut, Need, Pick, Snapshot, StageType, Task


@dataclass(frozen=True)
class Selected:
    """What a round chose, and from what.

    Attributes
    ----------
    pool
        Every task with every metric, and the columns `candidate` (bool) and `rank` (null unless selected). If images
        were embedded, also `projection_x` and `projection_y`: where they are in the plane, for pictures; else NaN.
    tasks
        The candidates that passed preflight.
    removed
        Each predicate of the filters, with the number of tasks it removed.
    left_out
        Candidates that the recipe must not touch, with the reason.
    unread
        Other tasks whose image cannot be had or decoded: metrics of images have no value for them.
    """

    pool: pl.DataFrame
    tasks: list[Task]
    picks: list[Pick]
    removed: tuple[Removed, ...]
    left_out: list[LeftOut]
    unread: list[LeftOut]


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
        hashes = pool["data_hash"].to_list()
        columns = session.without_bad_images(lambda: looked_up(session, snapshot, hashes, trained))
        filtered = filters.apply(pool.with_columns(columns))
        ready, barred = preflight(snapshot, set(pool["task_id"].gather(filtered.rows)), session.job.recipe.takes)
        ready, barred = _not_again(session, ready, barred, round_number)
        target = snapshot.ontology.target
        classes = target.options if target is not None else ()
        learnt = target if Need.OUT_OF_SAMPLE in strategy.needs else None
        known = {} if learnt is None else dict(zip(*labelled_images(snapshot, learnt), strict=True))

        def choose() -> tuple[list[Task], list[LeftOut], pl.DataFrame, list[Pick]]:
            tasks, left_out = _with_images(session, strategy, ready, barred)
            candidates = pool.filter(pl.col("task_id").is_in([task.task_id for task in tasks]))
            picks = _pick(session, strategy, trained, candidates, pool, budget, round_number, classes, known)
            return tasks, left_out, candidates, picks

        tasks, left_out, candidates, picks = session.without_bad_images(choose)
        counts |= {"candidates": len(tasks), "left_out": len(left_out), "selected": len(picks)}
    ranks = {pick.task_id: pick.rank for pick in picks}
    pool = pool.with_columns(
        pl.col("task_id").is_in(candidates["task_id"].implode()).alias("candidate"),
        pl.Series("rank", [ranks.get(task) for task in pool["task_id"]], dtype=pl.Int64),
        *_projection(session, hashes),
    )
    return Selected(pool, tasks, picks, filtered.removed, left_out, _unread(session, snapshot, left_out))


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


def _not_again(
    session: Session, tasks: list[Task], left_out: list[LeftOut], round_number: int
) -> tuple[list[Task], list[LeftOut]]:
    """Leave out what an earlier round of the run sent back: people have just answered, whatever the model says."""
    if session.job.recipe.takes is not StageType.DONE:
        return tasks, left_out
    earlier = [folder for number, folder in session.folder.rounds().items() if number < round_number]
    sent: set[str] = set()
    for folder in earlier:
        with folder.reading(folder.selection):
            sent.update(pick.task_id for pick in read_selection(folder.selection))
    again = [LeftOut(t.title, "an earlier round of this run sent it back") for t in tasks if t.task_id in sent]
    return [task for task in tasks if task.task_id not in sent], left_out + again


def _with_images(
    session: Session, strategy: Strategy, tasks: list[Task], left_out: list[LeftOut]
) -> tuple[list[Task], list[LeftOut]]:
    """Leave out tasks whose image cannot be had, if the strategy has to look at images."""
    of_the_model = () if isinstance(session.job.model, ImportedModel) else OF_A_MODEL
    if not strategy.needs & {Need.EMBEDDINGS, Need.OUT_OF_SAMPLE, *of_the_model}:
        return tasks, left_out
    session.fetch([task.data_hash for task in tasks])
    gone = [LeftOut(t.title, session.missing[t.data_hash]) for t in tasks if t.data_hash in session.missing]
    return [task for task in tasks if task.data_hash not in session.missing], left_out + gone


def _unread(session: Session, snapshot: Snapshot, left_out: Sequence[LeftOut]) -> list[LeftOut]:
    named = {item.name for item in left_out}
    tasks = [task for task in snapshot.tasks if task.data_hash in session.missing and task.title not in named]
    return [LeftOut(task.title, session.missing[task.data_hash]) for task in tasks]


def _projection(session: Session, hashes: Sequence[str]) -> list[pl.Series]:
    """Return the columns of a projection of the embeddings that were computed; none if none were."""
    rows = [row for row, data_hash in enumerate(hashes) if session.is_embedded(data_hash)]
    if not rows:
        return []
    plane = np.full((len(hashes), 2), np.nan)
    plane[rows] = session.plane([hashes[row] for row in rows])
    return [pl.Series(name, plane[:, axis]) for axis, name in enumerate(PROJECTION)]


def _pick(
    session: Session,
    strategy: Strategy,
    trained: Trained | None,
    candidates: pl.DataFrame,
    pool: pl.DataFrame,
    budget: int,
    round_number: int,
    classes: Sequence[str],
    known: Mapping[str, int],
) -> list[Pick]:
    hashes = candidates["data_hash"].to_list()
    if not hashes:
        return []
    inputs = strategy_inputs(session, strategy, trained, candidates, pool, round_number, classes, known)
    rng = generator(session.job.seed, round_number, "strategy")
    announce(strategy, inputs, budget)
    ranking = checked_ranking(strategy.select(inputs, budget, rng), len(hashes), budget, choice(strategy))
    for note in ranking.notes:
        session.folder.note(f"round {round_number}: {note}")
    ids, titles = candidates["task_id"], candidates["title"]
    ranked = zip(ranking.rows.tolist(), ranking.scores.tolist(), ranking.reasons, strict=True)
    return [
        Pick(rank, ids[row], hashes[row], titles[row], score, reason)
        for rank, (row, score, reason) in enumerate(ranked, start=1)
    ]
