"""A strategy's answer is looked at before it costs anything: nothing is selected for one that is none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from alrun.errors import DataError
from alrun.run.actions import ACTIONS
from alrun.strategies.audit import Audit
from alrun.strategies.base import Ranking, Strategy, StrategyInputs, checked_ranking
from alrun.strategies.distinct import Distinct
from alrun.strategies.pipeline import Pipeline
from alrun.strategies.product import Product
from alrun.strategies.random import Random
from alrun.strategies.switch import Switch
from alrun.types import Need
from tests.run.harness import QUICK, make_job, platform_of, stages
from tests.strategies import pools


@pytest.mark.parametrize(
    ("rows", "scores", "reasons", "fault"),
    [
        ([0, 1, 2, 3], [1.0] * 4, 4, "it picked 4 images; the budget is 3"),
        ([-1], [1.0], 1, "it picked the row -1; the candidates are the rows 0 to 9"),
        ([10], [1.0], 1, "it picked the row 10; the candidates"),
        ([2, 5, 2], [1.0] * 3, 3, "it picked the row 2 2 times; needed: each at most once"),
        ([1, 2], [1.0, float("nan")], 2, "the score of its pick 2 is nan"),
        ([1], [float("inf")], 1, "the score of its pick 1 is inf"),
        ([1], [1.0, 2.0], 1, "it gave 1 rows, 2 scores and 1 reasons"),
        ([1, 2], [1.0, 2.0], 1, "it gave 2 rows, 2 scores and 1 reasons"),
        ([0.5], [1.0], 1, "of shape \\(1,\\) and type float64; needed: whole numbers"),
        ([[1]], [[1.0]], 1, "of shape \\(1, 1\\)"),
    ],
)
def test_what_is_no_answer_is_refused(rows: list[int], scores: list[float], reasons: int, fault: str) -> None:
    ranking = Ranking(np.array(rows), np.array(scores), ("",) * reasons)
    with pytest.raises(DataError, match=f"^strategy=mine gave no usable answer: .*{fault}"):
        checked_ranking(ranking, 10, 3, "mine")


def test_fewer_picks_than_the_budget_are_an_answer() -> None:
    for rows in ([], [9], [9, 0, 4]):
        checked_ranking(Ranking(np.array(rows, np.int64), np.ones(len(rows)), ("",) * len(rows)), 10, 3, "mine")


@pytest.mark.parametrize("rows", [[], [9, 0, 4]])
def test_lists_become_the_arrays_that_a_ranking_promises(rows: list[int]) -> None:
    given: Any = Ranking(rows, [1] * len(rows), ["why"] * len(rows), ["a note"])  # type: ignore[arg-type]
    ranking = checked_ranking(given, 10, 3, "mine")
    assert ranking.rows.dtype == np.int64
    assert ranking.rows.tolist() == rows
    assert ranking.scores.dtype == np.float64
    assert ranking.scores.tolist() == [1.0] * len(rows)
    assert (ranking.reasons, ranking.notes) == (("why",) * len(rows), ("a note",))


ANSWER: Any = Ranking(np.array([4]), np.ones(1), ("why",))


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (None, r"it is None; needed: alrun\.strategies\.base\.Ranking"),
        (([1], [1.0], ("why",)), r"it is of the type tuple; needed: alrun\.strategies\.base\.Ranking"),
        (replace(ANSWER, rows=None), r"its rows are of shape \(\) and type object; needed: whole numbers"),
        (replace(ANSWER, rows=["4"]), r"its rows are of shape \(1,\) and type <U1; needed: whole numbers"),
        (replace(ANSWER, rows=[[4], [4, 5]]), "inhomogeneous shape"),
        (replace(ANSWER, scores=["high"]), "could not convert string to float: 'high'"),
        (replace(ANSWER, reasons=None), "its reasons are None; needed: a tuple of texts, each of one line"),
        (replace(ANSWER, reasons="w"), "its reasons are 'w'; needed: a tuple of texts"),
        (replace(ANSWER, reasons=(None,)), "number 1 of its reasons is None; needed: a text of one line"),
        (replace(ANSWER, reasons=("a\nb",)), r"number 1 of its reasons is 'a\\nb'; needed: a text of one line"),
        (replace(ANSWER, reasons=("a\r",)), r"number 1 of its reasons is 'a\\r'; needed: a text of one line"),
        (replace(ANSWER, notes="a note"), "its notes are 'a note'; needed: a tuple of texts"),
    ],
)
def test_what_a_run_could_not_write_down_is_refused(answer: object, fault: str) -> None:
    with pytest.raises(DataError, match=f"^strategy=mine gave no usable answer: .*{fault}.*Nothing was selected$"):
        checked_ranking(answer, 10, 3, "mine")


@dataclass(frozen=True)
class Twice:
    """Picks one image twice."""

    needs: ClassVar[frozenset[Need]] = frozenset()
    metrics: ClassVar[frozenset[str]] = frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        del inputs, budget, rng
        return Ranking(np.array([7, 7]), np.ones(2), ("", ""))


@dataclass(frozen=True)
class InLists:
    """Picks the first rows, in lists."""

    needs: ClassVar[frozenset[Need]] = frozenset()
    metrics: ClassVar[frozenset[str]] = frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        del rng
        rows: Any = list(range(min(budget, inputs.candidates.height)))
        reasons: Any = ["first"] * len(rows)
        return Ranking(rows, rows, reasons)


COMPOSED: list[Callable[[Strategy], Strategy]] = [
    lambda inner: Pipeline(inner, Random()),
    lambda inner: Pipeline(Random(), inner),
    lambda inner: Switch(inner, Random()),
    Audit,
    Distinct,
    lambda inner: Product({"one": inner, "other": Random()}),
]


@pytest.mark.parametrize("composed", COMPOSED)
def test_a_strategy_in_another_one_is_checked_and_named(composed: Callable[[Strategy], Strategy]) -> None:
    given = pools.inputs(pools.gaussian(0, 30, 2))
    assert len(pools.select(composed(InLists()), given, 5).rows) == 5
    with pytest.raises(DataError, match=r"^strategy=tests\.strategies\.test_ranking\.Twice gave no usable answer: "):
        pools.select(composed(Twice()), given, 5)


def test_nothing_moves_for_such_an_answer(tmp_path: Path) -> None:
    project, cache = tmp_path / "project.sqlite", tmp_path / "cache"
    job = make_job(tmp_path / "run", cache, *QUICK, f"platform.path={project}", "metrics=random")
    job = replace(job, strategy=Twice())
    with pytest.raises(DataError, match=r"strategy=tests\.strategies\.test_ranking\.Twice gave no usable answer"):
        ACTIONS["run"](job)
    assert set(stages(platform_of(project))) == {"Annotate 1"}
