"""Stratified random sampling: each value of a column gets its share of the picks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import polars as pl

from alrun.errors import ConfigError, one_of
from alrun.seeds import uniform_by_key
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.types import Need


@dataclass(frozen=True)
class Stratified:
    """Picks at random, from each stratum (a value of the column `by`) in proportion to its size.

    Score: (r + 1/2) / n for the r-th image (from 0) of a stratum of n in random order, LOWEST first; that is the method
    of Sainte-Laguë, so that the first k picks are in proportion for every k, and a larger budget adds picks to
    those of a smaller one. Strata that are equally far take turns at random. The random order in a stratum depends
    on the generator and the data hashes only. Time O(N log N), memory O(N).

    Source: proportional allocation (Cochran, Sampling Techniques, 1977, 5.3); Sainte-Laguë, La représentation
    proportionnelle et la méthode des moindres carrés, 1910.

    Attributes
    ----------
    by
        A column of the pool that holds text: stage, assignee, status or data_type, or meta.NAME for client metadata.
        Images without a value are a stratum of their own.
    """

    by: str = "stage"

    needs: ClassVar[frozenset[Need]] = frozenset()

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` random candidates.

        Raises
        ------
        ConfigError
            If the pool has no such column of text.
        """
        frame = inputs.candidates
        texts = [name for name, kind in frame.schema.items() if kind == pl.String]
        if self.by not in texts:
            raise ConfigError(f"the pool has no column {self.by!r} of text to stratify by: {one_of(self.by, texts)}")
        drawn = uniform_by_key(frame["data_hash"], rng)
        strata = pl.DataFrame({"stratum": frame[self.by], "drawn": drawn})
        share = strata.select(
            (pl.col("drawn").rank("ordinal").over("stratum") - 0.5) / pl.len().over("stratum"),
        )
        scores = share.to_series().cast(pl.Float64).to_numpy()
        rows = np.lexsort((drawn, scores))[:budget]
        values = frame[self.by].gather(rows)
        reasons = tuple(f"drawn at random from {self.by} {_shown(value)}" for value in values)
        return Ranking(rows.astype(np.int64), scores[rows], reasons)


def _shown(value: str | None) -> str:
    return "(none)" if value is None else repr(value)
