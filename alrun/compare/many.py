"""The rows of several sweeps as those of one: each job once, and one name for one thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from alrun.compare.settings import BASELINE

TELLING = ("dataset", "model", "embedding", "budget", "rounds", "initial_strategy", "recipe", "annotator")
"""What may tell two settings apart that two sweeps call the same; what it is not, their digests tell."""

_SHORT = 6


def as_one(rows: pl.DataFrame, names: Mapping[str, str]) -> pl.DataFrame:
    """Return the rows with one label for each setting, other than that of every other setting, and each job once.

    Settings that differ in keys which no sweep swept are told apart by the names of their sweeps, and by a digest only
    where those are the same too.

    A reference, which is the same for many settings, stands in each whose jobs name it.

    A job that several sweeps hold counts where it is done, else where it comes first. Where two sweeps have jobs of
    one arm, setting and seed that compute different things, since a parameter that neither sweeps differs, the arms are
    told apart by the name of their sweep. Of the baseline and the references the first one is kept instead.

    Parameters
    ----------
    rows
        The columns of docs/sweep.md.
    names
        What people call a sweep, by the name of its folder; that name itself where it is not in here.
    """
    rows = _with_references(_each_job_once(rows))
    labels = _labels(rows, names)
    rows = rows.with_columns(pl.col("setting").replace_strict(labels, return_dtype=pl.String).alias("setting_label"))
    return _each_arm_once(rows)


def _each_job_once(rows: pl.DataFrame) -> pl.DataFrame:
    held = rows.select("sweep", "job", done=pl.col("status") == "done").unique(maintain_order=True)
    kept = held.sort("done", descending=True, maintain_order=True).unique("job", keep="first", maintain_order=True)
    return rows.join(kept.select("sweep", "job"), on=["sweep", "job"], maintain_order="left")


def _with_references(rows: pl.DataFrame) -> pl.DataFrame:
    named = rows.filter(pl.col("role") == "job").select("setting", "setting_label", job="reference")
    meant = named.drop_nulls("job").unique(["setting", "job"], keep="first", maintain_order=True)
    told = rows.join(meant, on="job", how="anti", maintain_order="left")
    copies = rows.drop("setting", "setting_label").join(meant, on="job", maintain_order="left")
    return pl.concat([told, copies.select(rows.columns)])


def _labels(rows: pl.DataFrame, names: Mapping[str, str]) -> dict[str, str]:
    """Return a label for each setting: the one it has, and where others have it too, what they differ in."""
    sweeps = _sweeps(rows, names)
    jobs_first = rows.sort("role", descending=True, maintain_order=True)  # the facts of a reference are its own
    found = {r["setting"]: r for r in jobs_first.unique("setting", keep="first", maintain_order=True).to_dicts()}
    labels = {setting: str(row["setting_label"] or "") for setting, row in found.items()}
    for twins in _shared(labels):
        telling = [name for name in TELLING if len({found[setting][name] for setting in twins}) > 1]
        for setting in twins:
            facts = [f"{name}={found[setting][name]}" for name in telling if f"{name}=" not in labels[setting]]
            labels[setting] = " ".join(filter(None, [labels[setting], *facts]))
    for twins in _shared(labels):
        if labels[twins[0]] and len({sweeps[setting] for setting in twins}) > 1:
            labels |= {setting: f"{labels[setting]} ({sweeps[setting]})" for setting in twins}
    if len(labels) > 1:
        labels = {setting: label or sweeps[setting] for setting, label in labels.items()}
    for twins in _shared(labels):
        labels |= {setting: f"{labels[setting]} ({setting[:_SHORT]})" for setting in twins}
    return labels


def _sweeps(rows: pl.DataFrame, names: Mapping[str, str]) -> dict[str, str]:
    """Return the names of the sweeps that hold each setting, joined by commas."""
    found: dict[str, dict[str, None]] = {}
    for setting, sweep in rows.select("setting", "sweep").unique(maintain_order=True).iter_rows():
        found.setdefault(setting, {})[names.get(sweep, sweep)] = None
    return {setting: ", ".join(held) for setting, held in found.items()}


def _shared(labels: Mapping[str, str]) -> Iterable[Sequence[str]]:
    """Return the settings that have a label in common."""
    by_label: dict[str, list[str]] = {}
    for setting, label in labels.items():
        by_label.setdefault(label, []).append(setting)
    return [settings for settings in by_label.values() if len(settings) > 1]


def _each_arm_once(rows: pl.DataFrame) -> pl.DataFrame:
    place = ["setting", "role", "arm", "seed"]
    jobs = rows.select(*place, "sweep", "job").unique(maintain_order=True)
    twice = jobs.group_by(place).agg(pl.col("sweep").n_unique().alias("sweeps")).filter(pl.col("sweeps") > 1)
    if twice.is_empty():
        return rows
    single = (pl.col("arm") == BASELINE) | (pl.col("role") != "job")
    kept = jobs.filter(single).unique(place, keep="first", maintain_order=True)["job"]
    rows = rows.filter(~single | pl.col("job").is_in(kept.implode()))
    apart = twice.filter(~single).select("setting", "role", "arm").unique().with_columns(apart=True)
    joined = rows.join(apart, on=["setting", "role", "arm"], how="left", maintain_order="left")
    named = pl.format("{} ({})", "arm", "sweep")
    return joined.with_columns(arm=pl.when("apart").then(named).otherwise("arm")).drop("apart")
