"""The strategies' definitions as plain loops: float64, every number computed, no block and nothing put off.

They are slow on purpose and share no code with alrun.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]


def k_center(points: Floats, centres: Floats, first: int, budget: int) -> tuple[list[int], list[float]]:
    """Pick the largest distance to the nearest centre next; the lower row of equal ones."""
    x = points.astype(np.float64)
    nearest = np.full(len(x), np.inf)
    for centre in centres.astype(np.float64):
        nearest = np.minimum(nearest, np.square(x - centre).sum(axis=1))
    rows: list[int] = []
    distances = []
    for _ in range(budget):
        open_ = nearest.copy()
        open_[rows] = -1
        row = int(open_.argmax()) if rows or len(centres) else first
        distances.append(float(np.sqrt(nearest[row])))
        rows.append(row)
        nearest = np.minimum(nearest, np.square(x - x[row]).sum(axis=1))
    return rows, distances


def k_center_in_float32(points: Floats, first: int, budget: int) -> list[int]:
    """Take the usual short cut, |x|² + |c|² - 2xc in float32, which rounds too much."""
    norms = np.square(points).sum(axis=1)
    nearest = np.full(len(points), np.inf, np.float32)
    rows = [first]
    while len(rows) < budget:
        nearest = np.minimum(nearest, norms + norms[rows[-1]] - 2 * points @ points[rows[-1]])
        nearest[rows[-1]] = -np.inf
        rows.append(int(nearest.argmax()))
    return rows


def coverage(similar: Doubles, given: Doubles, budget: int) -> tuple[list[int], list[float]]:
    """Pick the largest gain of the mean similarity to a pick; `similar` is (N, N), `given` (N, L).

    The first of those that are equal to within 1e-9.
    """
    covered = given.max(axis=1, initial=0)
    rows: list[int] = []
    gains = []
    for _ in range(budget):
        gain = np.array([np.maximum(similar[:, c] - covered, 0).mean() for c in range(len(similar))])
        gain[gain < 1e-13] = 0
        gain[rows] = -1
        rows.append(int(np.argmax(gain >= gain.max() * (1 - 1e-9))))
        gains.append(float(gain[rows[-1]]))
        covered = np.maximum(covered, similar[:, rows[-1]])
    return rows, gains


def prob_cover(points: Floats, labelled: Floats, radius: float, budget: int) -> tuple[list[int], list[int]]:
    """Pick the ball with most uncovered points next, until all are covered; with the whole N x N matrix."""
    x = points.astype(np.float64)
    joined = np.sqrt(np.square(x[:, None] - x[None]).sum(axis=2)) < radius
    covered = np.zeros(len(x), bool)
    for point in labelled.astype(np.float64):
        covered |= np.sqrt(np.square(x - point).sum(axis=1)) < radius
    rows: list[int] = []
    counts = []
    while len(rows) < budget and not covered.all():
        count = (joined & ~covered).sum(axis=1)
        rows.append(int(count.argmax()))
        counts.append(int(count.max()))
        covered |= joined[rows[-1]]
    return rows, counts


def typi_clust(
    points: Floats, labels: Sequence[int], budget: int, neighbours: int = 20, small: int = 5
) -> tuple[list[int], list[float]]:
    """Visit clusters in turn, the least mean distance first; `labels` has those of `points`, then of the labelled."""
    x = points.astype(np.float64)
    members: dict[int, list[int]] = {}
    for row, label in enumerate(labels):
        members.setdefault(label, []).append(row)

    def key(label: int) -> tuple[int, int, int]:
        return sum(row >= len(x) for row in members[label]), -len(members[label]), members[label][0]

    large = sorted((label for label in members if len(members[label]) > small), key=key)
    tiny = sorted((label for label in members if len(members[label]) <= small), key=key)
    left = {label: [row for row in members[label] if row < len(x)] for label in members}
    rows: list[int] = []
    scores = []
    for group in (large, tiny):
        while any(left[label] for label in group):
            for label in group:
                if not left[label] or len(rows) == budget:
                    continue
                some = left[label]
                best, least = some[0], 0.0 if len(some) == 1 else np.inf
                for row in some if len(some) > 1 else ():
                    away = sorted(float(np.linalg.norm(x[row] - x[other])) for other in some if other != row)
                    k = min(neighbours, len(some) // 2)
                    mean = sum(away[:k]) / k
                    if mean < least - 1e-9:
                        best, least = row, mean
                rows.append(best)
                scores.append(least)
                some.remove(best)
            if len(rows) == budget:
                return rows, scores
    return rows, scores


def d2_sample(
    vectors: Doubles,
    first: int,
    count: int,
    rng: np.random.Generator,
    weights: Doubles | None = None,
    trials: int = 128,
    share: int = 8,
) -> tuple[list[int], list[float]]:
    """Draw k-means++ by rejection from outdated distances; the true ones of all rows are known all the while."""
    rows, squares = [first], [float(np.square(vectors[first]).sum())]
    true = np.square(vectors - vectors[first]).sum(axis=1)
    outdated, in_vain = true.copy(), 0
    weights = np.ones(len(vectors)) if weights is None else weights
    while len(rows) < count and (outdated * weights).any():
        ends = np.cumsum(outdated * weights)
        drawn = []
        for _ in range(trials):
            row = int(np.searchsorted(ends, rng.random() * ends[-1], side="right"))
            drawn.append(row)
            if rng.random() * outdated[row] < true[row]:
                rows.append(row)
                squares.append(float(true[row]))
                true = np.minimum(true, np.square(vectors - vectors[row]).sum(axis=1))
            else:
                in_vain += 1
        outdated[drawn] = true[drawn]
        if in_vain * share >= len(vectors):
            outdated, in_vain = true.copy(), 0
    rest = [row for row in range(len(vectors)) if row not in set(rows)]
    return (rows + rest)[:count], (squares + [0.0] * len(rest))[:count]


def gradients(probabilities: npt.NDArray[np.floating], embeddings: Floats) -> Doubles:
    """Return BADGE's gradients in full, shape (N, C·D)."""
    residuals = probabilities.copy()
    residuals[np.arange(len(residuals)), residuals.argmax(axis=1)] -= 1
    vectors: Doubles = np.einsum("nc,nd->ncd", residuals, embeddings.astype(np.float64)).reshape(len(residuals), -1)
    return vectors


def sainte_lague(sizes: Sequence[int], seats: int) -> list[int]:
    """Give one seat after the other to the largest quotient size / (2 seats + 1)."""
    given = [0] * len(sizes)
    for _ in range(seats):
        quotients = [size / (2 * has + 1) for size, has in zip(sizes, given, strict=True)]
        given[int(np.argmax(quotients))] += 1
    return given


def unit(points: Floats) -> Floats:
    """Scale rows to length 1."""
    scaled: Floats = (points / np.sqrt(np.square(points.astype(np.float64)).sum(axis=1))[:, None]).astype(np.float32)
    return scaled
