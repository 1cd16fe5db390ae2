"""The geometry of the report's figures; `page.html.j2` draws it.

A figure is given in per cent of its own width and height (from the top left), so that it fits any screen
while its text keeps its size, and takes its colours from the page, light or dark.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alrun.report.data import MetricView
from alrun.report.words import fraction, number

MEASURES = {
    "accuracy": "Accuracy",
    "macro_f1": "Macro F1",
    "log_loss": "Log loss",
    "calibration_error": "Calibration error",
    "map": "mAP",
    "map_50": "mAP at IoU 0.5",
    "mar": "mAR",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
}
"""The figures that a curve may have, in the order in which they are shown."""
BINS = 40
RUG = 200
TOP_CLASSES = 30
_LARGEST = 1e300


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis, `at` per cent of its length."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Point:
    """One evaluation in a panel; `joined` says whether a line leads to it from the point before."""

    x: float
    y: float
    joined: bool
    text: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One evaluation figure over the number of labelled images."""

    title: str
    latest: str
    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar of a histogram: where it starts, how wide it is, and how high for all and for the selected."""

    x: float
    width: float
    all: float
    selected: float
    text: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """A metric over the candidates; `rug` marks where the selected lie. No bins if no value is finite."""

    bins: tuple[Bin, ...]
    rug: tuple[float, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    caption: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One class: how many images have it, and that in per cent of the most frequent one's."""

    name: str
    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class Balance:
    """The most frequent classes, most frequent first, and how many classes and labels are not shown."""

    bars: tuple[Bar, ...]
    other_classes: int
    other_count: int


def measures(curve: pl.DataFrame) -> dict[str, str]:
    """Return the title of each figure that the curve has."""
    return {column: title for column, title in MEASURES.items() if column in curve.columns}


def learning_curve(curve: pl.DataFrame) -> list[Panel]:
    """Return one panel for each evaluation figure that has a finite value; a gap stays a gap."""
    labelled = curve["labelled"].to_numpy().astype(np.float64)
    panels = []
    for column, title in measures(curve).items():
        values = curve[column].cast(pl.Float64).fill_null(math.nan).to_numpy()
        if (np.abs(values) < _LARGEST).any():
            panels.append(_panel(title, curve["round"].to_list(), labelled, values))
    return panels


def _panel(title: str, rounds: list[int], x: NDArray[np.float64], y: NDArray[np.float64]) -> Panel:
    finite = np.abs(y) < _LARGEST
    across, up = Axis(*span(x), whole=True), Axis(*widened(*span(y[finite])))
    points = tuple(
        Point(across.at(x[i]), 100 - up.at(y[i]), bool(i and finite[i - 1]),
              f"round {rounds[i]}, {number(x[i])} labelled: {fraction(y[i])}")
        for i in np.flatnonzero(finite)
    )  # fmt: skip
    return Panel(title, fraction(y[-1]), points, across.ticks(), up.ticks(upward=True))


def histogram(metric: MetricView) -> Histogram:
    """Bin a metric's values, those of the selected within them; values that are not finite are only counted."""
    every, chosen = (v[np.isfinite(v)].clip(-_LARGEST, _LARGEST) for v in (metric.values, metric.selected))
    missing = metric.values.size - every.size
    caption = f"{metric.values.size:,} candidates, {metric.selected.size:,} selected"
    caption += f", {metric.direction}" if metric.direction else ""
    caption += f"; {missing:,} without a value" if missing else ""
    if not every.size:
        return Histogram((), (), (), (), caption)
    if chosen.size:
        caption += f"; the selected lie in {number(chosen.min())} to {number(chosen.max())}"
    edges = _edges(np.concatenate([every, chosen]))
    counts, picked = np.histogram(every, edges)[0], np.histogram(chosen, edges)[0]
    across = Axis(edges[0], edges[-1])
    up = Axis(*widened(0, max(1, counts.max(), picked.max())), whole=True)
    bins = tuple(
        Bin(across.at(a), round(across.at(b) - across.at(a), 2), up.at(n), up.at(s),
            f"{number(a)} to {number(b)}: {n:,} candidates, {s:,} selected")
        for a, b, n, s in zip(edges[:-1], edges[1:], counts, picked, strict=True)
    )  # fmt: skip
    rug = sorted({round(across.at(value) * RUG / 100) * 100 / RUG for value in chosen})
    return Histogram(bins, tuple(rug), across.ticks(), up.ticks(upward=True), caption)


def balance(counts: Mapping[str, int]) -> Balance:
    """Return the most frequent classes and the sum of the others; equal counts in order of name."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown, others = ordered[:TOP_CLASSES], ordered[TOP_CLASSES:]
    most = max(1, *(count for _, count in shown)) if shown else 1
    bars = tuple(Bar(name, count, round(100 * count / most, 2)) for name, count in shown)
    return Balance(bars, len(others), sum(count for _, count in others))


@dataclass(frozen=True, slots=True)
class Axis:
    """What lies between two values, as per cent of the axis' length; `whole` has ticks at whole numbers only."""

    low: float
    high: float
    whole: bool = False

    def at(self, value: float) -> float:
        """Return where a value is, in per cent."""
        return round(float(100 * ((value - self.low) / (self.high - self.low))), 2)

    def ticks(self, *, upward: bool = False) -> tuple[Tick, ...]:
        """Return at most seven marks at round values; `upward` counts from the bottom, as people draw."""
        step = _step(self.low, self.high)
        step = max(1.0, step) if self.whole else step
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        plain = decimals <= 6 and abs(self.high) + abs(self.low) < 1e7
        values = [i * step for i in range(first, last + 1)]
        texts = [f"{v + 0.0:,.{decimals}f}" if plain else f"{v:.3g}" for v in values]
        return tuple(Tick(100 - self.at(v) if upward else self.at(v), t) for v, t in zip(values, texts, strict=True))


def _step(low: float, high: float) -> float:
    """Return the 1-2-5 step that gives at most five intervals."""
    rough = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    return float(next(power * factor for factor in (1, 2, 5, 10, 20) if power * factor >= rough * (1 - 1e-9)))


def widened(low: float, high: float) -> tuple[float, float]:
    """Widen a span to whole steps."""
    step = _step(low, high)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def span(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the least and the greatest value, moved apart where floats could not divide between them."""
    low, high = float(values.min()), float(values.max())
    size = max(abs(low), abs(high))
    if high - low > max(1e-9 * size, 1e-290):
        return low, high
    margin = 0.05 * size if size > 1e-280 else 0.5
    return low - margin, high + margin


def _edges(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edges of at most 40 bins; whole numbers, such as ranks, get the same number to each bin."""
    low, high = span(values)
    if high - low < 1e6 and bool((values == np.floor(values)).all()):
        first, last = float(values.min()), float(values.max())
        width = math.ceil((last - first + 1) / BINS)
        bins = math.ceil((last - first + 1) / width)
        return first - 0.5 + width * np.arange(bins + 1, dtype=np.float64)
    return np.linspace(low, high, BINS + 1)
