"""From the tables of sweeps to what people read: sweep.html, comparison.csv, comparison.md and the terminal."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from glob import glob
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl

from alrun.compare.comparison import Comparison, compare
from alrun.compare.settings import BASELINE, Axis
from alrun.errors import ConfigError, StateError
from alrun.files import cache_folder, write_text
from alrun.platform.store import ImageStore
from alrun.report.sweep.data import FirstPick, FirstPicks, Live, Source, SweepReport
from alrun.report.sweep.page import MOST_SETTINGS, render
from alrun.report.sweep.tables import csv_text, markdown, say
from alrun.report.thumbnails import thumbnails
from alrun.run.folder import RunFolder
from alrun.run.job import Job
from alrun.run.sweep_record import PlannedJob, SweepRecord
from alrun.run.sweeps.table import SweepTables, read_sweeps, sweep_names
from alrun.terminal import print_all
from alrun.types import ImageFile

PAGE, TABLE, TEXT = "sweep.html", "comparison.csv", "comparison.md"
PICKS_SHOWN = 12
MOST_THUMBNAILS = 240

SIMULATED = (
    "action", "annotator", "approve", "cache", "compare", "compute", "dataset", "hydra", "launcher", "name", "platform",
    "runs", "seed", "sweep", "wait",
)  # fmt: skip
"""Overrides of a simulation that say nothing about how to label a real project."""

CONFIG_FLAGS = ("-cd", "--config-dir", "-cp", "--config-path", "-cn", "--config-name")


def compare_runs(job: Job) -> int:
    """Compare the finished sweeps that `runs` names, and write the report into the run folder.

    Raises
    ------
    ConfigError
        If `runs` matches no sweep.
    StateError
        If a sweep cannot be read.
    """
    if not job.runs:
        raise ConfigError("action=compare compares the sweeps of folders: name them with runs='multirun/*'")
    folders = list(dict.fromkeys(folder for pattern in job.runs for folder in _matching(pattern)))
    folder = RunFolder.create(job.folder, {"action": job.action, "command": shlex.join(job.command)})
    report_on(folders, job.folder, job.name, job.compare.figure, job.compare.axis)
    folder.update(status="done")
    return 0


def _matching(pattern: str) -> list[Path]:
    """Return the folders of sweeps that match; refuse a pattern that finds none."""
    matching = [Path(path).absolute() for path in sorted(glob(pattern))]  # noqa: PTH207 -- it may be absolute
    folders = [path for path in matching if (path / "sweep.parquet").is_file()]
    if not folders:
        none = f"none of the {len(matching)} folders that it matches is a sweep's"
        found = none if matching else "it matches nothing"
        raise ConfigError(f"runs={pattern!r}: {found}; a sweep's folder has a sweep.parquet (docs/sweep.md)")
    return folders


def report_on(folders: Sequence[Path], into: Path, title: str, figure: str, axis: Axis) -> None:
    """Compare the sweeps in `folders`, write the report into `into` and print the verdict."""
    tables = read_sweeps(folders)
    called = sweep_names(folders)
    sweeps = {called[folder]: (folder, SweepRecord.open(folder)) for folder in folders}
    names = {name: sweep.name for name, (_, sweep) in sweeps.items()}
    comparison = compare(tables.rows, tables.picks, figure, axis, names)
    first = tuple(_first_picks(comparison, tables))
    outputs = {name: str(into / name) for name in (PAGE, TABLE, TEXT)}
    report = SweepReport(
        title=title,
        comparison=comparison,
        sources=tuple(_source(name, *found) for name, found in sweeps.items()),
        live=_live(comparison, sweeps),
        first=first,
        thumbnails=_thumbnails(first, folders),
        outputs=outputs,
        unit=_unit(folders),
    )
    for name, text in ((PAGE, render(report)), (TABLE, csv_text(comparison)), (TEXT, markdown(report))):
        write_text(into / name, text)
    print_all(partial(say, report))


def _unit(folders: Sequence[Path]) -> str | None:
    """Return the unit that the configs of all sweeps give their cost; None if one has no such key, or another."""
    first = (frozen_config(folder / SweepRecord.open(folder).jobs[0].folder) for folder in folders)
    units = {(config.get("cost") or {}).get("unit") for config in first}
    return units.pop() if len(units) == 1 else None


def report_on_sweep(folder: Path, sweep: SweepRecord) -> None:
    """Compare the jobs of one sweep, as its config says, and write the report into its folder."""
    options = frozen_config(folder / sweep.jobs[0].folder)["compare"]
    report_on([folder], folder, sweep.name, options["figure"], options["x"])


def frozen_config(run: Path) -> Any:
    """Read the resolved config that was frozen in a job's folder.

    Raises
    ------
    StateError
        If it cannot be read.
    """
    return _yaml(run, "config")


def _yaml(run: Path, name: str) -> Any:
    import yaml

    path = run / ".hydra" / f"{name}.yaml"
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise StateError(f"{path} cannot be read ({' '.join(str(error).split())})") from None


def _source(name: str, folder: Path, sweep: SweepRecord) -> Source:
    import yaml

    run = folder / sweep.jobs[0].folder
    versions = {"alrun": str(sweep.code.get("version"))}
    if sweep.code.get("commit"):
        versions["commit"] = f"{sweep.code['commit'][:12]}{', changed since' if sweep.code.get('dirty') else ''}"
    if (run / "run.json").exists():
        record = RunFolder.open(run).record
        versions |= {"python": record["python"], "system": record["system"]}
        versions |= {name: version for name, version in record["packages"].items() if version}
    config = yaml.safe_dump(frozen_config(run), sort_keys=False, allow_unicode=True)
    return Source(name, sweep.command, sweep.launcher, sweep.started_at, versions, config)


def _first_picks(comparison: Comparison, tables: SweepTables) -> Iterator[FirstPicks]:
    """Yield what the arms of each setting picked first, with the lowest seed that all of them finished."""
    for one in comparison.settings[:MOST_SETTINGS]:
        setting = one.summary.setting
        seed = setting.seeds[0]
        rows = comparison.rows.filter(
            (pl.col("setting_label") == one.label) & (pl.col("seed") == seed) & (pl.col("role") == "job")
        ).filter((pl.col("round") > 0) & (pl.col("selected") > 0))
        first = rows.sort("round").unique("arm", keep="first", maintain_order=True)
        joined = first.select("sweep", "job", "round", "arm").join(tables.picks, on=["sweep", "job", "round"])
        picked = {
            row["arm"]: tuple(map(FirstPick, row["data_hashes"], row["labels"]))[:PICKS_SHOWN]
            for row in joined.iter_rows(named=True)
        }
        if picked:
            yield FirstPicks(one.label, seed, {arm: picked[arm] for arm in setting.arms if arm in picked})


def _thumbnails(first: Sequence[FirstPicks], folders: Sequence[Path]) -> dict[str, bytes]:
    """Return small copies of the first 240 images that the caches of the sweeps still hold."""
    hashes = dict.fromkeys(pick.data_hash for view in first for picks in view.arms.values() for pick in picks)
    caches = {_cache(folder) for folder in folders}
    stores = [ImageStore(cache / "images") for cache in sorted(caches)]
    return thumbnails(
        ImageFile(data_hash, path, data_hash)
        for data_hash in list(hashes)[:MOST_THUMBNAILS]
        if (path := _held(data_hash, stores)) is not None
    )


def _held(data_hash: str, stores: Sequence[ImageStore]) -> Path | None:
    try:
        paths = [store.path(data_hash.replace("-", "")) for store in stores]
    except ValueError:  # of a platform whose data hashes are no digests
        return None
    return next((path for path in paths if path.is_file()), None)


def _cache(folder: Path) -> Path:
    return cache_folder(frozen_config(folder / SweepRecord.open(folder).jobs[0].folder)["cache"])


def _live(comparison: Comparison, sweeps: Mapping[str, tuple[Path, SweepRecord]]) -> Live | None:
    """Return the command that runs the winner on a real project, from the overrides of one of its jobs.

    None where there is nothing to choose from.
    """
    if comparison.only_random:
        return None
    if comparison.winner is None:
        return Live("Nothing can be recommended: compare with random first, on enough seeds.", None)
    if comparison.winner == BASELINE:
        if comparison.somewhere:
            text = (
                "Nothing is detectably better than random in all settings: there is no winner to run for all of them."
            )
            return Live(text, None)
        if comparison.too_few_seeds:
            return Live("There is no winner to run yet: choose once there are more seeds.", None)
        text = "So there is no winner to run: random is the honest choice."
        return Live(text, None)
    rows = comparison.rows.filter((pl.col("arm") == comparison.winner) & (pl.col("role") == "job"))
    row = rows.filter(pl.col("setting_label") == comparison.settings[0].label).row(0, named=True)
    for name in sorted(sweeps, key=lambda name: name != row["sweep"]):  # several may hold it
        folder, sweep = sweeps[name]
        job = next((job for job in sweep.jobs if job.job == row["job"]), None)
        if job is not None:
            where = f" as in the setting {row['setting_label']}" if len(comparison.settings) > 1 else ""
            text = f"{comparison.winner} won here{where}. To run it on a real project, with the project's hash:"
            overrides = _yaml(folder / job.folder, "overrides")
            answerable = "label_known" in str(frozen_config(folder / job.folder)["filters"])
            return Live(text, live_command(sweep.command, job, overrides, answerable=answerable))
    raise StateError(f"no sweep holds the job {row['job']} of its table: run the sweep again")


def live_command(command: str, job: PlannedJob, overrides: Sequence[str], *, answerable: bool = False) -> str:
    """Return the command line of a job without what belongs to its simulation.

    Parameters
    ----------
    answerable
        Whether its filters ask what only a simulation knows: which labels the dataset has.
    """
    words = shlex.split(command)
    flags = [
        word
        for before, word in pairwise(["", *words])
        if word.partition("=")[0] in CONFIG_FLAGS or before in CONFIG_FLAGS
    ]
    kept = [text for text in overrides if _key(text).partition(".")[0].partition("@")[0] not in SIMULATED]
    if not any(_key(text) == "strategy" for text in kept):
        kept.insert(0, f"strategy={job.facts['strategy']}")
    if any(_key(text) == "experiment" for text in kept):  # it may say who labels, and may be a sweep itself
        kept += ["annotator=human", "hydra.sweeper.params=null", "hydra.mode=RUN"]
    if answerable:
        kept = [*(text for text in kept if _key(text) != "filters"), "filters=ready"]
    return shlex.join(["python", "-m", "alrun", *flags, "platform=encord", "platform.project=HASH", *kept])


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")
