"""Entropies and mutual information of class probabilities, block by block: no temporary as large as the pool."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.numeric.blocks import Doubles, number_per_row

Array = npt.NDArray[Any]

_NUMBERS = 1 << 17  # in a block, of which a few copies stay in a core's cache
_LN2 = float(np.log(2))
_ROUNDING = 1e-9
"""Information below this many bits is rounding."""


def rows_at_once(numbers: int) -> int:
    """Return how many rows of `numbers` numbers make a block."""
    return max(1, _NUMBERS // max(1, numbers))


def bits(probabilities: Array) -> Array:
    """Return -sum(p log2 p) along the last axis, in the type of `probabilities`; 0 log 0 is 0."""
    terms = np.maximum(probabilities, np.finfo(probabilities.dtype).tiny)
    np.log(terms, out=terms)
    terms *= probabilities
    total: Array = terms.sum(axis=-1)
    total *= -1 / _LN2
    return total + 0  # no negative zero


def entropy(probabilities: Array) -> Doubles:
    """Return the entropy in bits of each row of (N, C), float64 of shape (N,)."""
    size, classes = probabilities.shape
    return number_per_row(lambda rows: bits(probabilities[rows]), size, rows_at_once(classes))


def expected_entropy(samples: Array) -> Doubles:
    """Return the mean over the members of the entropy in bits of each row of (K, N, C), float64 of shape (N,)."""
    members, size, classes = samples.shape
    at_once = rows_at_once(members * classes)
    return number_per_row(lambda rows: bits(samples[:, rows]).mean(axis=0), size, at_once)


def mutual_information(samples: Array) -> Doubles:
    """Return what a row's label tells about which member is right, and the reverse, in bits.

    H(mean of p_k) - mean of H(p_k), float64 of shape (N,), in 0..min(log2 C, log2 K); below 1e-9 it is rounding, and 0.
    For float32 samples the error is about 1e-6 bits.

    Parameters
    ----------
    samples
        (K, N, C); rows sum to 1.
    """
    members, size, classes = samples.shape

    def information(rows: slice) -> Array:
        some = samples[:, rows]
        return np.asarray(bits(some.mean(axis=0)) - bits(some).mean(axis=0))

    return without_rounding(number_per_row(information, size, rows_at_once(members * classes)))


def without_rounding(information: Doubles) -> Doubles:
    """Return the information with 0 for what is but rounding."""
    return np.where(information < _ROUNDING, 0.0, information)


def largest(numbers: Array) -> Array:
    """Return the largest number of each row of (n, C), by its place: numpy finds that in half the time."""
    return np.asarray(numbers[np.arange(len(numbers)), numbers.argmax(axis=1)])


def vote_shares(samples: Array, rows: slice) -> Doubles:
    """Return the share of the members whose most likely class is each one, float64 (n, C); the first of equals."""
    votes = samples[:, rows].argmax(axis=2)
    shares = np.zeros((votes.shape[1], samples.shape[2]))
    for vote in votes:
        shares[np.arange(len(vote)), vote] += 1
    return shares / len(votes)
