"""EPIG: what tells most about the labels of other images first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge

from alrun.cores import cores
from alrun.numeric.blocks import Doubles, number_per_row
from alrun.numeric.information import bits, without_rounding
from alrun.seeds import uniform_by_key
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.cost import DOUBLE, Size, Work, picks
from alrun.strategies.geometry import hash_order
from alrun.strategies.ranking import class_samples, rank_by
from alrun.types import Need

_NUMBERS = 1 << 18  # of a block of joint probabilities


@dataclass(frozen=True)
class Epig:
    """Picks the HIGHEST expected gain of information about the labels of target images first.

    Score: the mean over the targets x' of I(y; y') = H(y) + H(y') - H(y, y') in bits, with the joint distribution
    p(y, y') = mean of p_k(y) p_k(y') over the K samples. Where `bald` asks what a label tells about the weights, this
    asks what it tells about predictions: doubt that concerns no other image counts little. The paper's target
    distribution is the pool's here: `targets` images are drawn from the candidates, from the generator.

    Time: O(N T C² K) for T targets. Memory: the samples, and blocks of 2^18 joint probabilities.

    Attributes
    ----------
    targets
        T, or all candidates if there are fewer. 500 as in the paper's code; its error falls with its root.

    Source: Bickford Smith, Kirsch, Farquhar, Gal, Foster and Rainforth, Prediction-Oriented Bayesian Active Learning,
    AISTATS 2023.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.SAMPLES})

    targets: Annotated[int, Ge(1)] = 500

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return 2 N T C² (K + 32) operations for T targets, and the bytes of their samples and blocks."""
        targets, pairs = min(self.targets, size.candidates), size.classes**2
        about = 8 * 4 * targets * size.samples * size.classes
        blocks = 8 * 4 * max(_NUMBERS, pairs) * cores() + size.rows(4 * size.samples * size.classes, 256)
        held = 96 * size.candidates + about + blocks + picks(size)
        return Work(DOUBLE * size.candidates * targets * pairs * (size.samples + 32), held)

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return the `budget` candidates with the highest expected gain.

        Raises
        ------
        DataError
            If the samples are not usable; the message names the rows.
        """
        samples = class_samples(inputs)
        hashes = inputs.candidates["data_hash"]
        order = hash_order(hashes)  # a matrix product's last bits depend on where in a block a row is
        drawn = uniform_by_key(hashes, rng)[order]
        targets = order[np.sort(np.argsort(drawn, kind="stable")[: self.targets])]
        scores = np.empty(len(order))
        if len(order):
            scores[order] = expected_information(samples, order, samples[:, targets])
        return rank_by(scores, budget, "high", lambda _, score: f"{score:.3g} bits about another image's label")


def expected_information(
    samples: npt.NDArray[np.floating], order: npt.NDArray[np.int64], about: npt.NDArray[np.floating]
) -> Doubles:
    """Return the mean of I(y; y') over the T images `about`, in bits, for the rows `order` of `samples`.

    Parameters
    ----------
    samples, about
        (K, N, C) and (K, T, C).
    """
    members, count, classes = about.shape
    targets = about.astype(np.float64)
    of_targets = float(bits(targets.mean(axis=0)).mean())
    width = max(1, min(count, _NUMBERS // classes**2))
    parts = [targets[:, start : start + width].reshape(members, -1) / members for start in range(0, count, width)]

    def information(rows: slice) -> Doubles:
        some = samples[:, order[rows]].astype(np.float64)
        left = some.transpose(1, 2, 0).reshape(-1, members)
        joint = np.zeros(some.shape[1])
        for right in parts:
            joint += bits((left @ right).reshape(some.shape[1], -1))
        return np.asarray(bits(some.mean(axis=0)) + of_targets - joint / count)

    return without_rounding(number_per_row(information, len(order), max(1, _NUMBERS // (classes**2 * width))))
