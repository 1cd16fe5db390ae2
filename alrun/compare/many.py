"""The rows of several sweeps as those of one: each job once, and one name for one thing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from alrun.compare.twins import each_arm_once

TELLING = ("dataset", "model", "embedding", "budget", "rounds", "initial_strategy", "recipe", "annotator")
"""What may tell two settings apart that two sweeps call the same; what it is not, their digests tell."""

_SHORT = 6


def as_one(
    rows: pl.DataFrame, picks: pl.DataFrame, names: Mapping[str, str]
) -> tuple[pl.DataFrame, dict[str, list[str]]]:
    """Return the rows with one label for each setting, other than that of every other setting, and each job once.

    Settings that differ in keys which no sweep swept are told apart by the names of their sweeps, and by a digest only
    where those are the same too.

    A reference, which is the same for many settings, stands in each whose jobs name it.

    A job that several sweeps hold counts where it is done, else where it comes first. So does one of several jobs of
    one arm, setting and seed that came to the same; if they did not, see `alrun.compare.twins.each_arm_once`.

    Parameters
    ----------
    rows, picks
        The columns of docs/sweep.md.
    names
        What people call a sweep, by the name of its folder; that name itself where it is not in here.

    Returns
    -------
    tuple
        The rows, and what could not be made one, in sentences by the label of their setting.
    """
    rows = _with_references(_each_job_once(rows))
    labels = _labels(rows, names)
    rows = rows.with_columns(pl.col("setting").replace_strict(labels, return_dtype=pl.String).alias("setting_label"))
    return each_arm_once(rows, picks)


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
