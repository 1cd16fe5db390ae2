"""The picture of a pool: which dots it has, where, and in which colours."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import polars as pl

from alrun.report.data import PlaneView
from alrun.report.plane import COLOURS, HEIGHT, MOST, WIDTH, Plane, plane, plane_view


def pool(size: int, selected: int) -> pl.DataFrame:
    """Make a pool: the first rows are selected, the next labelled as dogs, every second of the others a candidate."""
    rows = np.arange(size)
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "data_hash": [f"hash-{row:05}" for row in rows],
            "rank": [row + 1 if row < selected else None for row in rows.tolist()],
            "labelled": (rows >= selected) & (rows < 2 * selected),
            "candidate": (rows < selected) | (rows % 2 == 0),
            "classes": [["dog", "zebra"] if selected <= row < 2 * selected else [] for row in rows.tolist()],
            "x": rng.normal(size=size),
            "y": rng.normal(size=size),
        },
        schema_overrides={"rank": pl.Int64, "classes": pl.List(pl.String)},
    )


def view(frame: pl.DataFrame, **classes: str) -> PlaneView:
    found = plane_view(frame, "x", "y", {name.replace("_", "-"): value for name, value in classes.items()})
    assert found is not None
    return found


def points(figure: Plane) -> list[tuple[str, int | None, int, int]]:
    return [
        (dots.kind, dots.colour, int(x), int(y))
        for dots in figure.dots
        for x, y in re.findall(r"M(-?\d+) (-?\d+)h0", dots.path)
    ]


def test_each_image_is_one_dot_of_its_kind_and_class() -> None:
    figure = plane(view(pool(10, 2), hash_00000="cat"))
    assert figure.classes == ("cat", "dog")
    assert Counter((kind, colour) for kind, colour, _, _ in points(figure)) == {
        ("pool", None): 3, ("candidate", None): 3, ("labelled", 1): 2, ("selected", 0): 1, ("selected", None): 1,
    }  # fmt: skip
    assert [kind for kind, _ in figure.kinds] == ["pool", "candidate", "labelled", "selected"]
    assert figure.caption.startswith("10 images, by the two directions")


def test_the_selected_are_drawn_last() -> None:
    assert [dots.kind for dots in plane(view(pool(40, 5))).dots][-1] == "selected"


def test_both_directions_have_one_scale_and_y_goes_up() -> None:
    places = np.array([[0.0, 0], [4, 0], [0, 1]])
    found = points(plane(PlaneView(places, ("candidate",) * 3, (None,) * 3, 3)))
    (ax, ay), (bx, by), (cx, cy) = [(x, y) for _, _, x, y in found]
    assert (by, cx) == (ay, ax)
    assert abs((bx - ax) - 4 * (ay - cy)) <= 4
    assert cy < ay


def test_a_large_pool_is_sampled_with_the_selected_first_and_says_so() -> None:
    figure = plane(view(pool(9_000, 300)))
    found = points(figure)
    assert len(found) == MOST
    assert sum(kind == "selected" for kind, *_ in found) == 300
    assert figure.caption.startswith("9,000 images, of which 2,000 are shown")
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for _, _, x, y in found)
    many = [kind for kind, *_ in points(plane(view(pool(9_000, 4_000))))]
    assert len(many) == MOST
    assert many.count("selected") == MOST // 2


def test_rare_classes_have_no_colour() -> None:
    names = (*(f"class {row // 2:02}" for row in range(2 * COLOURS)), "rare", "too")
    places = np.random.default_rng(0).normal(size=(len(names), 2))
    figure = plane(PlaneView(places, ("labelled",) * len(names), names, len(names)))
    assert figure.classes == tuple(f"class {n:02}" for n in range(COLOURS))
    assert figure.others == 2
    assert sum(colour is None for _, colour, _, _ in points(figure)) == 2


def test_images_that_are_all_in_one_place_or_nowhere_do_no_harm() -> None:
    same: Any = np.ones((3, 2))
    assert {p[2:] for p in points(plane(PlaneView(same, ("pool",) * 3, (None,) * 3, 3)))} == {(500, 300)}
    assert plane_view(pool(4, 1).drop("x"), "x", "y", {}) is None
    nowhere = pool(4, 1).with_columns(x=pl.lit(np.nan))
    assert plane(view(nowhere)).dots == ()
