"""Points in the plane, for people to look at."""

from __future__ import annotations

import numpy as np

from alrun.numeric.blocks import Doubles, Floats, blocks, workers

_SAMPLE = 1000
_NOTHING = 1e-12


def principal_plane(points: Floats) -> Doubles:
    """Project points onto the two directions in which they vary most (principal components).

    Exact and the same each time, unlike t-SNE and UMAP, which show neighbourhoods better and take minutes: distances
    in the plane are never larger than they are, and images that look far apart are. The directions are those of 1,000
    points, evenly spread over the rows, if there are more.

    Parameters
    ----------
    points
        float32, shape (N, D), finite.

    Returns
    -------
    float64, shape (N, 2): the first direction first, with the mean at 0. Each direction points to where its entry of
    the largest size (the first of these) is positive. One in which nothing varies is 0.
    """
    plane = np.zeros((len(points), 2))
    if not len(points):
        return plane
    rows = np.linspace(0, len(points) - 1, min(len(points), _SAMPLE)).round().astype(np.int64)
    sample = points[rows].astype(np.float64)
    mean = sample.mean(axis=0)
    with workers() as pool:
        directions = _directions(sample - mean)
        parts = pool.map(lambda block: (points[block] - mean) @ directions.T, blocks(len(points)))
        plane[:, : len(directions)] = np.concatenate(list(parts))
    return plane


def _directions(centred: Doubles) -> Doubles:
    """Return up to two orthonormal rows, by the smaller of the two products of a matrix with itself."""
    from scipy.linalg import eigh

    size, width = centred.shape
    product = centred @ centred.T if size < width else centred.T @ centred
    last = len(product) - 1
    values, vectors = eigh(product, subset_by_index=[max(0, last - 1), last])
    keep = values > _NOTHING * max(float(np.trace(product)), np.finfo(np.float64).tiny)
    found = vectors[:, keep].T[::-1]
    if size < width:
        found = found @ centred / np.sqrt(values[keep][::-1, None])
    largest = np.take_along_axis(found, np.abs(found).argmax(axis=1)[:, None], axis=1)
    return np.asarray(found * np.sign(largest))
