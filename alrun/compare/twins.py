"""Jobs of several sweeps that stand in one place: one job if they came to the same, else arms of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import polars as pl

from alrun.compare.settings import BASELINE

ARM = ("setting", "role", "arm")
RESULTS = (
    "round", "chosen_by", "candidates", "selected", "labelled", "spent", "examples", "accuracy", "macro_f1",
    "log_loss", "calibration_error",
)  # fmt: skip
"""What two jobs have to have in common, beside what they picked, to count as one."""

_DECIMALS = 9  # of a figure: another machine may sum in another order

Job = tuple[str, str]
"""A job of a sweep: the names of both."""


@dataclass(frozen=True)
class _Clash:
    """Two jobs of one arm and seed that came to different things."""

    first: str
    second: str
    seed: int


def each_arm_once(rows: pl.DataFrame, picks: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, list[str]]]:
    """Return the rows with one job for each arm and seed of a setting, and what could not be made one, in words.

    Jobs that differ only in what their configs are called, such as `name`, come to the same picks and figures: one of
    them counts, where it is done. If two that are done do not, the arms are told apart by the name of their sweep; of
    the baseline and the references the first one is kept instead.

    Returns
    -------
    tuple
        The rows, and sentences by the label of their setting.
    """
    jobs = rows.select(*ARM, "setting_label", "seed", "sweep", "job", done=pl.col("status") == "done")
    jobs = jobs.unique(maintain_order=True)
    sweeps = jobs.group_by(*ARM, "seed").agg(pl.col("sweep").n_unique())
    contested = sweeps.filter(pl.col("sweep") > 1).select(ARM).unique()
    if contested.is_empty():
        return rows, {}
    jobs = jobs.join(contested, on=ARM, maintain_order="left")
    came_to = _results(rows.join(contested, on=ARM, how="semi"), picks)
    kept: list[dict[str, Any]] = []
    said: dict[str, list[str]] = {}
    for (_, role, arm, label), part in jobs.group_by(*ARM, "setting_label", maintain_order=True):
        groups, clash = _groups(part, came_to)
        single = arm == BASELINE or role != "job"
        if clash is not None:
            said.setdefault(str(label), []).append(_told(str(arm), clash, single=single))
        for held in [part["sweep"].unique().to_list()] if single else groups:
            own = part.filter(pl.col("sweep").is_in(held)).sort("done", descending=True, maintain_order=True)
            name = arm if single or clash is None else f"{arm} ({held[0]})"
            counting = own.unique("seed", keep="first", maintain_order=True).select("seed", "sweep")
            kept += own.join(counting, on=["seed", "sweep"]).with_columns(named=pl.lit(name)).to_dicts()
    places = pl.DataFrame(kept, schema={**jobs.schema, "named": pl.String}).select(*ARM, "sweep", "job", "named")
    told = rows.join(contested.with_columns(many=True), on=ARM, how="left", maintain_order="left")
    told = told.join(places, on=[*ARM, "sweep", "job"], how="left", maintain_order="left")
    told = told.filter(pl.col("many").is_null() | pl.col("named").is_not_null())
    return told.with_columns(arm=pl.coalesce("named", "arm")).select(rows.columns), said


def _results(rows: pl.DataFrame, picks: pl.DataFrame) -> Mapping[Job, object]:
    """Return what the jobs that are done came to: equal for jobs that computed the same."""
    done = rows.filter(pl.col("status") == "done").sort("round")
    figures = done.select("sweep", "job", *RESULTS).with_columns(pl.selectors.float().round(_DECIMALS))
    found: dict[Job, list[object]] = {}
    for sweep, job, *values in figures.unique(maintain_order=True).iter_rows():
        found.setdefault((sweep, job), []).append(tuple(values))
    chosen = picks.join(done.select("sweep", "job").unique(), on=["sweep", "job"], how="semi").sort("round")
    for sweep, job, hashes in chosen.select("sweep", "job", "data_hashes").iter_rows():
        found[sweep, job].append(tuple(hashes))
    return found


def _groups(jobs: pl.DataFrame, came_to: Mapping[Job, object]) -> tuple[Sequence[Sequence[str]], _Clash | None]:
    """Return the sweeps whose jobs of an arm are one arm, and why not all are.

    Where none clash, all are one, also those that share no seed. Where some do, a sweep belongs to those with which it
    has a seed in common and came to the same.
    """
    held: dict[str, dict[int, object]] = {}
    for sweep, job, seed in jobs.select("sweep", "job", "seed").iter_rows():
        held.setdefault(sweep, {})[seed] = came_to.get((sweep, job))
    clash = next(filter(None, (_clash(one, other, held) for one, other in combinations(held, 2))), None)
    if clash is None:
        return [list(held)], None
    groups: list[list[str]] = []
    for sweep in held:
        mine = next((group for group in groups if _agrees(sweep, group, held)), None)
        if mine is None:
            groups.append([sweep])
        else:
            mine.append(sweep)
    return groups, clash


def _clash(one: str, other: str, held: Mapping[str, Mapping[int, object]]) -> _Clash | None:
    for seed in sorted(held[one].keys() & held[other].keys()):
        mine, its = held[one][seed], held[other][seed]
        if mine is not None and its is not None and mine != its:
            return _Clash(one, other, seed)
    return None


def _agrees(sweep: str, group: Iterable[str], held: Mapping[str, Mapping[int, object]]) -> bool:
    members = list(group)
    shares = any(held[sweep].keys() & held[member].keys() for member in members)
    return shares and all(_clash(sweep, member, held) is None for member in members)


def _told(arm: str, clash: _Clash, *, single: bool) -> str:
    differ = f"with seed {clash.seed}, {clash.first} and {clash.second} came to different picks or figures"
    if single:
        return f"{arm} is not the same in all sweeps: {differ}. Where several have a seed, the first one counts."
    return f"{arm} is told apart by sweep: {differ}."
