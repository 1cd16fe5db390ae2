"""Suspicious labels: scores worked by hand, and labels that are not usable; cleanlab's are in the conformance table."""

from __future__ import annotations

from dataclasses import replace
from importlib import util

import numpy as np
import pytest

from alrun.errors import ConfigError, DataError
from alrun.strategies.base import Strategy
from alrun.strategies.relabel_suspects import RelabelSuspects
from alrun.strategies.testing import StrategyContract
from tests.strategies.noisy_labels import ranked, suspects


class TestRelabelSuspects(StrategyContract):
    def strategy(self) -> Strategy:
        return RelabelSuspects()


class TestRelabelSuspectsByMargin(StrategyContract):
    def strategy(self) -> Strategy:
        return RelabelSuspects("normalized_margin")


HAND = suspects([0, 1, -1, 2, 0], [[0.7, 0.2, 0.1], [0.9, 0.1, 0], [1, 0, 0], [0.3, 0.5, 0.2], [0.1, 0.0, 0.9]])


def test_the_least_confident_label_comes_first_and_what_has_none_is_not_picked() -> None:
    assert ranked(RelabelSuspects(), HAND) == [(1, 0.1), (4, 0.1), (3, 0.2), (0, 0.7)]


def test_the_margin_to_the_best_other_class() -> None:
    found = dict(ranked(RelabelSuspects("normalized_margin"), HAND))
    assert found == pytest.approx({0: 0.75, 1: 0.1, 3: 0.35, 4: 0.1})


def test_the_reason_names_both_classes() -> None:
    given = replace(HAND, classes=("cat", "dog", "cow"))
    reason = RelabelSuspects().select(given, 1, np.random.default_rng(0)).reasons[0]
    assert reason == "labelled 'dog', to which the model gives 10.0%; most to 'cat', 90.0%"


def test_with_labels_of_one_class_confident_learning_suspects_none() -> None:
    assert ranked(RelabelSuspects("confident_learning"), suspects([1, 1, -1], [[0.9, 0.1]] * 3)) == []


def test_confident_learning_without_cleanlab_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda _: None)
    RelabelSuspects("normalized_margin")
    with pytest.raises(ConfigError, match=r"alrun\[labels\]"):
        RelabelSuspects("confident_learning")


@pytest.mark.parametrize("wrong", [3, -2])
def test_a_label_that_is_no_class_is_named(wrong: int) -> None:
    with pytest.raises(DataError, match=r"'image-2' is labelled with class .* 0\.\.2"):
        ranked(RelabelSuspects(), suspects([0, 1, wrong], [[1, 0, 0]] * 3))
    with pytest.raises(DataError, match="shape"):
        ranked(RelabelSuspects(), replace(HAND, given=np.zeros(4, np.int64)))
