"""Ranks labelled images: those whose label is probably wrong first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from alrun.errors import ConfigError, DataError
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.ranking import class_probabilities, rank_by
from alrun.types import Need


@dataclass(frozen=True)
class RelabelSuspects:
    """Picks the labels that the model believes the LEAST, having learnt from all labels but that one's fold.

    Score, LOWEST first, in 0..1, with p the class probabilities of the image and y its label:

    * `self_confidence`: p[y].
    * `normalized_margin`: (p[y] - highest other p + 1) / 2; below 0.5 the model would have chosen another class.
    * `confident_learning`: as `self_confidence`, but only for labels that confident learning holds for wrong: another
      class is the likeliest among those whose probability reaches their threshold, which is the mean p[y] of the
      candidates that are labelled with it. Others are never picked, so that the picks may be fewer than the budget.

    Images without an answer to the question that the model learns are never picked. The only image of a class comes
    first: no model that it is shown to has ever seen its class. Draws nothing at random. Time O(N C), memory O(N C).

    Source: Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 2021; the
    names of the scores are those of cleanlab, whose `filter_by="confident_learning"` the third method calls.

    Attributes
    ----------
    method
        The score; `confident_learning` needs `pip install 'alrun[labels]'`.

    Raises
    ------
    ConfigError
        If the method needs cleanlab and it is not installed.
    """

    method: Literal["self_confidence", "normalized_margin", "confident_learning"] = "self_confidence"

    needs: ClassVar[frozenset[Need]] = frozenset({Need.OUT_OF_SAMPLE})

    def __post_init__(self) -> None:
        from importlib.util import find_spec

        if self.method == "confident_learning" and find_spec("cleanlab") is None:
            raise ConfigError(
                "method=confident_learning needs cleanlab, which is not installed: pip install 'alrun[labels]', or "
                "choose self_confidence or normalized_margin"
            )

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return the `budget` candidates with the least credible labels.

        Raises
        ------
        DataError
            If the probabilities or the given classes are not usable; the message names the rows.
        """
        probabilities = class_probabilities(inputs).astype(np.float64, copy=False)
        given = _given(inputs, probabilities.shape[1])
        rows = np.flatnonzero(given >= 0)
        scores = np.full(len(given), np.nan)
        scores[rows] = self._scores(probabilities[rows], given[rows])
        best = probabilities.argmax(axis=1)
        ranking = rank_by(scores, budget, "low", lambda _, score: f"{self.method} {score:.3f}")
        names = inputs.classes or tuple(map(str, range(probabilities.shape[1])))
        reasons = tuple(
            f"labelled {names[given[row]]!r}, to which the model gives {probabilities[row, given[row]]:.1%}; "
            f"most to {names[best[row]]!r}, {probabilities[row, best[row]]:.1%}"
            for row in ranking.rows.tolist()
        )
        return Ranking(ranking.rows, ranking.scores, reasons)

    def _scores(self, p: npt.NDArray[np.float64], given: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        own = p[np.arange(len(given)), given]
        if self.method == "normalized_margin":
            others = p.copy()
            others[np.arange(len(given)), given] = 0
            return np.asarray((own - others.max(axis=1, initial=0) + 1) / 2)
        if self.method == "confident_learning":
            return np.where(_off_diagonal(p, given), own, np.nan)
        return np.asarray(own)


def _off_diagonal(p: npt.NDArray[np.float64], given: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return whether confident learning counts each label off the diagonal of its joint with the true one."""
    if len(np.unique(given)) < 2:
        return np.zeros(len(given), np.bool_)
    from cleanlab.filter import find_label_issues

    found: Any = find_label_issues(given, p, filter_by="confident_learning", n_jobs=1)
    return np.asarray(found, np.bool_)


def _given(inputs: StrategyInputs, classes: int) -> npt.NDArray[np.int64]:
    given = inputs.given
    if given is None:
        raise ValueError("the strategy was called without the labels it declares")
    if given.shape != (inputs.candidates.height,):
        raise DataError(f"the classes that labels name have the shape {given.shape}; needed: one a candidate")
    wrong = np.flatnonzero((given < -1) | (given >= classes))
    if len(wrong):
        title = inputs.candidates["title"][int(wrong[0])]
        raise DataError(
            f"{title!r} is labelled with class {given[wrong[0]]}, one of {len(wrong)} labels that are not in "
            f"0..{classes - 1} (-1 means no label)"
        )
    return given
