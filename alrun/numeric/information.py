"""What class probabilities tell, row by row: entropies, mutual information, leads and votes.

Each function takes the rows of a block that fits the cache (see :func:`rows_at_once`), float32 or float64, with a
row's classes side by side. What it returns for a row depends on that row alone, to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.numeric.blocks import Doubles

Array = npt.NDArray[Any]

_NUMBERS = 1 << 19  # in a block: fewer, and threads are at the interpreter's lock; more, and the cache is too small
_LN2 = float(np.log(2))
_ROUNDING = 1e-9
"""Information below this many bits is rounding."""


def rows_at_once(numbers: int) -> int:
    """Return how many rows of `numbers` numbers make a block."""
    return max(1, _NUMBERS // max(1, numbers))


def bits(probabilities: Array) -> Array:
    """Return -sum(p log2 p) along the last axis, in the type of `probabilities`; 0 log 0 is 0."""
    terms = probabilities + np.finfo(probabilities.dtype).tiny  # a finite log of 0; what counts stays what it is
    np.log(terms, out=terms)
    total: Array = np.einsum("...c,...c->...", probabilities, terms)  # in a third of the time of `sum`
    total *= -1 / _LN2
    return total + 0  # no negative zero


def mutual_information(samples: Array) -> Doubles:
    """Return what a row's label tells about which member is right, and the reverse, in bits.

    H(mean of p_k) - mean of H(p_k), float64 of shape (N,), in 0..min(log2 C, log2 K); below 1e-9 it is rounding, and 0.
    For float32 samples the error is about 1e-6 bits.

    Parameters
    ----------
    samples
        (K, N, C); rows sum to 1.
    """
    return without_rounding(bits(_mean(samples)) - _mean(bits(samples)))


def _mean(members: Array) -> Array:
    """Return the mean over the first axis, added up one by one: of a single row, `mean` adds in another order."""
    total = members[0].copy()
    for member in members[1:]:
        total += member
    return np.asarray(total / len(members))


def without_rounding(information: Array) -> Doubles:
    """Return the information, float64, with 0 for what is but rounding."""
    return np.where(information < _ROUNDING, 0.0, information.astype(np.float64, copy=False))


def largest(numbers: Array) -> Doubles:
    """Return the largest number of each row of (n, C), 0 or above, float64; `max` takes twice to four times as long."""
    # The order of such numbers is that of their bits, and of whole numbers numpy need not look for NaN.
    whole = numbers.view(np.int32 if numbers.dtype == np.float32 else np.int64).ravel()
    highest = np.maximum.reduceat(whole, np.arange(0, numbers.size, numbers.shape[1]))
    return highest.view(numbers.dtype).astype(np.float64)


def lead(numbers: Array) -> Doubles:
    """Return by how much the largest number of each row of (n, C), 0 or above, is above the next; it is dearer to sort.

    With a single column the next is 0.
    """
    others = numbers.copy()
    best = np.arange(0, others.size, others.shape[1]) + others.argmax(axis=1)
    first: Doubles = others.take(best).astype(np.float64)
    others.put(best, 0)
    return first - largest(others)


def vote_shares(samples: Array) -> Doubles:
    """Return the share of the members whose most likely class is each one, float64 (n, C); the first of equals."""
    votes = samples.argmax(axis=2)
    shares = np.zeros((votes.shape[1], samples.shape[2]))
    for vote in votes:
        shares[np.arange(len(vote)), vote] += 1
    return shares / len(votes)
