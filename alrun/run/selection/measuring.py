"""The pool with every configured metric."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.errors import AlrunError, raised_in
from alrun.metrics.base import Metric, MetricInputs, checked_values
from alrun.metrics.images import PixelMetric, measure_all
from alrun.pool.frame import pool_frame
from alrun.run.selection.crops import crop_vectors
from alrun.run.session import Session
from alrun.seeds import generator
from alrun.types import Label, Need, Snapshot

log = logging.getLogger("alrun")


def scored_pool(session: Session, snapshot: Snapshot, round_number: int) -> pl.DataFrame:
    """Return the pool with one column for each configured metric.

    A task whose image cannot be had or decoded has NaN in every metric that looks at images or embeddings.
    """
    pool = pool_frame(snapshot)
    metrics = session.job.metrics
    needs = {need for metric in metrics.values() for need in metric.needs}
    hashes = pool["data_hash"].to_list()
    if needs & {Need.EMBEDDINGS, Need.IMAGES, Need.CROPS}:
        session.fetch(hashes)
    columns = _measured(session, pool)
    if Need.EMBEDDINGS in needs:
        session.without_bad_images(lambda: session.embed([h for h in hashes if h in session.images]))
    here = np.array([h in session.images for h in hashes], bool)
    for name, metric in metrics.items():
        if name not in columns:
            rows = np.flatnonzero(here) if metric.needs else np.arange(len(hashes))
            values = np.full(len(hashes), np.nan)
            rng = generator(session.job.seed, round_number, f"metric {name}")
            values[rows] = _computed(name, metric, _inputs(session, snapshot, pool, rows, metric.needs), rng)
            columns[name] = values
    return pool.with_columns(pl.Series(name, columns[name]) for name in metrics)


def _computed(name: str, metric: Metric, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return a metric's answer; an error of the metric's own does not say which one it was."""
    try:
        answer = metric.compute(inputs, rng)
    except AlrunError:
        raise
    except Exception as error:
        raise RuntimeError(f"the metric {name!r} failed: {error!r} in {raised_in(error)}") from error
    return checked_values(answer, [task.title for task in inputs.tasks], name)


def _measured(session: Session, pool: pl.DataFrame) -> dict[str, npt.NDArray[np.float64]]:
    """Return the columns of the metrics of pixels, from one pass over the images."""
    metrics = {name: metric for name, metric in session.job.metrics.items() if isinstance(metric, PixelMetric)}
    if not metrics:
        return {}
    hashes, titles = pool["data_hash"].to_list(), pool["title"].to_list()
    rows = [row for row, data_hash in enumerate(hashes) if data_hash in session.images]
    measured = measure_all(metrics, [session.images[hashes[row]] for row in rows], session.job.cache)
    log.info("metrics of pixels: %d images decoded, %d from the cache", measured.decoded, len(rows) - measured.decoded)
    session.leave_out(measured.broken)
    columns = {name: np.full(len(hashes), np.nan) for name in metrics}
    for name, values in measured.values.items():
        columns[name][rows] = checked_values(values, [titles[row] for row in rows], name)
    return columns


def _inputs(
    session: Session, snapshot: Snapshot, pool: pl.DataFrame, rows: npt.NDArray[np.intp], needs: Collection[Need]
) -> MetricInputs:
    tasks = [snapshot.tasks[row] for row in rows.tolist()]
    hashes = [task.data_hash for task in tasks]
    labels = [snapshot.labels.get(task.label_hash) if task.label_hash else None for task in tasks]
    return MetricInputs(
        tasks=tasks,
        labels=labels,
        labelled=pool["labelled"].to_numpy()[rows],
        ontology=snapshot.ontology,
        embeddings=session.embeddings(hashes) if Need.EMBEDDINGS in needs else None,
        images=[session.images[h] for h in hashes] if Need.IMAGES in needs else None,
        crops=_crops(session, hashes, labels) if Need.CROPS in needs else None,
    )


def _crops(session: Session, hashes: Sequence[str], labels: Sequence[Label | None]) -> list[npt.NDArray[np.float32]]:
    """Return the vectors of the objects in each image; none where the image turns out to be bad."""
    return session.without_bad_images(lambda: crop_vectors(session, [session.images.get(h) for h in hashes], labels))
