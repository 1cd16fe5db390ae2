"""The strategies that read samples, against scikit-activeml and against their definitions as plain loops."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.strategies.bald import Bald
from alrun.strategies.base import Strategy, StrategyInputs
from alrun.strategies.batch_bald import BatchBald
from alrun.strategies.epig import Epig
from alrun.strategies.power_bald import PowerBald
from alrun.strategies.qbc import QueryByCommittee
from alrun.strategies.variation_ratio import VariationRatio
from tests.strategies.pools import gaussian, inputs, select

Doubles = npt.NDArray[np.float64]
LN2 = float(np.log(2))


def sampled(samples: npt.NDArray[np.floating]) -> StrategyInputs:
    return StrategyInputs(inputs(gaussian(0, samples.shape[1], 1)).candidates, samples=samples)


def dirichlet(seed: int, members: int, size: int, classes: int, spread: float = 0.7) -> Doubles:
    return np.random.default_rng(seed).dirichlet(np.full(classes, spread), (members, size))


def _peer() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skactiveml import pool  # type: ignore[import-untyped]
    return pool


def same_scores(strategy: Strategy, theirs: Callable[[Any, Doubles], Any], unit: float = 1.0) -> str:
    """Compare 1,200 scores in three shapes, and the order where scores differ."""
    for seed, (members, classes) in enumerate(((5, 2), (20, 3), (8, 30))):
        samples = dirichlet(seed, members, 400, classes)
        ours = select(strategy, sampled(samples), 400)
        expected = np.asarray(theirs(_peer(), samples.copy()), float)
        np.testing.assert_allclose(ours.scores * unit, expected[ours.rows], rtol=0, atol=2e-6)
        assert np.lexsort((ours.rows, -ours.scores)).tolist() == list(range(400))
    return "1,200 scores equal to 2e-6, ties by data hash"


def variation_ratio_peer() -> str:
    return same_scores(VariationRatio(), lambda pool, samples: pool.variation_ratios(samples.argmax(axis=2).T))


def vote_entropy_peer() -> str:
    return same_scores(
        QueryByCommittee(),
        lambda pool, samples: pool.vote_entropy(samples.argmax(axis=2).T, np.arange(samples.shape[2])),
        LN2,
    )


def consensus_kl_peer() -> str:
    strategy = QueryByCommittee("consensus_kl")
    return same_scores(strategy, lambda pool, samples: pool.average_kl_divergence(samples), LN2)


def bald_peer() -> str:
    return same_scores(Bald(), lambda pool, samples: pool.batch_bald(samples, 1)[0], LN2)


def power_bald_distribution() -> str:
    samples = dirichlet(3, 6, 8, 3)
    samples[:, 5] = samples[0, 5]  # an image on which all agree: never drawn before the others
    draws = 3_000
    for beta in (1.0, 2.5):
        given = sampled(samples)
        ranking = select(Bald(), given, 8)
        score = np.zeros(8)
        score[ranking.rows] = ranking.scores
        share = score**beta / (score**beta).sum()
        picks = np.array([select(PowerBald(beta), given, 8, seed).rows for seed in range(draws)])
        assert (picks[:, -1] == 5).all()
        second = np.zeros(8)
        for first in np.flatnonzero(share):
            rest = np.where(np.arange(8) == first, 0, share)
            second += share[first] * rest / rest.sum()
        for place, expected in ((0, share), (1, second)):
            counts, kept = np.bincount(picks[:, place], minlength=8), expected > 0
            # 99.99 % of chi-square with 6 degrees of freedom.
            assert (np.square(counts - draws * expected)[kept] / (draws * expected[kept])).sum() < 27.86
    return "6,000 batches: first and second pick within the 99.99 % point of chi-square"


def joint_information(samples: Doubles, rows: list[int]) -> float:
    """Return I(labels of the rows; member) in bits by the definition: every configuration, every member."""
    classes, joint, noise = samples.shape[2], 0.0, 0.0
    for labels in itertools.product(range(classes), repeat=len(rows)):
        chances = np.prod([samples[:, row, label] for row, label in zip(rows, labels, strict=True)], axis=0)
        joint -= chances.mean() * np.log2(chances.mean())
    for row in rows:
        noise -= (samples[:, row] * np.log2(samples[:, row])).sum(axis=1).mean()
    return float(joint - noise)


def batch_bald_loop() -> str:
    for seed, (members, size, classes, budget) in enumerate(((6, 30, 3, 4), (4, 40, 2, 6))):
        samples = dirichlet(seed, members, size, classes)
        rows: list[int] = []
        for _ in range(budget):
            gains = [-1.0 if row in rows else joint_information(samples, [*rows, row]) for row in range(size)]
            rows.append(int(np.argmax(gains)))
        ours = select(BatchBald(), sampled(samples), budget)
        assert ours.rows.tolist() == rows
        assert abs(ours.scores.sum() - joint_information(samples, rows)) < 1e-9
    return "same 10 picks of 2 pools, joint information equal to 1e-9"


def batch_bald_peer() -> str:
    for seed, (members, size, classes) in enumerate(((20, 300, 3), (10, 300, 4))):
        samples = dirichlet(seed, members, size, classes)
        theirs = np.asarray(_peer().batch_bald(samples.copy(), 4, n_MC_samples=10_000))
        ours = select(BatchBald(), sampled(samples), 4)
        assert ours.rows.tolist() == np.nanargmax(theirs, axis=1).tolist()
        np.testing.assert_allclose(np.cumsum(ours.scores) * LN2, np.nanmax(theirs, axis=1), atol=1e-5)
    return "same 8 picks of 2 pools, joint information equal to 1e-5"


def batch_bald_drawn() -> str:
    worst = 0.0
    for seed in range(3):
        samples = dirichlet(seed, 20, 60, 3)
        exact = select(BatchBald(), sampled(samples), 6)
        drawn = select(BatchBald(configurations=600), sampled(samples), 6, seed)
        assert exact.rows[:5].tolist() == drawn.rows[:5].tolist()  # 3^5 configurations are still counted
        worst = max(worst, abs(float(exact.scores[5] - drawn.scores[5])))
        coarse = select(BatchBald(configurations=200), sampled(samples), 6, seed)
        lost = joint_information(samples, exact.rows.tolist()) - joint_information(samples, coarse.rows.tolist())
        assert -1e-9 <= lost < 0.05
    assert worst < 0.05
    return "6 picks of 3 pools: at most 0.05 bits of joint information lost by drawing"


def epig_loop() -> str:
    for seed, (members, size, classes, targets) in enumerate(((5, 60, 3, 500), (9, 40, 2, 40))):
        samples = dirichlet(seed, members, size, classes)
        ours = select(Epig(targets), sampled(samples), size)
        expected = [np.mean([_shared(samples[:, a], samples[:, b]) for b in range(size)]) for a in range(size)]
        np.testing.assert_allclose(ours.scores, np.array(expected)[ours.rows], atol=1e-10)
        assert ours.rows.tolist() == np.argsort(-np.array(expected), kind="stable").tolist()
    return "100 scores equal to 1e-10, same order, with the whole pool as targets"


def _shared(one: Doubles, other: Doubles) -> float:
    """Return the Kullback-Leibler divergence of the joint distribution of two labels from that of independent ones."""
    joint = np.mean([np.outer(a, b) for a, b in zip(one, other, strict=True)], axis=0)
    apart = np.outer(one.mean(axis=0), other.mean(axis=0))
    return float((joint * np.log2(joint / apart)).sum())
