"""The area that outlines cover together, and how much two have in common, exactly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Points = Sequence[tuple[float, float]]
Doubles = npt.NDArray[np.float64]

_BLOCK = 256  # rows of the tables of edges by edges, and of slabs by edges


def union_area(outlines: Sequence[Points]) -> float:
    """Return the area of the union of outlines, in the square of their unit, 0 or above.

    Two points are the opposite corners of a box; three or more are a polygon, closed by itself. Where a polygon
    crosses itself, what is inside an odd number of times counts (the even-odd rule).

    Notes
    -----
    The plane is cut into upright slabs at every corner and every crossing. Within a slab no two edges cross, so
    that what they cover of an upright line changes evenly: its length in the middle times the width of the slab is
    exact. Time O(S E log E) for E edges and S slabs, S being the number of corners and crossings.
    """
    edges = [_edges(outline) for outline in outlines if len(outline) > 1]
    edges = [found for found in edges if len(found)]
    if not edges:
        return 0.0
    every = np.concatenate(edges)
    cuts = np.unique(np.concatenate([every[:, 0], every[:, 2], _crossings(every)]))
    middles, widths = (cuts[1:] + cuts[:-1]) / 2, np.diff(cuts)
    parts = (slice(start, start + _BLOCK) for start in range(0, len(middles), _BLOCK))
    return float(sum(_covered(edges, middles[part]) @ widths[part] for part in parts))


def intersection_over_union(one: Points, other: Points) -> float:
    """Return the area that both outlines cover by the area that one of them does, 0..1; 0 if neither has an area."""
    together = union_area([one, other])
    if together == 0:
        return 0.0
    return min(max((union_area([one]) + union_area([other]) - together) / together, 0.0), 1.0)


def _edges(outline: Points) -> Doubles:
    """Return the edges that are not upright, shape (E, 4): x and y of the left end, then of the right one."""
    if len(outline) == 2:
        (left, top), (right, bottom) = outline
        outline = [(left, top), (right, top), (right, bottom), (left, bottom)]
    corners = np.array(outline, np.float64)
    ends = np.concatenate([corners, np.roll(corners, -1, axis=0)], axis=1)
    ends = ends[ends[:, 0] != ends[:, 2]]
    turned: Doubles = np.where(ends[:, [0]] < ends[:, [2]], ends, ends[:, [2, 3, 0, 1]])
    return turned


def _heights(edges: Doubles, x: Doubles) -> Doubles:
    """Return the y of each edge at each x, shape (X, E); NaN where the edge does not reach."""
    left, low, right, high = edges.T
    y: Doubles = low + (high - low) * ((x[:, None] - left) / (right - left))
    y[(x[:, None] < left) | (x[:, None] > right)] = np.nan
    return y


def _crossings(edges: Doubles) -> Doubles:
    """Return the x of every point where two edges cross."""
    left, low, right, high = edges.T
    slope = (high - low) / (right - left)
    found = [np.zeros(0)]
    for start in range(0, len(edges), _BLOCK):
        some = slice(start, start + _BLOCK)
        steeper = slope[some, None] - slope
        with np.errstate(divide="ignore", invalid="ignore"):
            x = (low - slope * left - (low - slope * left)[some, None]) / steeper
            inside = (x > np.maximum(left[some, None], left)) & (x < np.minimum(right[some, None], right))
        found.append(x[inside])
    return np.concatenate(found)


def _covered(outlines: Sequence[Doubles], x: Doubles) -> Doubles:
    """Return how much of the upright line at each x lies inside one outline or more."""
    heights = [np.sort(_heights(edges, x), axis=1) for edges in outlines]  # NaN last
    y = np.concatenate(heights, axis=1)
    # From below, an outline's first edge enters it, its second leaves it, and so on.
    steps = np.concatenate([np.where(np.arange(part.shape[1]) % 2, -1, 1) for part in heights])
    order = np.argsort(y, axis=1, kind="stable")
    y = np.take_along_axis(y, order, axis=1)
    inside = np.cumsum(steps[order], axis=1)[:, :-1] > 0
    lengths: Doubles = np.where(inside, np.nan_to_num(np.diff(y, axis=1)), 0).sum(axis=1)
    return lengths
