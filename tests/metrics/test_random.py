"""Random values: seeded, uniform, and an image's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alrun.metrics.random import Random
from alrun.metrics.testing import pool, take


def test_the_value_is_the_images_own_whatever_else_is_in_the_pool(tmp_path: Path) -> None:
    inputs = pool(Random(), 40, tmp_path)
    values = Random().compute(inputs, np.random.default_rng(1))
    alone = Random().compute(take(inputs, np.array([17])), np.random.default_rng(1))
    assert alone.tolist() == values[17:18].tolist()


def test_values_are_uniform_and_another_seed_gives_others(tmp_path: Path) -> None:
    inputs = pool(Random(), 2000, tmp_path)
    values = Random().compute(inputs, np.random.default_rng(1))
    assert ((values >= 0) & (values < 1)).all()
    # 20 cells of 100 each: chi-squared with 19 degrees of freedom stays below 43.8 in 99.9 % of cases.
    counts = np.histogram(values, bins=20, range=(0, 1))[0]
    assert ((counts - 100) ** 2 / 100).sum() < 43.8
    others = Random().compute(inputs, np.random.default_rng(2))
    assert abs(np.corrcoef(values, others)[0, 1]) < 0.1
