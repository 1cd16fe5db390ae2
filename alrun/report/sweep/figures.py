"""The geometry of a comparison's figures; `page.html.j2` draws it.

Ticks and points are per cent of the figure, as in `alrun.report.curves`; lines are paths in a box of 1000 x 1000 that
is stretched over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alrun.compare.curves import band
from alrun.compare.profiles import performance_profile
from alrun.compare.settings import BASELINE, Axis, Setting
from alrun.models.figures import UNBOUNDED
from alrun.report.curves import Axis as Scale
from alrun.report.curves import Tick, span, widened
from alrun.report.words import MISSING, number

Floats = npt.NDArray[np.float64]

AXES: Mapping[Axis, str] = {"labelled": "labelled images", "spent": "cost of the labels"}
COLOURS = 10
MOST_POINTS = 60
MOST_LINES = 50
FARTHEST = 2.0
"""Where a performance profile ends: strategies with twice the error of random are beyond interest."""


@dataclass(frozen=True, slots=True)
class Dot:
    """The mean of an arm at a budget."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class ArmLines:
    """One arm in a figure: its style, its mean, its confidence band and each seed, as paths."""

    name: str
    style: str
    mean: str
    band: str = ""
    seeds: tuple[str, ...] = ()
    dots: tuple[Dot, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """The figure in numbers, at one budget: where that is, and the mean and the band of each arm in words."""

    at: float
    budget: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CurveFigure:
    """Learning curves; `ceiling` is where the full-data reference lies and is named, None if there is none.

    Attributes
    ----------
    about
        What is shown, and how much of it if not all.
    """

    axis: Axis
    axis_title: str
    about: str
    arms: tuple[ArmLines, ...]
    ceiling: Dot | None
    rows: tuple[Row, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class ProfileFigure:
    """Performance profiles; `even` is where an arm has the error of random."""

    arms: tuple[ArmLines, ...]
    even: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """A value of 0..1 in words and in per cent; None for no value."""

    text: str
    percent: float | None


def styles(names: Iterable[str]) -> dict[str, str]:
    """Return a style for each arm: one of ten colours, dashed from the eleventh on; random has its own."""
    others = [name for name in dict.fromkeys(names) if name != BASELINE]
    found = {name: f"a{i % COLOURS}{' dashed' if i >= COLOURS else ''}" for i, name in enumerate(others)}
    return {BASELINE: "random", **found}


def axis_title(axis: Axis, unit: str | None) -> str:
    """Return what is on an axis; `unit` is what the cost counts, None where that is not known or not one thing."""
    return AXES[axis] if axis == "labelled" or unit is None else f"{AXES[axis]} in {unit}"


def learning_curves(setting: Setting, axis: Axis, style: Mapping[str, str], unit: str | None = None) -> CurveFigure:
    """Draw the mean of each arm, its band and its seeds; at most 60 budgets and 50 seeds an arm.

    A band ends where the range of the figure does: Student's t with few seeds goes beyond it.
    """
    title = axis_title(axis, unit)
    shown = np.unique(np.linspace(0, len(setting.grid) - 1, min(MOST_POINTS, len(setting.grid))).round().astype(int))
    grid = setting.grid[shown]
    curves = {name: values[:, shown] for name, values in setting.arms.items()}
    ceiling = None if setting.ceiling is None else float(setting.ceiling.mean())
    heights = np.concatenate([v.ravel() for v in curves.values()] + [[] if ceiling is None else [ceiling]])
    across, up = Scale(*span(grid), whole=axis == "labelled"), Scale(*widened(*span(heights)))
    x = np.array([across.at(value) for value in grid])

    def path(values: Floats) -> list[str]:
        return [f"{10 * a:.1f} {1000 - 10 * up.at(v):.1f}" for a, v in zip(x.tolist(), values.tolist(), strict=True)]

    most = None if setting.figure in UNBOUNDED else 1
    arms, columns = [], []
    for name, values in curves.items():
        mean = values.mean(axis=0)
        low, high = (edge.clip(0, most) for edge in band(values))
        texts = [_at(m, a, b, len(values)) for m, a, b in zip(mean, low, high, strict=True)]
        dots = (
            Dot(a, 100 - up.at(m), f"{name}, {number(budget)} {title}: {text}")
            for a, m, budget, text in zip(x.tolist(), mean.tolist(), grid.tolist(), texts, strict=True)
        )
        bottom, top = (path(side.clip(up.low, up.high)) for side in (low, high))
        edge = _line(bottom + top[::-1]) + "Z" if len(values) > 1 else ""
        seeds = tuple(_line(path(one)) for one in values[:MOST_LINES]) if len(values) > 1 else ()
        arms.append(ArmLines(name, style[name], _line(path(mean)), edge, seeds, tuple(dots)))
        columns.append(texts)
    rows = (
        Row(a, number(budget), texts)
        for a, budget, texts in zip(x.tolist(), grid.tolist(), zip(*columns, strict=True), strict=True)
    )
    free = 100 if setting.sign > 0 else 0  # above the end of rising curves, below the start of falling ones
    full = None if ceiling is None else Dot(free, 100 - up.at(ceiling), f"all labels: {ceiling:.4f}")
    about = _about(len(setting.seeds), len(shown), len(setting.grid))
    return CurveFigure(axis, title, about, tuple(arms), full, tuple(rows), across.ticks(), up.ticks(upward=True))


def profiles(settings: Sequence[Setting], style: Mapping[str, str]) -> ProfileFigure | None:
    """Draw in what share of all settings and budgets an arm's error is within a factor of random's.

    None with fewer than two settings that have the baseline.
    """
    with_baseline = [one for one in settings if one.baseline is not None]
    if len(with_baseline) < 2:
        return None
    names = dict.fromkeys(name for one in with_baseline for name in one.arms if name != BASELINE)
    found = {name: performance_profile(with_baseline, name) for name in names}
    ratios = np.concatenate([[1.0], *(ratio for ratio, _ in found.values())])
    across = Scale(*widened(*span(np.minimum(ratios, FARTHEST))))
    arms = []
    for name, (ratio, share) in found.items():
        points, height = [f"0 {1000.0}"], 0.0
        for at, reached in zip(ratio.tolist(), share.tolist(), strict=True):
            if at > FARTHEST:
                break
            place = f"{10 * across.at(at):.1f}"
            points += [f"{place} {1000 - 1000 * height:.1f}", f"{place} {1000 - 1000 * reached:.1f}"]
            height = reached
        points.append(f"1000 {1000 - 1000 * height:.1f}")
        arms.append(ArmLines(name, style[name], _line(points)))
    return ProfileFigure(tuple(arms), across.at(1.0), across.ticks(), Scale(0, 1).ticks(upward=True))


def matrix(values: Floats) -> list[list[MatrixCell]]:
    """Return the cells of a matrix of shares."""
    return [
        [MatrixCell(MISSING, None) if np.isnan(v) else MatrixCell(f"{v:.2f}", round(100 * v, 1)) for v in row]
        for row in values.tolist()
    ]


def _line(points: Sequence[str]) -> str:
    return f"M{'L'.join(points)}"


def _at(mean: float, low: float, high: float, seeds: int) -> str:
    return f"{mean:.4f} ({low:.4f} to {high:.4f})" if seeds > 1 else f"{mean:.4f}"


def _about(seeds: int, shown: int, points: int) -> str:
    if seeds == 1:
        text = "One seed: no band can be given"
    else:
        text = f"Mean over {seeds} paired seeds; the band is its 95 % interval at each budget (Student's t)"
        text += ", cut at the edge of the figure"
        text += f", faint lines are the first {MOST_LINES} seeds" if seeds > MOST_LINES else ", faint lines are seeds"
    return text + (f". {shown} of {points} budgets are shown" if shown < points else "")
