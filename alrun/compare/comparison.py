"""A whole comparison: every setting of one or many sweeps, what cannot be compared, and which strategy to use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.compare.many import as_one
from alrun.compare.picks import class_shares
from alrun.compare.settings import BASELINE, Axis, Setting, settings
from alrun.compare.summary import SettingSummary, summarise
from alrun.compare.verdict import is_better, too_few_seeds, verdict, winner
from alrun.errors import DataError


@dataclass(frozen=True, eq=False)
class Compared:
    """One setting.

    Attributes
    ----------
    sentences
        The verdict on every arm, what the comparison lacks, and which jobs of several sweeps could not be made one.
    other_axis
        The same curves over cost where the statistics are over labels, and the other way round; None if both axes are
        the same.
    classes
        What was picked, most frequent first; `class_shares` says how much of each arm's picks is of each class,
        float64 of shape (A, C), 0..1.
    """

    summary: SettingSummary
    sentences: tuple[str, ...]
    other_axis: Setting | None
    classes: tuple[str, ...]
    class_shares: npt.NDArray[np.float64]

    @property
    def label(self) -> str:
        """What tells the setting from the others; empty if it is the only one."""
        return self.summary.setting.label


@dataclass(frozen=True, eq=False)
class Comparison:
    """What one or many sweeps came to.

    Attributes
    ----------
    figure, axis
        What was compared, and over what.
    settings
        By label.
    impossible
        Settings that cannot be compared, each with the reason, in words.
    winner
        The arm to use: `random` if none is better than it in every setting; None if nothing can be said.
    rows
        The rows it was made from, each job once (`alrun.compare.many.as_one`).
    """

    figure: str
    axis: Axis
    settings: tuple[Compared, ...]
    impossible: tuple[str, ...]
    winner: str | None
    rows: pl.DataFrame

    @property
    def only_random(self) -> bool:
        """Whether no setting has results of anything but the baseline."""
        return all(set(one.summary.setting.arms) == {BASELINE} for one in self.settings)

    @property
    def somewhere(self) -> bool:
        """Whether an arm is better than random in one setting at least."""
        return any(is_better(arm) for one in self.settings for arm in one.summary.arms)

    @property
    def too_few_seeds(self) -> bool:
        """Whether a setting has so few seeds that its results could not be beyond doubt, whatever they are."""
        return any(too_few_seeds(one.summary) for one in self.settings)

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        count = len(self.settings)
        where = "" if count == 1 else f" in all {count} settings"
        if not self.settings:
            return "Nothing can be compared yet."
        if self.winner is None:
            return "Nothing can be said about a gain: there is no random baseline."
        if self.only_random:
            return "There is nothing but random to compare."
        if self.winner == BASELINE and self.somewhere:
            return f"No strategy is detectably better than random{where}, only in some."
        if self.winner == BASELINE and self.too_few_seeds:
            return f"There are too few seeds to tell whether a strategy is better than random{where}."
        if self.winner == BASELINE and count > 1:
            return "In no setting is a strategy detectably better than random."
        if self.winner == BASELINE:
            return "No strategy is detectably better than random."
        return f"{self.winner} is better than random{where}."


def compare(
    rows: pl.DataFrame,
    picks: pl.DataFrame,
    figure: str = "accuracy",
    axis: Axis = "labelled",
    names: Mapping[str, str] | None = None,
) -> Comparison:
    """Compare the strategies of sweeps, in each of their settings.

    Parameters
    ----------
    rows, picks
        The tables of docs/sweep.md, of one or many sweeps.
    names
        What people call a sweep, by the name of its folder; that name itself where it is not in here.
    """
    rows, clashes = as_one(rows, picks, names or {})
    found: list[Compared] = []
    impossible: list[str] = []
    for _, part in sorted(rows.group_by("setting_label", maintain_order=True), key=lambda group: str(group[0][0])):
        try:
            [setting] = settings(part, figure, axis)
        except DataError as error:
            label = part["setting_label"][0]
            impossible.append(f"{label}: {error}" if label else str(error))
            continue
        found.append(_compared(setting, part, picks, axis, clashes.get(setting.label, [])))
    best = winner([one.summary for one in found]) if found else None
    return Comparison(figure, axis, tuple(found), tuple(impossible), best, rows)


def _compared(
    setting: Setting, rows: pl.DataFrame, picks: pl.DataFrame, axis: Axis, clashes: Sequence[str]
) -> Compared:
    summary = summarise(setting, rows, picks)
    classes, shares = class_shares(rows, list(setting.arms))
    return Compared(summary, (*verdict(summary), *clashes), _other_axis(rows, setting.figure, axis), classes, shares)


def _other_axis(rows: pl.DataFrame, figure: str, axis: Axis) -> Setting | None:
    if (rows["spent"] == rows["labelled"]).all():  # nulls, where there is no round, do not count
        return None
    try:
        [other] = settings(rows, figure, "spent" if axis == "labelled" else "labelled")
    except DataError:  # budgets that overlap in labels need not overlap in cost
        return None
    return other
