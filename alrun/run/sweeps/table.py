"""From the run folders of a sweep to two tables: one row for each job and round.

The columns are described in docs/sweep.md.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

import polars as pl

from alrun.errors import StateError, Unusable
from alrun.files import write_text
from alrun.models.evaluate import Evaluation
from alrun.models.figures import Figure
from alrun.run.folder import RunFolder
from alrun.run.round_folder import read_object
from alrun.run.sweep_record import JobRecord, PlannedJob, SweepRecord
from alrun.run.tables import read_selection, write_parquet

FIGURES = tuple(f.name for f in fields(Evaluation) if f.name in get_args(Figure))
"""The figures of an evaluation, in the order of `alrun.models.evaluate.Evaluation`."""

PHASES = ("snapshot", "metrics", "select", "apply", "label", "restore", "train", "evaluate", "save")
"""The phases of a round whose times are columns."""

CLASSES = pl.List(pl.Struct({"class": pl.String, "images": pl.Int64}))

ROWS: Mapping[str, Any] = {
    "sweep": pl.String,
    "job": pl.String,
    "number": pl.Int64,
    "role": pl.String,
    "status": pl.String,
    "exit_code": pl.Int64,
    "error": pl.String,
    "folder": pl.String,
    "overrides": pl.String,
    "arm": pl.String,
    "strategy_digest": pl.String,
    "setting": pl.String,
    "setting_label": pl.String,
    "reference": pl.String,
    "config_digest": pl.String,
    "data": pl.String,
    "dataset": pl.String,
    "embedding": pl.String,
    "model": pl.String,
    "strategy": pl.String,
    "initial_strategy": pl.String,
    "recipe": pl.String,
    "annotator": pl.String,
    "seed": pl.Int64,
    "budget": pl.Int64,
    "rounds": pl.Int64,
    "round": pl.Int64,
    "chosen_by": pl.String,
    "candidates": pl.Int64,
    "selected": pl.Int64,
    "labelled": pl.Int64,
    "cost": pl.Float64,
    "spent": pl.Float64,
    "examples": pl.Int64,
    **dict.fromkeys(FIGURES, pl.Float64),
    **{f"seconds.{name}": pl.Float64 for name in PHASES},
    "job_seconds": pl.Float64,
    "picked_classes": CLASSES,
    "labelled_classes": CLASSES,
}
"""The columns of sweep.parquet; one column `param.KEY` (text) follows for each swept key."""

PICKS: Mapping[str, Any] = {
    "sweep": pl.String,
    "job": pl.String,
    "round": pl.Int64,
    "chosen_by": pl.String,
    "data_hashes": pl.List(pl.String),
    "scores": pl.List(pl.Float64),
    "labels": pl.List(pl.String),
}
"""The columns of picks.parquet."""


@dataclass(frozen=True)
class SweepTables:
    """What one or many sweeps came to; `rows` and `picks` have the columns `ROWS` and `PICKS`."""

    rows: pl.DataFrame
    picks: pl.DataFrame


def gather(folder: Path) -> SweepTables:
    """Read the run folders of the sweep in `folder`; a job that left nothing has one row without figures.

    Raises
    ------
    StateError
        If the folder holds no sweep.
    """
    sweep = SweepRecord.open(folder)
    rows: list[dict[str, Any]] = []
    picks: list[dict[str, Any]] = []
    for job in sweep.jobs:
        run = folder / job.folder
        found = list(_rounds(run))
        facts = {"sweep": folder.name, **_facts(job, JobRecord.of(run))}
        rows += [facts | row for row, _ in found] or [facts]
        picks += [{"sweep": folder.name, "job": job.job, **picked} for _, picked in found]
    params = dict.fromkeys(f"param.{key}" for job in sweep.jobs for key in job.overrides)
    return SweepTables(
        pl.DataFrame(rows, schema={**ROWS, **dict.fromkeys(params, pl.String)}, orient="row"),
        pl.DataFrame(picks, schema=dict(PICKS), orient="row"),
    )


def write_tables(folder: Path) -> SweepTables:
    """Gather the sweep in `folder` and write sweep.parquet, sweep.csv and picks.parquet there."""
    tables = gather(folder)
    write_parquet(folder / "picks.parquet", tables.picks)
    write_parquet(folder / "sweep.parquet", tables.rows)
    flat = tables.rows.with_columns(pl.col(name).map_elements(_text, pl.String) for name in _nested(tables.rows))
    write_text(folder / "sweep.csv", flat.write_csv(None))
    return tables


def read_sweeps(folders: Sequence[Path]) -> SweepTables:
    """Read the tables of many sweeps as one; a `param.` column that a sweep does not have is null there.

    Raises
    ------
    StateError
        If a folder has no tables, or damaged ones.
    """
    for folder in folders:
        if not (folder / "sweep.parquet").is_file():
            raise StateError(f"{folder} holds no sweep: there is no sweep.parquet in it")
    names = {folder: pl.lit(name).alias("sweep") for folder, name in sweep_names(folders).items()}
    rows = [_table(folder / "sweep.parquet").with_columns(names[folder]) for folder in folders]
    picks = [_table(folder / "picks.parquet").with_columns(names[folder]) for folder in folders]
    return SweepTables(
        pl.concat([pl.DataFrame(schema=dict(ROWS)), *rows], how="diagonal"),
        pl.concat([pl.DataFrame(schema=dict(PICKS)), *picks]),
    )


def sweep_names(folders: Sequence[Path]) -> dict[Path, str]:
    """Return a name for each sweep's folder: the end of its path, as long as it takes to tell it from the others."""
    names = {folder: folder.name for folder in folders}
    depth = 1
    while depth < max(len(folder.parts) for folder in folders) and len(set(names.values())) < len(names):
        depth += 1
        taken = Counter(names.values())
        names = {f: str(Path(*f.parts[-depth:])) if taken[name] > 1 else name for f, name in names.items()}
    return names


def _facts(job: PlannedJob, record: JobRecord) -> dict[str, Any]:
    """Return the columns that are the same in every round of a job."""
    return {
        **{f"param.{key}": value for key, value in job.overrides.items()},
        **job.facts,
        "job": job.job,
        "number": job.number,
        "role": job.role,
        "folder": job.folder,
        "overrides": job.label,
        "reference": job.reference,
        "status": record.status,
        "exit_code": record.exit_code,
        "error": record.error,
        "job_seconds": record.seconds,
    }


def _rounds(run: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield a row of each table for every round of a run that is over."""
    if not (run / "run.json").exists():
        return
    folder = RunFolder.open(run)
    for number, files in folder.rounds().items():
        if not files.result.exists():
            continue
        result = files.read_result()
        evaluation = result["evaluation"] or {}
        with files.reading(files.choice):
            choice = read_object(files.choice, {"strategy": str, "candidates": int})
        with files.reading(files.selection):
            picks = read_selection(files.selection)
        labels = result["labels"]
        row = {
            "round": number,
            "chosen_by": choice["strategy"],
            "candidates": choice["candidates"],
            "selected": result["selected"],
            "labelled": result["labelled"],
            "cost": result["cost"],
            "spent": result["spent"],
            **{name: evaluation.get(name) for name in ("examples", *FIGURES)},
            **_seconds(folder.record["phases"], number),
            "picked_classes": _counts(Counter(name for classes in labels.values() for name in classes)),
            "labelled_classes": _counts(result["counts"]),
        }
        picked = {
            "round": number,
            "chosen_by": choice["strategy"],
            "data_hashes": [pick.data_hash for pick in picks],
            "scores": [pick.score for pick in picks],
            "labels": [", ".join(labels.get(pick.data_hash, ())) for pick in picks],
        }
        yield row, picked


def _seconds(phases: Iterable[Mapping[str, Any]], number: int) -> dict[str, float]:
    """Return the time of each phase of a round, summed over the processes that worked on it."""
    seconds = {f"seconds.{name}": 0.0 for name in PHASES}
    for phase in phases:
        if phase["round"] == number and phase["name"] in PHASES:
            seconds[f"seconds.{phase['name']}"] += phase["seconds"]
    return seconds


def _counts(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"class": name, "images": count} for name, count in sorted(counts.items())]


def _table(path: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        fault = " ".join(str(error).split())
        raise Unusable(f"{path} is damaged ({fault})", "start the same sweep again, which writes it anew") from None


def _nested(frame: pl.DataFrame) -> list[str]:
    return [name for name, kind in frame.schema.items() if kind.is_nested()]


def _text(counts: pl.Series) -> str:
    return json.dumps({item["class"]: item["images"] for item in counts}, ensure_ascii=False)
