"""From the rows of sweeps to learning curves that can be compared: same seeds, same budgets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.errors import DataError
from alrun.models.figures import LOWER_IS_BETTER

Floats = npt.NDArray[np.float64]
Axis = Literal["labelled", "spent"]

BASELINE = "random"
_KEY = ("arm", "seed", "job")


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


def settings(rows: pl.DataFrame, figure: str = "accuracy", axis: Axis = "labelled") -> list[Setting]:
    """Return the settings in the rows of sweeps (docs/sweep.md), ordered by label.

    Jobs that are not done, and seeds that not every arm of their setting has finished, are left out and named. A curve
    is interpolated linearly where another run of its setting was evaluated at other numbers of labels; the grid ends
    where the first of them ends.

    Raises
    ------
    DataError
        If the rows have no such figure, or no finished and evaluated job.
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
    finished: dict[str, dict[int, tuple[Floats, Floats]]] = {}
    for (arm, seed), curve in jobs.sort("round").group_by("arm", "seed", maintain_order=True):
        x, y = curve[axis].cast(pl.Float64).to_numpy(), curve[figure].to_numpy()
        keep = np.concatenate([x[:-1] < x[1:], [True]])  # a round that labelled nothing says nothing new
        finished.setdefault(str(arm), {})[int(str(seed))] = (x[keep], y[keep])
    shared = set.intersection(*(set(by_seed) for by_seed in finished.values()))
    left_out = _left_out(every, finished, shared)
    if not shared:
        raise DataError(f"no seed was finished by every strategy of the setting {label or '(the only one)'!r}")
    seeds = tuple(sorted(shared))
    curves = {arm: [by_seed[seed] for seed in seeds] for arm, by_seed in finished.items()}
    grid = _grid([x for arm in curves.values() for x, _ in arm])
    values = {arm: np.array([np.interp(grid, x, y) for x, y in curves[arm]]) for arm in _ordered(curves)}
    by_seed = {int(str(s)): float(v) for s, v in full.sort("round").select("seed", figure).iter_rows()}
    ceiling = np.array([by_seed[seed] for seed in seeds]) if shared <= set(by_seed) else None
    return Setting(label, figure, seeds, grid, values, ceiling, tuple(left_out))


def _ordered(names: Mapping[str, object]) -> list[str]:
    return sorted(names, key=lambda name: (name != BASELINE, name))


def _grid(axes: list[Floats]) -> Floats:
    low, high = max(x[0] for x in axes), min(x[-1] for x in axes)
    points = np.unique(np.concatenate(axes))
    inside: Floats = points[(points >= low) & (points <= high)]
    if not len(inside):
        raise DataError("the learning curves of a setting have no number of labels in common")
    return inside


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
