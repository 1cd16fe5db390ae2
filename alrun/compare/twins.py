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
class _Held:
    """What one sweep holds of an arm: the config of its strategy, and by seed what the jobs that are done came to."""

    config: str | None
    came_to: Mapping[int, object]


def each_arm_once(rows: pl.DataFrame, picks: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, list[str]]]:
    """Return the rows with one job for each arm and seed of a setting, and what could not be made one, in words.

    Jobs that differ only in what their configs are called, such as `name`, come to the same picks and figures: one of
    them counts, where it is done. If two that are done do not, the arms are told apart by the name of their sweep, and
    so they are if the sweeps have no seed in common and configure the strategy differently; of the baseline and the
    references the first one is kept instead.

    Returns
    -------
    tuple
        The rows, and sentences by the label of their setting.
    """
    about = ("setting_label", "seed", "sweep", "job", "strategy_digest")
    jobs = rows.select(*ARM, *about, done=pl.col("status") == "done").unique(maintain_order=True)
    sweeps = jobs.group_by(*ARM).agg(pl.col("sweep").n_unique())
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


def _groups(jobs: pl.DataFrame, came_to: Mapping[Job, object]) -> tuple[Sequence[Sequence[str]], str | None]:
    """Return the sweeps whose jobs of an arm are one arm, and why not all are.

    Where none clash, all are one. Where some do, a sweep belongs to those that it agrees with.
    """
    held: dict[str, _Held] = {}
    for (sweep,), part in jobs.group_by("sweep", maintain_order=True):
        found = {seed: came_to.get((str(sweep), job)) for seed, job in part.select("seed", "job").iter_rows()}
        done = {seed: result for seed, result in found.items() if result is not None}
        held[str(sweep)] = _Held(part["strategy_digest"][0], done)
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


def _clash(one: str, other: str, held: Mapping[str, _Held]) -> str | None:
    """Say why the jobs of two sweeps are not one arm; None if they may be."""
    mine, its = held[one], held[other]
    shared = sorted(mine.came_to.keys() & its.came_to.keys())
    for seed in shared:
        if mine.came_to[seed] != its.came_to[seed]:
            return f"with seed {seed}, {one} and {other} came to different picks or figures"
    if not shared and mine.config is not None and its.config is not None and mine.config != its.config:
        return f"{one} and {other} configure it differently, and have no seed in common"
    return None


def _agrees(sweep: str, group: Iterable[str], held: Mapping[str, _Held]) -> bool:
    members = list(group)
    mine = held[sweep]
    bound = any(
        mine.came_to.keys() & held[member].came_to.keys() or (mine.config and mine.config == held[member].config)
        for member in members
    )
    return bound and all(_clash(sweep, member, held) is None for member in members)


def _told(arm: str, clash: str, *, single: bool) -> str:
    if single:
        return f"{arm} is not the same in all sweeps: {clash}. Where several have a seed, the first one counts."
    return f"{arm} is told apart by sweep: {clash}."
