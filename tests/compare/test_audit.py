"""What a random share of the picks tells about a model and a strategy, with published intervals."""

from __future__ import annotations

import numpy as np
import pytest

from alrun.compare.audit import Audit, difference, together, wilson


def test_the_interval_of_a_share_is_the_published_one() -> None:
    found = wilson(81, 263)  # Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I
    assert (found.value, found.low, found.high) == pytest.approx((0.3080, 0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20).low == 0
    assert wilson(0, 20).high == pytest.approx(0.1611, abs=5e-5)
    assert wilson(1, 1).high == 1


def test_the_interval_of_a_difference_is_the_published_one() -> None:
    found = difference(56, 70, 48, 80)  # Newcombe, 1998, table II, case (a), method 10
    assert (found.value, found.low, found.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    intervals = [wilson(int(right), 40) for right in rng.binomial(40, 0.85, 2000)]
    assert 0.93 < np.mean([one.low <= 0.85 <= one.high for one in intervals]) < 0.98


def test_rounds_add_up_and_are_put_in_words() -> None:
    audit = together([Audit(10, 8, 20, 10), Audit(10, 9, 20, 10)])
    assert audit == Audit(20, 17, 40, 20)
    accuracy, gain = audit.accuracy, audit.gain
    assert accuracy is not None
    assert gain is not None
    assert (accuracy.value, gain.value) == pytest.approx((0.85, 0.35))
    assert audit.to_json()["gain"]["value"] == pytest.approx(0.35)
    first, second = audit.sentences()
    assert "right on 17 of 20 images drawn at random: 85.0%" in first
    assert "wrong 50.0% of the time, at random 15.0%: +35.0 mistakes found in a hundred labels" in second


def test_without_an_audited_or_another_image_less_is_said() -> None:
    nothing, alone = Audit(0, 0, 5, 3), Audit(5, 4, 0, 0)
    assert (nothing.accuracy, nothing.gain, nothing.sentences()) == (None, None, [])
    assert alone.gain is None
    assert len(alone.sentences()) == 1
    assert nothing.to_json()["accuracy"] is None
