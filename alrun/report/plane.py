"""The picture of a pool: its images as dots, by a projection of their embeddings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alrun.report.data import PlaneView

MOST = 2000
COLOURS = 10
WIDTH, HEIGHT, MARGIN = 1000, 600, 20
KINDS = {
    "pool": "no candidates",
    "candidate": "candidates",
    "labelled": "labelled before",
    "selected": "selected",
}


@dataclass(frozen=True, slots=True)
class Dots:
    """Dots that look alike: an SVG path of points; `colour` is the class's number, None if it has no colour."""

    kind: str
    colour: int | None
    path: str


@dataclass(frozen=True, slots=True)
class Plane:
    """What the page draws: dots from the lowest layer up, what is in the key, and a sentence."""

    dots: tuple[Dots, ...]
    kinds: tuple[tuple[str, str], ...]
    classes: tuple[str, ...]
    others: int
    caption: str


def plane_view(pool: pl.DataFrame, x: str, y: str, classes: Mapping[str, str]) -> PlaneView | None:
    """Return where the images of a round are, at most 2,000 of them: a sample has the selected first, by even steps.

    Parameters
    ----------
    pool
        A round's pool with `candidate`, `rank` and the columns of the projection, NaN where an image has none.
    classes
        The class that selected images got, by data hash; others have the first of their label.

    Returns
    -------
    None if the pool has no projection.
    """
    if x not in pool.columns:
        return None
    kind = (
        pl.when(pl.col("rank").is_not_null()).then(pl.lit("selected"))
        .when("labelled").then(pl.lit("labelled"))
        .when("candidate").then(pl.lit("candidate"))
        .otherwise(pl.lit("pool"))
    )  # fmt: skip
    placed = pool.with_columns(kind.alias("kind")).filter(pl.col(x).is_finite())
    selected = (placed["kind"] == "selected").to_numpy()
    first = _spread(np.flatnonzero(selected), MOST // 2)
    rows = np.sort(np.concatenate([first, _spread(np.flatnonzero(~selected), MOST - len(first))]))
    shown = placed[rows]
    known = zip(shown["data_hash"], shown["classes"].list.first(), strict=True)
    return PlaneView(
        places=shown.select(x, y).to_numpy(),
        kinds=tuple(shown["kind"]),
        classes=tuple(classes.get(data_hash, own) for data_hash, own in known),
        total=placed.height,
    )


def plane(view: PlaneView) -> Plane:
    """Return the picture: the ten most frequent classes have colours, both directions the same scale."""
    counts = Counter(name for name in view.classes if name is not None)
    classes = [name for name, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]
    colours = {name: number for number, name in enumerate(sorted(classes[:COLOURS]))}
    kinds = Counter(view.kinds)
    shown = "" if len(view.kinds) == view.total else f", of which {len(view.kinds):,} are shown"
    return Plane(
        dots=tuple(_dots(view, colours)),
        kinds=tuple((kind, text) for kind, text in KINDS.items() if kinds[kind]),
        classes=tuple(colours),
        others=len(classes) - len(colours),
        caption=f"{view.total:,} images{shown}, by the two directions in which their embeddings vary most",
    )


def _dots(view: PlaneView, colours: Mapping[str, int]) -> Iterator[Dots]:
    places = _scaled(view.places)
    for kind in KINDS:
        groups: dict[int | None, list[str]] = {}
        for (x, y), own, name in zip(places.tolist(), view.kinds, view.classes, strict=True):
            if own == kind:
                groups.setdefault(colours.get(name or "") if kind in ("labelled", "selected") else None, []).append(
                    f"M{x} {y}h0"
                )
        for colour in sorted(groups, key=lambda c: -1 if c is None else c):
            yield Dots(kind, colour, "".join(groups[colour]))


def _scaled(places: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return whole coordinates within the picture, y upwards."""
    if not len(places):
        return np.zeros((0, 2), np.int64)
    low, high = places.min(axis=0), places.max(axis=0)
    room = np.array([WIDTH, HEIGHT]) - 2 * MARGIN
    span = np.where(high > low, high - low, np.inf)
    scale = float((room / span).min()) or 1.0
    centred = (places - (low + high) / 2) * scale * [1, -1]
    return np.asarray(np.rint(centred + np.array([WIDTH, HEIGHT]) / 2), np.int64)


def _spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many of the rows, at even steps."""
    if len(rows) <= most:
        return rows
    return rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]
