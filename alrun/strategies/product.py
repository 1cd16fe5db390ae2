"""Product: several objectives at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Gt

from alrun.errors import ConfigError
from alrun.strategies.base import Ranking, Strategy, StrategyInputs, asked
from alrun.strategies.composite import Composite
from alrun.strategies.cost import Size, Work
from alrun.strategies.geometry import hash_order
from alrun.strategies.ranking import rank_by


@dataclass(frozen=True)
class Product(Composite):
    """Picks the HIGHEST product over the objectives of u(x) ^ strength first.

    An objective is a strategy that ranks all candidates; u(x) in 0..1 is how good it finds x. With `scale=rank`, which
    suits any strategy, u = 1 - r / n for the r-th of n, from 0; equal scores that follow each other share the
    mean rank. With `scale=min_max`, u = (s - last) / (first - last), where s is the score of x, and first and last are
    those at both ends of the ranking; all 1 if these are equal. That needs scores that run one way along the
    ranking, as those of the strategies that look at each image by itself do. An image that one objective cannot rank is
    never picked. Ties go to the lower data hash.

    Every objective is asked for all N candidates: O(N log N) for those that look at each image by itself, but O(N² D)
    for k-center and its like. Memory: that of the objectives, and 8 bytes a candidate for each.

    Source: Lightly's selection by several objectives with a strength each. There the objectives are normalised in ways
    that are not published.

    Attributes
    ----------
    objectives
        The strategies, by any name.
    strengths
        Above 0, by those names; 1 for what is not named. 2 counts twice, 0.5 half.
    scale
        See above.
    """

    objectives: Mapping[str, Strategy]
    strengths: Mapping[str, Annotated[float, Gt(0)]] = field(default_factory=dict)
    scale: Literal["rank", "min_max"] = "rank"

    def __post_init__(self) -> None:
        """Refuse strengths of nothing."""
        unknown = sorted(set(self.strengths) - set(self.objectives))
        if unknown or not self.objectives:
            named = ", ".join(self.objectives) or "none"
            raise ValueError(f"strengths of {', '.join(unknown) or 'nothing'}: the objectives are {named}")

    def work(self, size: Size) -> Work:
        """Return the work of the objectives for N picks each."""
        everything = size.among(size.candidates, size.candidates)
        return super().work(everything).holding(8 * (len(self.objectives) + 8) * size.candidates)

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return the `budget` candidates with the highest products.

        Raises
        ------
        AlrunError
            As the objectives do, or if the scores of one do not suit `scale`.
        """
        product = np.ones(inputs.candidates.height)
        parts: dict[str, npt.NDArray[np.float64]] = {}
        notes: tuple[str, ...] = ()
        for name, objective in self.objectives.items():
            ranking = asked(objective, inputs, inputs.candidates.height, rng)
            parts[name] = self._utilities(name, ranking, len(product))
            product *= parts[name] ** self.strengths.get(name, 1.0)
            notes += ranking.notes
        best = rank_by(product, budget, "high", lambda *_: "", hash_order(inputs.candidates["data_hash"]))
        reasons = tuple(
            f"{score:.4f} = " + " x ".join(f"{name} {self._shown(name, float(parts[name][row]))}" for name in parts)
            for row, score in zip(best.rows.tolist(), best.scores.tolist(), strict=True)
        )
        return Ranking(best.rows, best.scores, reasons, notes)

    def _utilities(self, name: str, ranking: Ranking, size: int) -> npt.NDArray[np.float64]:
        """Return how good an objective finds each candidate, NaN where it cannot tell."""
        scores, utilities = ranking.scores, np.full(size, np.nan)
        if self.scale == "rank":
            ties = np.cumsum(np.append(False, np.diff(scores) != 0))[: len(scores)]
            places = np.arange(len(scores), dtype=np.float64)
            means = np.bincount(ties, places) / np.maximum(np.bincount(ties), 1)
            utilities[ranking.rows] = 1 - means[ties] / max(len(scores), 1)
        elif len(scores):
            steps = np.diff(scores)
            if (steps > 0).any() and (steps < 0).any():
                raise ConfigError(
                    f"the scores of the objective {name!r} do not run one way along its ranking, so that they cannot "
                    "be scaled between its ends: set strategy.scale=rank"
                )
            span = scores[0] - scores[-1]
            utilities[ranking.rows] = (scores - scores[-1]) / span if span else 1.0
        return utilities

    def _shown(self, name: str, utility: float) -> str:
        strength = self.strengths.get(name, 1.0)
        return f"{utility:.3f}" if strength == 1 else f"{utility:.3f}^{strength:g}"
