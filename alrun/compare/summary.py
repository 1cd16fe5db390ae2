"""Everything that a comparison says about one setting, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.compare.curves import area, deficiency, labels_to_target, quartiles
from alrun.compare.paired import Difference, difference, holm, penalties
from alrun.compare.picks import class_balance, overlap
from alrun.compare.settings import BASELINE, Setting

SHARES_OF_CEILING = (0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Target:
    """A value of the figure, and what it stands for."""

    name: str
    value: float


@dataclass(frozen=True)
class ArmSummary:
    """One strategy in one setting.

    Attributes
    ----------
    area, area_spread
        Mean and standard deviation (n - 1) over seeds of the area under the budget curve; NaN spread with one seed.
    final, final_spread
        The same of the last value.
    gain
        The area against the baseline's; None for the baseline, or without one. `p_holm` is its p, corrected for all
        arms of the setting.
    deficiency
        See `alrun.compare.curves.deficiency`; None without baseline or ceiling.
    targets
        Quartiles of the labels (or the cost) to each target, on each seed's own curve as it was measured, to its own
        end; inf where too few seeds reached it.
    balance
        See `alrun.compare.picks.class_balance`.
    calibration_error, select_seconds, train_seconds
        Means over all rounds in which something was chosen, but the initial one; NaN where not known.
    """

    arm: str
    area: float
    area_spread: float
    final: float
    final_spread: float
    gain: Difference | None
    p_holm: float | None
    deficiency: float | None
    targets: Mapping[str, tuple[float, float, float]]
    balance: float
    calibration_error: float
    select_seconds: float
    train_seconds: float


@dataclass(frozen=True, eq=False)
class SettingSummary:
    """One setting: its arms in the order of `setting.arms`, and the matrices over them."""

    setting: Setting
    arms: tuple[ArmSummary, ...]
    targets: tuple[Target, ...]
    penalties: npt.NDArray[np.float64]
    overlap: npt.NDArray[np.float64]


def summarise(setting: Setting, rows: pl.DataFrame, picks: pl.DataFrame) -> SettingSummary:
    """Compare the arms of a setting.

    Parameters
    ----------
    rows, picks
        The tables of docs/sweep.md; what belongs to other settings is left aside.
    """
    rows = rows.filter((pl.col("setting_label") == setting.label) & pl.col("seed").is_in(setting.seeds))
    areas = {arm: area(setting.grid, values) for arm, values in setting.arms.items()}
    tests = len(areas) - 1
    gains = {
        arm: difference(values, areas[BASELINE], setting.sign, tests)
        for arm, values in areas.items()
        if BASELINE in areas and arm != BASELINE
    }
    corrected = dict(zip(gains, holm([gain.p for gain in gains.values()]), strict=True))
    targets = _targets(setting)
    arms = tuple(
        _arm(setting, arm, areas[arm], gains.get(arm), corrected.get(arm), targets, rows) for arm in setting.arms
    )
    names = list(setting.arms)
    return SettingSummary(
        setting,
        arms,
        targets,
        penalties(list(setting.arms.values()), setting.sign),
        overlap(rows, picks, names),
    )


def _targets(setting: Setting) -> tuple[Target, ...]:
    """Return what random reaches in the end, and shares of what all labels reach."""
    targets = []
    if setting.baseline is not None:
        targets.append(Target("random's last", float(setting.baseline[:, -1].mean())))
    if setting.ceiling is not None and setting.sign > 0:
        full = float(setting.ceiling.mean())
        targets += [Target(f"{share:.0%} of all labels", share * full) for share in SHARES_OF_CEILING]
    return tuple(targets)


def _arm(
    setting: Setting,
    arm: str,
    areas: npt.NDArray[np.float64],
    gain: Difference | None,
    p_holm: float | None,
    targets: Sequence[Target],
    rows: pl.DataFrame,
) -> ArmSummary:
    values = setting.arms[arm]
    lacks = None
    if setting.baseline is not None and setting.ceiling is not None:
        lacks = deficiency(values, setting.baseline, setting.ceiling, setting.sign)
    own = rows.filter((pl.col("arm") == arm) & (pl.col("role") == "job") & (pl.col("round") > 0))
    own = own.filter(pl.col("selected") > 0)  # the last round of an exhausted pool is none
    return ArmSummary(
        arm,
        float(areas.mean()),
        _spread(areas),
        float(values[:, -1].mean()),
        _spread(values[:, -1]),
        gain,
        p_holm,
        lacks,
        {t.name: quartiles(labels_to_target(setting.measured[arm], t.value, setting.sign)) for t in targets},
        class_balance(rows, arm),
        _mean(own, "calibration_error"),
        _mean(own, "seconds.select"),
        _mean(own, "seconds.train"),
    )


def _spread(values: npt.NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def _mean(rows: pl.DataFrame, column: str) -> float:
    values = rows[column].drop_nulls().to_numpy()
    return float(values.mean()) if len(values) else float("nan")
