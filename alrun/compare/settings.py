"""From the rows of sweeps to learning curves that can be compared: same seeds, same budgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.compare.curves import Curve
from alrun.errors import DataError
from alrun.models.figures import LOWER_IS_BETTER

Floats = npt.NDArray[np.float64]
Axis = Literal["labelled", "spent"]

BASELINE = "random"
_UNITS: Mapping[Axis, str] = {"labelled": "{} labelled images", "spent": "a cost of {}"}
_MOST_NAMED = 3


@dataclass(frozen=True, eq=False)
class Setting:
    """Paired learning curves: everything but the strategy is the same.

    Attributes
    ----------
    label
        What tells it from the other settings, for people.
    figure
        What was measured, such as `accuracy`; `sign` is 1 where higher is better, else -1.
    seeds
        The seeds that every arm finished, ascending: S of them.
    grid
        Float64, shape (P,), ascending: labels (or cost) at which all curves are known.
    arms
        By name, the baseline first, then in order of their names: float64, shape (S, P).
    measured
        By name, in the same order: the curve of each seed as it was measured, to its own end.
    ceiling
        Float64, shape (S,): the figure with all labels, by seed; None if that was not run for every seed.
    left_out
        What does not take part in the comparison, in words.
    """

    label: str
    figure: str
    seeds: tuple[int, ...]
    grid: Floats
    arms: Mapping[str, Floats]
    measured: Mapping[str, Sequence[Curve]]
    ceiling: Floats | None
    left_out: tuple[str, ...] = ()

    @property
    def sign(self) -> int:
        """1 where higher is better, -1 where lower is."""
        return -1 if self.figure in LOWER_IS_BETTER else 1

    @property
    def baseline(self) -> Floats | None:
        """The curves of `random`; None if the sweep has none."""
        return self.arms.get(BASELINE)

    @property
    def end(self) -> float | None:
        """The budget at which every curve ends; None if they end at different ones."""
        ends = {float(x[-1]) for curves in self.measured.values() for x, _ in curves}
        return ends.pop() if len(ends) == 1 else None


def settings(rows: pl.DataFrame, figure: str = "accuracy", axis: Axis = "labelled") -> list[Setting]:
    """Return the settings in the rows of sweeps (docs/sweep.md), ordered by label.

    Jobs that are not done, and seeds that not every arm of their setting has finished, are left out and named. A curve
    is interpolated linearly where another run of its setting was evaluated at other numbers of labels; the grid ends
    where the first of them ends, and what lies beyond is named.

    Raises
    ------
    DataError
        If the rows have no such figure, no finished and evaluated job, no range of budgets that all curves of a setting
        have in common, or nothing that a strategy chose.
    """
    if figure not in rows.columns:
        raise DataError(f"the sweep has no figure {figure!r}")
    known = rows.filter((pl.col("status") == "done") & pl.col(figure).is_not_null())
    jobs = known.filter(pl.col("role") == "job")
    if jobs.is_empty():
        raise DataError(f"no job of the sweep is done and has a value of {figure}: there is nothing to compare")
    _check_places(jobs)
    found = []
    for (setting, label), part in jobs.group_by("setting", "setting_label", maintain_order=True):
        every = rows.filter((pl.col("setting") == setting) & (pl.col("role") == "job"))
        full = known.filter((pl.col("setting") == setting) & (pl.col("role") == "full_data"))
        found.append(_setting(str(label), part, every, full, figure, axis))
    return sorted(found, key=lambda one: one.label)


def _check_places(jobs: pl.DataFrame) -> None:
    """Refuse rows in which one curve would be made of several jobs."""
    place = ["setting_label", "arm", "seed"]
    named = jobs.group_by("setting", *place, maintain_order=True).agg(pl.col("job").n_unique())
    twice = named.filter(pl.col("job") > 1)
    if twice.height:
        label, arm, seed, count = twice.select(*place, "job").row(0)
        raise DataError(
            f"{count} different jobs are called {' '.join(filter(None, [label, arm]))}, seed {seed}: an earlier alrun "
            "wrote these tables, which did not tell them apart. Start the sweep again"
        )


def _setting(
    label: str, jobs: pl.DataFrame, every: pl.DataFrame, full: pl.DataFrame, figure: str, axis: Axis
) -> Setting:
    finished: dict[str, dict[int, Curve]] = {}
    for (arm, seed), curve in jobs.sort("round").group_by("arm", "seed", maintain_order=True):
        x, y = curve[axis].cast(pl.Float64).to_numpy(), curve[figure].to_numpy()
        keep = np.concatenate([x[:-1] < x[1:], [True]])  # a round that labelled nothing says nothing new
        finished.setdefault(str(arm), {})[int(str(seed))] = (x[keep], y[keep])
    shared = set.intersection(*(set(by_seed) for by_seed in finished.values()))
    left_out = _left_out(every, finished, shared)
    if not shared:
        raise DataError(f"no seed was finished by every strategy of the setting {label or '(the only one)'!r}")
    if len(finished) > 1 and jobs["round"].max() == 0:
        raise DataError(
            "every job ended at its initial set, before a strategy chose anything: there is nothing to compare"
        )
    seeds = tuple(sorted(shared))
    measured = {arm: [finished[arm][seed] for seed in seeds] for arm in _ordered(finished)}
    grid, cut = _grid(measured, seeds, _UNITS[axis])
    values = {arm: np.array([np.interp(grid, x, y) for x, y in curves]) for arm, curves in measured.items()}
    by_seed = {int(str(s)): float(v) for s, v in full.sort("round").select("seed", figure).iter_rows()}
    ceiling = np.array([by_seed[seed] for seed in seeds]) if shared <= set(by_seed) else None
    return Setting(label, figure, seeds, grid, values, measured, ceiling, (*left_out, *cut))


def _ordered(names: Mapping[str, object]) -> list[str]:
    return sorted(names, key=lambda name: (name != BASELINE, name))


def _grid(measured: Mapping[str, Sequence[Curve]], seeds: Sequence[int], unit: str) -> tuple[Floats, list[str]]:
    """Return the budgets of all curves that lie within each of them, and what lies beyond, in words."""
    axes = {
        f"{arm} (seed {seed})": x
        for arm, curves in measured.items()
        for seed, (x, _) in zip(seeds, curves, strict=True)
    }
    first, last = {job: float(x[0]) for job, x in axes.items()}, {job: float(x[-1]) for job, x in axes.items()}
    low, high = max(first.values()), min(last.values())
    points = np.unique(np.concatenate(list(axes.values())))
    inside: Floats = points[(points >= low) & (points <= high)]
    cut = []
    if min(first.values()) < low:
        cut.append(f"{_jobs(first, low)} began at {low:,.6g}, the first curve at {min(first.values()):,.6g}")
    if max(last.values()) > high:
        cut.append(f"{_jobs(last, high)} ended at {high:,.6g}, the longest curve at {max(last.values()):,.6g}")
    why = "; ".join(cut)
    if not len(inside):
        raise DataError(f"the learning curves of a setting have no budget in common: {why}")
    if cut and len(inside) == 1 and len(measured) > 1:
        raise DataError(
            f"the learning curves of a setting have only {unit.format(f'{low:,.6g}')} in common, one point, and no "
            f"verdict rests on that: {why}. Compare without such seeds, or let no stopping rule end a job so early"
        )
    return inside, [f"all but {unit.format(f'{low:,.6g} to {high:,.6g}')}: {why}"] if cut else []


def _jobs(ends: Mapping[str, float], end: float) -> str:
    """Name the jobs whose curves end there."""
    jobs = [job for job, at in ends.items() if at == end]
    more = f" and {len(jobs) - _MOST_NAMED} more" if len(jobs) > _MOST_NAMED else ""
    return ", ".join(jobs[:_MOST_NAMED]) + more


def _left_out(every: pl.DataFrame, finished: Mapping[str, Mapping[int, object]], shared: set[int]) -> list[str]:
    said = []
    jobs = every.unique("job", keep="first", maintain_order=True).sort("arm", "seed")
    for arm, seed, status in jobs.select("arm", "seed", "status").iter_rows():
        if seed not in finished.get(arm, {}):
            said.append(f"{arm}, seed {seed}: {status if status != 'done' else 'never evaluated'}")
    lost = sorted(({seed for by_seed in finished.values() for seed in by_seed}) - shared)
    if lost:
        said.append(f"seeds {', '.join(map(str, lost))} as a whole: not every strategy finished them")
    return said
