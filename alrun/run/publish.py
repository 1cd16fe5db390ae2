"""From a run folder to what people read: selection.csv, curve.csv, report.html and the summary on the terminal."""

from __future__ import annotations

import csv
import io
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from alrun.errors import DataError, StateError, Unusable
from alrun.files import write_text
from alrun.pool.frame import PROJECTION
from alrun.report.data import FilterRow, MetricView, Phase, RoundSection, RunReport, StepRow
from alrun.report.page import MOST_PICKS, render
from alrun.report.plane import plane_view
from alrun.report.quality import QualityView, quality_view
from alrun.report.thumbnails import thumbnails
from alrun.run.chapter import Chapter
from alrun.run.job import Job, choice
from alrun.run.rounds.accounts import moved_and_restored, sent_back, written_rows
from alrun.run.rounds.auditing import audit_so_far
from alrun.run.session import Session
from alrun.run.source import imported_left_out
from alrun.run.tables import write_parquet, write_selection
from alrun.terminal import command_for, print_all
from alrun.types import LeftOut

log = logging.getLogger("alrun")

Floats = np.ndarray[tuple[int], np.dtype[np.float64]]

CURVE_COLUMNS = ("round", "labelled", "accuracy", "macro_f1", "log_loss", "calibration_error")
OBJECT_CURVE_COLUMNS = ("round", "labelled", "map", "map_50", "mar", "precision", "recall", "f1")
OUTPUTS = (
    "report.html", "selection.csv", "curve.csv", "pool.parquet", "predictions.parquet", "evaluation.parquet", "model",
    "run.json",
)  # fmt: skip


def publish(session: Session) -> None:
    """Write the run's tables and its report from what its rounds left, and print the summary.

    Raises
    ------
    StateError
        If a file that they are made of cannot be read.
    """
    try:
        _publish(session)
    except Unusable as error:
        raise StateError(f"there is no new report: {error.what}. {_what_now(session)}") from None


def _publish(session: Session) -> None:
    folder = session.folder.path
    with session.phase("report"):
        chapters = _chapters(session)
        write_selection(folder / "selection.csv", [(c.number, c.picks) for c in chapters])
        write_text(folder / "curve.csv", _curve_csv(chapters))
        if chapters:
            write_parquet(folder / "pool.parquet", chapters[-1].pool())
        report = _report(session, chapters)
        write_text(folder / "report.html", render(report))
    _print(replace(report, phases=_phases(session.folder.record), outputs=_outputs(folder)))


def _what_now(session: Session) -> str:
    restore = command_for("restore", session.folder.path)
    if session.folder.record["status"] in {"restored", "done"}:
        return f"The tasks are back. For a report, put the file back and do this again: {restore}"
    return f"Put the file back, or bring the tasks back, which works without it: {restore}"


def _chapters(session: Session) -> list[Chapter]:
    return [Chapter.read(number, folder) for number, folder in session.folder.rounds().items() if folder.plan.exists()]


def _curve_columns(chapters: Iterable[Chapter]) -> tuple[str, ...]:
    """Return the columns of the curve: those of objects, if that is what was evaluated."""
    return OBJECT_CURVE_COLUMNS if any("map" in (c.result.get("evaluation") or ()) for c in chapters) else CURVE_COLUMNS


def _curve_csv(chapters: Sequence[Chapter]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = _curve_columns(chapters)
    writer.writerow(columns)
    writer.writerows(_curve_rows(chapters, columns))
    return out.getvalue()


def _curve_rows(chapters: Iterable[Chapter], columns: Sequence[str]) -> list[list[Any]]:
    return [
        [c.number, c.result["labelled"], *(c.result["evaluation"][name] for name in columns[2:])]
        for c in chapters
        if c.result.get("evaluation")
    ]


def _report(session: Session, chapters: list[Chapter]) -> RunReport:
    record = session.folder.record
    columns = _curve_columns(chapters)
    schema = {name: pl.Int64 if name in columns[:2] else pl.Float64 for name in columns}
    evaluated = [c for c in chapters if c.result.get("evaluation")]
    per_class = None
    if evaluated:
        per_class = pl.DataFrame(evaluated[-1].result["evaluation"]["per_class"]).rename({"name": "class"})
    return RunReport(
        title=session.job.name,
        run_id=session.folder.run_id,
        status=record["status"],
        command=record["command"],
        action=record["action"],
        asked=_asked(session.job, record),
        stages_before=dict(chapters[0].choice["stages"]) if chapters else {},
        stages_after=dict(session.stage_counts()),
        rounds=tuple(_section(chapter) for chapter in chapters),
        curve=pl.DataFrame(_curve_rows(chapters, columns), schema=schema, orient="row"),
        per_class=per_class,
        quality=_quality(evaluated[-1].result) if evaluated else None,
        audit=_audit(chapters),
        phases=_phases(record),
        import_left_out=_import_left_out(session.job),
        notes=tuple(record["notes"]),
        config_yaml=_yaml(session.job.config),
        versions=_versions(record),
        thumbnails=_thumbnails(session, chapters),
        outputs=_outputs(session.folder.path),
    )


def _audit(chapters: Sequence[Chapter]) -> tuple[str, ...]:
    audit = audit_so_far([chapter.folder for chapter in chapters])
    return () if audit is None else tuple(audit.sentences())


def _quality(result: Mapping[str, Any]) -> QualityView | None:
    quality = result.get("quality")
    return None if quality is None else quality_view(result["evaluation"], quality)


def _asked(job: Job, record: Mapping[str, Any]) -> dict[str, str]:
    return {
        "project": f"{record['project']['title']} ({record['project']['id']})",
        "platform": choice(job.platform),
        **({"dataset": choice(job.dataset)} if choice(job.platform) == "local" else {}),
        "strategy": choice(job.strategy),
        "budget": f"{job.budget} a round, {job.rounds} rounds" if job.rounds > 1 else str(job.budget),
        "recipe": choice(job.recipe),
        "annotator": choice(job.annotator),
        "model": choice(job.model),
        "seed": str(job.seed),
    }


def _section(chapter: Chapter) -> RoundSection:
    result = chapter.result
    labels = result.get("labels", {})
    moved, restored = moved_and_restored(chapter.plan, chapter.progress)
    pool = chapter.pool()
    return RoundSection(
        number=chapter.number,
        strategy=chapter.choice["strategy"],
        picks=tuple(chapter.picks),
        labels={h: ", ".join(classes) or "nothing" for h, classes in labels.items()},
        class_counts=dict(Counter(name for classes in labels.values() for name in classes)),
        metric=_metric(chapter, pool),
        filters=tuple(_filter_row(*item) for item in chapter.choice["removed"]),
        steps=tuple(
            StepRow(s["number"], s["text"], s["tasks"], s["requests"], s["seconds"], s["outcome"])
            for _, s in sorted(chapter.steps.items(), key=lambda item: int(item[0]))
        ),
        moved=moved,
        restored=restored,
        again=sent_back(chapter.plan, chapter.progress, result),
        written=tuple(written_rows(chapter.folder, pool)),
        left_out=(*chapter.plan.left_out, *_left_alone(chapter, pool)),
        unread=tuple(LeftOut(*item) for item in chapter.choice.get("unread", ())),
        plane=plane_view(pool, *PROJECTION, {h: classes[0] for h, classes in labels.items() if classes}),
    )


def _left_alone(chapter: Chapter, pool: pl.DataFrame) -> Iterable[LeftOut]:
    """Return the tasks that the recipe left alone while it was applied, by title."""
    skipped = {row: why for rows in chapter.progress.skipped.values() for row, why in rows.items()}
    if not skipped:
        return ()
    titles = dict(pool.select("task_id", "title").iter_rows())
    ids = [task.task_id for task in chapter.plan.tasks]
    return (LeftOut(titles.get(ids[row], ids[row]), why) for row, why in sorted(skipped.items()))


def _filter_row(text: str, tasks: int, missing: int) -> FilterRow:
    return FilterRow(f"{text} ({missing} have no value)" if missing else text, tasks)


def _metric(chapter: Chapter, pool: pl.DataFrame) -> MetricView | None:
    """Return the metric that the strategy went by; for other strategies the scores of the picks say it all."""
    name = next(iter(chapter.choice["metrics"]), None)
    if name is None or name not in pool.columns:
        return None
    pool = pool.filter("candidate")
    selected = pool.filter(pl.col("rank").is_not_null()).sort("rank")
    values = _floats(selected[name])
    scores = np.array([pick.score for pick in chapter.picks])
    return MetricView(name, _direction(values, scores), _floats(pool[name]), values)


def _direction(values: Floats, scores: Floats) -> str | None:
    """Return which end of a metric was labelled first, if the picks, in rank order, went by nothing else."""
    if values.shape != scores.shape or not np.allclose(values, scores, rtol=1e-6, atol=0):
        return None
    steps = np.diff(values)
    if not steps.any():
        return None
    return "lowest first" if (steps >= 0).all() else "highest first" if (steps <= 0).all() else None


def _floats(column: pl.Series) -> Floats:
    return np.asarray(column.to_numpy(), np.float64)


def _outputs(folder: Path) -> dict[str, str]:
    return {name: str(folder / name) for name in OUTPUTS if (folder / name).exists()}


def _phases(record: Mapping[str, Any]) -> tuple[Phase, ...]:
    """Return a row a phase: one that happened several times, as in a run that was resumed, has one row for all."""
    same: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for phase in record["phases"]:
        same.setdefault((phase["name"], phase["round"]), []).append(phase)
    return tuple(_phase(phases) for phases in same.values())


def _phase(times: Sequence[Mapping[str, Any]]) -> Phase:
    last = {**times[-1], "requests": sum(phase["requests"] for phase in times)}
    details = {k: v for k, v in last.items() if k not in {"name", "round", "seconds"} and v}
    counts = [f"{v} {k[:-1] if v == 1 and k.endswith('s') else k}" for k, v in details.items()]
    often = [f"{len(times)} times"] if len(times) > 1 else []
    return Phase(last["name"], last["round"], sum(phase["seconds"] for phase in times), ", ".join([*often, *counts]))


def _thumbnails(session: Session, chapters: list[Chapter]) -> dict[str, bytes]:
    count = min(session.job.thumbnails, MOST_PICKS)
    hashes = [pick.data_hash for chapter in chapters for pick in chapter.picks[:count]]
    session.fetch(hashes)
    return thumbnails(session.images[h] for h in dict.fromkeys(hashes) if h in session.images)


def _import_left_out(job: Job) -> tuple[LeftOut, ...]:
    try:
        return imported_left_out(job)
    except DataError:  # the dataset is gone: a project that lives in a file does without
        return ()


def _versions(record: Mapping[str, Any]) -> dict[str, str]:
    code = record["code"]
    commit = f" ({code['commit'][:12]}{', changed since' if code['dirty'] else ''})" if code["commit"] else ""
    packages = {name: version for name, version in record["packages"].items() if version}
    return {"alrun": f"{code['version']}{commit}", "python": record["python"], **packages, "system": record["system"]}


def _yaml(config: Mapping[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True)


def _print(report: RunReport) -> None:
    from alrun.report.tables import summary

    print_all(partial(summary, report))
