"""Long titles first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge

from alrun.metrics.base import MetricInputs
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.types import Need


@dataclass(frozen=True)
class TitleLength:
    """The number of characters in the title, at most `limit`."""

    limit: Annotated[int, Ge(1)] = 1000

    needs: ClassVar[frozenset[Need]] = frozenset()

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:  # noqa: ARG002
        return np.array([min(len(task.title), self.limit) for task in inputs.tasks], np.float64)


@dataclass(frozen=True)
class LongestTitle:
    """Picks the highest `metric` first."""

    metric: str = "title_length"

    needs: ClassVar[frozenset[Need]] = frozenset()

    @property
    def metrics(self) -> frozenset[str]:
        return frozenset({self.metric})

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        lengths = inputs.candidates[self.metric].to_numpy()
        rows = np.argsort(-lengths, kind="stable")[:budget].astype(np.int64)
        return Ranking(rows, lengths[rows], tuple(f"{int(lengths[row])} characters" for row in rows))
