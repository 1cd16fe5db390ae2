"""What the labels of several images would say together about which member of a committee is right."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.numeric.blocks import Doubles, number_per_row
from alrun.numeric.information import bits, without_rounding

Array = npt.NDArray[Any]

_NUMBERS = 1 << 19  # of a block of conditional probabilities


class Picked:
    """Images that are picked, of which the labels are unknown: what each configuration of their labels would say.

    Attributes
    ----------
    members
        float64 (M, K): how likely each of K members is right, given a configuration of the labels; rows sum to 1.
    weights
        float64 (M,): how likely a configuration is, or 1/M if they are drawn.
    """

    def __init__(self, members: int, limit: int, rng: np.random.Generator) -> None:
        """Begin with no image: one configuration, in which all `members` are equally likely.

        Parameters
        ----------
        limit
            Every configuration is kept while there are at most so many; after that, so many are drawn from `rng`.
        """
        self.members: Doubles = np.full((1, members), 1 / members)
        self.weights: Doubles = np.ones(1)
        self._limit = limit
        self._rng = rng
        self._images: list[Doubles] = []
        self._drawn_by: npt.NDArray[np.int64] | None = None

    def add(self, probabilities: Array) -> None:
        """Pick an image whose class probabilities by each member are (K, C)."""
        image = probabilities.astype(np.float64)
        image /= image.sum(axis=1, keepdims=True)
        self._images.append(image)
        if self._drawn_by is not None:
            self._draw(image)
        elif len(self.weights) * image.shape[1] <= self._limit:
            self._split(image)
        else:
            members = self.members.shape[1]
            self._drawn_by = np.arange(self._limit) % members
            self.members = np.full((self._limit, members), 1 / members)
            self.weights = np.full(self._limit, 1 / self._limit)
            for earlier in self._images:
                self._draw(earlier)

    def _split(self, image: Doubles) -> None:
        """Let each configuration go on with each class; those that cannot be are dropped."""
        joint = self.members[:, None, :] * image.T
        mass = joint.sum(axis=2)
        possible = self.weights[:, None] * mass > 0
        self.weights = (self.weights[:, None] * mass)[possible]
        self.members = joint[possible] / mass[possible][:, None]

    def _draw(self, image: Doubles) -> None:
        """Let each configuration go on with a class drawn by the member that drew the classes before."""
        ends = np.cumsum(image, axis=1)[self._drawn_by]
        drawn = (self._rng.random(len(ends))[:, None] * ends[:, -1:] >= ends).sum(axis=1)
        joint = self.members * image.T[drawn]
        self.members = joint / joint.sum(axis=1, keepdims=True)


def gains(samples: Array, picked: Picked) -> Doubles:
    """Return I(y; members | labels of the picked images) of each row of (K, N, C), in bits, float64 of shape (N,).

    It is H(y | labels of the picked) - mean of H(p_k): the mean over the configurations of the entropy of the members'
    probabilities, weighed by how likely a configuration makes each member.
    """
    _, size, classes = samples.shape

    def gain(rows: slice) -> Doubles:
        some = samples[:, rows].astype(np.float64)
        mixed = (picked.members @ some.reshape(len(some), -1)).reshape(-1, *some.shape[1:])
        return np.asarray(picked.weights @ bits(mixed) - bits(some).mean(axis=0))

    return without_rounding(number_per_row(gain, size, max(1, _NUMBERS // (len(picked.weights) * classes))))
