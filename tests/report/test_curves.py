from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from alrun.report.curves import RUG, TOP_CLASSES, Histogram, balance, histogram, learning_curve
from alrun.report.data import MetricView
from tests.report.examples import CURVE


def view(values: list[float] | NDArray[np.float64], selected: list[float] | NDArray[np.float64]) -> MetricView:
    return MetricView("metric", "lowest first", np.asarray(values, np.float64), np.asarray(selected, np.float64))


def inside(figure: Histogram) -> bool:
    numbers = [n for b in figure.bins for n in (b.x, b.width, b.all, b.selected)]
    numbers += [*figure.rug, *(t.at for t in (*figure.x_ticks, *figure.y_ticks))]
    return all(-0.01 <= n <= 100.01 for n in numbers)


def shown(figure: Histogram) -> int:
    """Return how many candidates the bars stand for, as their own words say."""
    return sum(int(b.text.split(": ")[1].split(" candidates")[0].replace(",", "")) for b in figure.bins)


def test_ranks_fall_into_bins_of_equal_size() -> None:
    figure = histogram(view(np.arange(1.0, 4001), np.arange(1.0, 51)))
    assert len(figure.bins) == 40
    assert [b.all for b in figure.bins] == [100.0] * 40
    assert [b.selected for b in figure.bins] == [50.0] + [0.0] * 39
    assert [t.text for t in figure.y_ticks] == ["0", "20", "40", "60", "80", "100"]
    assert figure.caption == "4,000 candidates, 50 selected, lowest first; the selected lie in 1 to 50"


def test_bins_of_a_metric_between_0_and_1() -> None:
    figure = histogram(view([0.0, 0.01, 0.5, 1.0], [1.0]))
    assert [(b.x, b.all, b.selected) for b in figure.bins if b.all] == [(0, 100, 0), (50, 50, 0), (97.5, 50, 50)]
    assert [(t.at, t.text) for t in figure.x_ticks] == [
        (0, "0.0"), (20, "0.2"), (40, "0.4"), (60, "0.6"), (80, "0.8"), (100, "1.0")
    ]  # fmt: skip
    assert figure.rug == (100.0,)


@pytest.mark.parametrize("value", [0.0, 1.0, -3.5, 1e-300, 1e300, 5e-324, 123456789.125])
def test_a_constant_metric_and_a_single_value_are_one_bar(value: float) -> None:
    for size in (1, 7):
        figure = histogram(view([value] * size, [value]))
        assert inside(figure)
        assert sum(b.all > 0 for b in figure.bins) == 1
        assert shown(figure) == size


def test_no_finite_value_leaves_the_figure_empty_and_says_so() -> None:
    figure = histogram(view([math.nan, math.inf], [math.nan]))
    assert not figure.bins
    assert figure.caption == "2 candidates, 1 selected, lowest first; 2 without a value"


def test_no_candidate_at_all_is_an_empty_figure() -> None:
    assert not histogram(view([], [])).bins


def test_nothing_selected_marks_nothing() -> None:
    figure = histogram(view([1.5, 2.5], []))
    assert not figure.rug
    assert not any(b.selected for b in figure.bins)


def test_a_few_selected_among_many_candidates_stay_visible() -> None:
    values = np.random.default_rng(0).normal(size=100_000)
    figure = histogram(view(values, np.sort(values)[:500]))
    assert len(figure.bins) == 40
    assert shown(figure) == 100_000
    assert 0 < len(figure.rug) <= RUG + 1


@settings(max_examples=200)
@given(hnp.arrays(np.float64, st.integers(0, 30), elements=st.floats(width=64)), st.integers(0, 30))
def test_any_values_make_a_figure_within_its_frame_that_shows_every_finite_one(
    values: NDArray[np.float64], picked: int
) -> None:
    figure = histogram(view(values, values[:picked]))
    assert inside(figure)
    assert shown(figure) == np.isfinite(values).sum()
    assert len(figure.x_ticks) <= 11
    assert len(figure.y_ticks) <= 11


def curve(*rows: tuple[int, int, float | None, float | None, float | None, float | None]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=CURVE, orient="row")


def test_the_learning_curve_has_a_panel_for_each_figure_over_labelled_images() -> None:
    panels = learning_curve(curve((1, 100, 0.5, 0.4, 2.0, 0.1), (2, 200, 0.7, 0.6, 1.0, 0.05)))
    assert [p.title for p in panels] == ["Accuracy", "Macro F1", "Log loss", "Calibration error"]
    accuracy = panels[0]
    assert [(p.x, p.y, p.joined) for p in accuracy.points] == [(0, 100, False), (100, 0, True)]
    assert accuracy.points[1].text == "round 2, 200 labelled: 0.700"
    assert accuracy.latest == "0.700"
    assert [(t.at, t.text) for t in accuracy.x_ticks] == [
        (0, "100"), (20, "120"), (40, "140"), (60, "160"), (80, "180"), (100, "200")
    ]  # fmt: skip


def test_one_evaluation_is_one_point() -> None:
    (point,) = learning_curve(curve((1, 100, 0.5, None, None, None)))[0].points
    assert (point.x, point.joined) == (50, False)


def test_a_figure_that_is_never_defined_has_no_panel_and_a_gap_is_not_bridged() -> None:
    panels = learning_curve(
        curve((1, 10, 0.5, None, math.nan, 0.1), (2, 20, None, None, math.inf, 0.1), (3, 30, 0.6, None, None, 0.1))
    )
    assert [p.title for p in panels] == ["Accuracy", "Calibration error"]
    assert [p.joined for p in panels[0].points] == [False, False]


def test_no_evaluation_has_no_panels() -> None:
    assert learning_curve(curve()) == []


@given(st.lists(st.tuples(st.integers(0, 10**9), st.none() | st.floats()), min_size=1, max_size=12))
def test_any_curve_stays_within_its_frame(rows: list[tuple[int, float | None]]) -> None:
    for panel in learning_curve(curve(*((i, n, v, v, v, v) for i, (n, v) in enumerate(rows)))):
        places = [n for p in panel.points for n in (p.x, p.y)] + [t.at for t in (*panel.x_ticks, *panel.y_ticks)]
        assert all(-0.01 <= place <= 100.01 for place in places)


def test_class_balance_is_in_order_of_count_then_name() -> None:
    figure = balance({"b": 2, "a": 2, "c": 4, "d": 0})
    assert [(b.name, b.count, b.percent) for b in figure.bars] == [
        ("c", 4, 100), ("a", 2, 50), ("b", 2, 50), ("d", 0, 0)
    ]  # fmt: skip
    assert (figure.other_classes, figure.other_count) == (0, 0)


def test_of_a_thousand_classes_the_most_frequent_are_shown_and_the_others_summed() -> None:
    figure = balance({f"class {i}": i for i in range(1000)})
    assert [b.count for b in figure.bars] == list(range(999, 999 - TOP_CLASSES, -1))
    assert figure.other_classes == 970
    assert figure.other_count == sum(range(970))


def test_no_class_or_only_zero_counts_are_no_division_by_zero() -> None:
    assert balance({}).bars == ()
    assert balance({"a": 0}).bars[0].percent == 0
