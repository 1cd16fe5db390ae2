"""The columns of the tables of a comparison: the same on the page, in the text and on the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from alrun.compare.paired import LEVEL, MOST_SEEDS, Difference, fewest_to_test
from alrun.compare.settings import Axis
from alrun.compare.summary import ArmSummary, SettingSummary, Target
from alrun.report.words import MISSING, number


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: what it shows, in two lines if there is a note, and what it sorts by; None comes last."""

    text: str
    note: str = ""
    value: float | None = None

    @property
    def key(self) -> str | None:
        """The value as a script reads it."""
        return None if self.value is None else str(self.value).replace("inf", "Infinity")


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, what it means, and its cell for an arm."""

    title: str
    about: str
    cell: Callable[[ArmSummary], Cell]


AREA = (
    "Area under the budget curve, divided by its width: "
    "AUBC = 1 / (x_P - x_1) · Σ (x_{i+1} - x_i) · (y_i + y_{i+1}) / 2, mean ± standard deviation over seeds."
)


def results() -> tuple[Column, ...]:
    """Return the columns that say which arm is better."""
    return (
        Column("AUBC", AREA, lambda arm: _spread(arm.area, arm.area_spread)),
        Column(
            "vs random",
            "AUBC minus that of random on the same seed, the other way round where lower is better, so that positive "
            "is better; below it the 95 % interval (paired t).",
            lambda arm: _gain(arm.gain),
        ),
        Column(
            "p (Holm)",
            "Two-sided Wilcoxon signed-rank test of that, corrected for all strategies of the setting; below "
            f"{LEVEL:g} is called a difference.",
            lambda arm: Cell(MISSING) if arm.p_holm is None else Cell(f"{arm.p_holm:.2g}", value=arm.p_holm),
        ),
        Column("W / T / L", "Seeds on which it is better than random, the same, worse.", lambda arm: _record(arm.gain)),
        Column(
            "Deficiency",
            "What it lacks to all labels, in units of what random lacks; below 1 beats random.",
            lambda arm: _plain(arm.deficiency, "{:.3f}"),
        ),
        Column(
            "Final",
            "Value at the last budget of all curves, mean ± standard deviation.",
            lambda arm: _spread(arm.final, arm.final_spread),
        ),
    )


def costs() -> tuple[Column, ...]:
    """Return the columns that say what else came with an arm."""
    return (
        Column(
            "Balance",
            "How evenly its picks spread over the classes: 1 is balanced, 0 a single class.",
            lambda arm: _plain(arm.balance, "{:.3f}"),
        ),
        Column(
            "Calibration",
            "Expected calibration error, mean over rounds in which something was chosen; lower is better.",
            lambda arm: _plain(arm.calibration_error, "{:.3f}"),
        ),
        Column("Query", "Seconds a round to choose, predictions included.", lambda arm: _seconds(arm.select_seconds)),
        Column("Train", "Seconds a round to train.", lambda arm: _seconds(arm.train_seconds)),
    )


def powers(summary: SettingSummary) -> tuple[Column, ...]:
    """Return the columns that say what the number of seeds could have found."""
    fewest = fewest_to_test(sum(arm.gain is not None for arm in summary.arms))
    return (
        Column(
            "Detectable",
            "The smallest true difference that as many seeds would find with probability 0.8, by the test that decides "
            f"(signed-rank, Holm); none with fewer than {fewest} seeds.",
            lambda arm: _detectable(arm.gain),
        ),
        Column(
            "Seeds needed",
            "Seeds that would find a true difference as large as was seen, with probability 0.8; at least as many as "
            f"the signed-rank test of so many strategies takes, {fewest}.",
            lambda arm: _needed(arm.gain),
        ),
    )


def targets(summary: SettingSummary) -> tuple[Column, ...]:
    """Return a column for each target: quartiles of the labels (or the cost) that reach it."""
    return tuple(_target(target, summary.setting.end) for target in summary.targets)


def reaching(axis: Axis, unit: str | None) -> str:
    """Return what it takes to reach a target, as a title."""
    return "Labels" if axis == "labelled" else f"Cost in {unit}" if unit else "Cost"


def _target(target: Target, last: float | None) -> Column:
    def cell(arm: ArmSummary) -> Cell:
        low, middle, high = arm.targets[target.name]
        note = f"{budget(low, last)} to {budget(high, last)}" if math.isfinite(low) else ""
        return Cell(budget(middle, last), note, middle)

    return Column(f"{target.name} ({target.value:.3f})", "Median over seeds, and quartiles.", cell)


def budget(value: float, last: float | None) -> str:
    """Return a budget; one that was not reached is more than the last, where all curves end at one."""
    if math.isfinite(value):
        return number(value)
    return "not reached" if last is None else f"> {number(last)}"


def _spread(mean: float, spread: float) -> Cell:
    return Cell(f"{mean:.4f}" if math.isnan(spread) else f"{mean:.4f} ± {spread:.4f}", value=mean)


def _gain(gain: Difference | None) -> Cell:
    if gain is None:
        return Cell(MISSING)
    note = "" if math.isnan(gain.low) else f"{gain.low:+.4f} to {gain.high:+.4f}"
    return Cell(f"{gain.mean:+.4f}", note, gain.mean)


def _record(gain: Difference | None) -> Cell:
    if gain is None:
        return Cell(MISSING)
    return Cell(f"{gain.wins} / {gain.ties} / {gain.losses}", value=gain.wins - gain.losses)


def _detectable(gain: Difference | None) -> Cell:
    if gain is None:
        return Cell(MISSING)
    return Cell("none") if math.isnan(gain.detectable) else _plain(gain.detectable, "{:.4f}")


def _needed(gain: Difference | None) -> Cell:
    if gain is None or math.isnan(gain.low):
        return Cell(MISSING)
    if gain.seeds_needed is None:
        return Cell(f"> {MOST_SEEDS:,}", value=math.inf)
    return Cell(f"{gain.seeds_needed:,}", value=gain.seeds_needed)


def _seconds(value: float) -> Cell:
    return _plain(value, "{:.3f} s")


def _plain(value: float | None, form: str) -> Cell:
    if value is None or math.isnan(value):
        return Cell(MISSING)
    return Cell(form.format(value), value=value)
