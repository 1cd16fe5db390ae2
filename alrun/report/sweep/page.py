"""`sweep.html`: one file that reads offline, and whose only script is our own."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

import polars as pl

from alrun.compare.settings import Axis
from alrun.report.curves import MEASURES
from alrun.report.page import data_uri, environment
from alrun.report.sweep import columns, figures
from alrun.report.sweep.data import SweepReport

MOST_SETTINGS = 20
MOST_CLASSES = 20
MOST_HOLES = 200
MOST_SEEDS = 60

MARKS = {"done": "✓", "failed": "✗", "waiting": "…", "interrupted": "!", "missing": "?"}
"""How a job's status is drawn."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job in the overview."""

    status: str
    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class JobGrid:
    """The jobs of a setting: one row an arm, one cell a seed; None where the sweep has no such job."""

    setting: str
    seeds: tuple[int, ...]
    rows: Mapping[str, tuple[Job | None, ...]]


def render(report: SweepReport) -> str:
    """Return the page: HTML that refers to nothing outside itself, the same text for the same report.

    Every string is escaped by the template engine. The content security policy allows one script, by its digest; what
    it does (sorting, hiding arms, reading off values) is a convenience: the page shows everything without it. Long
    lists are capped, and say so.
    """
    comparison = report.comparison
    shown = comparison.settings[:MOST_SETTINGS]
    style = figures.styles(arm.arm for one in comparison.settings for arm in one.summary.arms)
    script = files("alrun.report").joinpath("sweep/page.js").read_text(encoding="utf-8")
    template = environment().get_template("sweep/page.html.j2")
    page = template.render(
        report=report,
        comparison=comparison,
        shown=shown,
        style=style,
        arms_compared=len({arm.arm for one in comparison.settings for arm in one.summary.arms}),
        seeds=_seeds([len(one.summary.setting.seeds) for one in comparison.settings]),
        script_digest=b64encode(sha256(script.encode()).digest()).decode(),
        measure=MEASURES[comparison.figure],
        wanted=columns.reaching(comparison.axis, report.unit),
        curves=_curves(report, style),
        profile=figures.profiles([one.summary.setting for one in comparison.settings], style),
        matrix=figures.matrix,
        results=(*columns.results(), *columns.costs()),
        powers=columns.powers,
        targets=columns.targets,
        statuses=_statuses(comparison.rows),
        grids=job_grids(comparison.rows),
        holes=holes(comparison.rows),
        first={one.setting: one for one in report.first},
        image=data_uri,
        most_settings=MOST_SETTINGS,
        most_classes=MOST_CLASSES,
        most_holes=MOST_HOLES,
        most_seeds=MOST_SEEDS,
    )
    return page.lstrip()


def job_grids(rows: pl.DataFrame) -> list[JobGrid]:
    """Return the jobs of every setting that has a hole."""
    grids = []
    jobs = rows.unique(["setting_label", "sweep", "job"], keep="first", maintain_order=True)
    for (setting,), part in jobs.group_by("setting_label", maintain_order=True):
        if (part["status"] == "done").all():
            continue
        seeds = tuple(sorted(part["seed"].unique().to_list()))
        found = {
            (job["arm"], job["seed"]): Job(
                job["status"],
                MARKS[job["status"]],
                f"{job['overrides'] or job['arm']}: {job['error'] or job['status']}",
            )
            for job in part.iter_rows(named=True)
        }
        arms = dict.fromkeys(part["arm"].to_list())
        grids.append(JobGrid(str(setting), seeds, {arm: tuple(found.get((arm, s)) for s in seeds) for arm in arms}))
    return grids


def holes(rows: pl.DataFrame) -> list[dict[str, str]]:
    """Return the jobs that are not done: which, how it ended, why, and where its folder is."""
    gone = _jobs(rows).filter(pl.col("status") != "done")
    return [
        {
            "job": row["overrides"] or row["arm"],
            "status": row["status"],
            "error": row["error"] or "",
            "folder": f"{row['sweep']}/{row['folder']}",
        }
        for row in gone.iter_rows(named=True)
    ]


def _jobs(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.unique(["sweep", "job"], keep="first", maintain_order=True)


def _statuses(rows: pl.DataFrame) -> dict[str, int]:
    """Return how many jobs have each status, in the order of `MARKS`; those that none has are left out."""
    counts = dict(_jobs(rows).group_by("status").len().iter_rows())
    return {status: counts[status] for status in MARKS if status in counts}


def _seeds(counts: Sequence[int]) -> str:
    least, most = min(counts, default=0), max(counts, default=0)
    return str(least) if least == most else f"{least} to {most}"


def _curves(report: SweepReport, style: Mapping[str, str]) -> list[Sequence[figures.CurveFigure]]:
    axis = report.comparison.axis
    other: Axis = "spent" if axis == "labelled" else "labelled"
    found: list[Sequence[figures.CurveFigure]] = []
    for one in report.comparison.settings[:MOST_SETTINGS]:
        drawn = [figures.learning_curves(one.summary.setting, axis, style, report.unit)]
        if one.other_axis is not None:
            drawn.append(figures.learning_curves(one.other_axis, other, style, report.unit))
        found.append(drawn)
    return found
