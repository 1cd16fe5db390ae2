"""Random number generators: one seed a run, one independent stream for each component and round."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt


def generator(seed: int, round_number: int, component: str) -> np.random.Generator:
    """Return the generator of one component in one round.

    Parameters
    ----------
    seed
        The run's `seed`, 0 or above.
    round_number
        0 for what happens once (the split, the initial set), else the round, from 1.
    component
        A stable name, such as ``"strategy"`` or ``"model"``.

    Notes
    -----
    Streams of different arguments are independent (`numpy.random.SeedSequence`), so that one more draw in
    one component changes nothing in another, and runs with the same seed stay paired.
    """
    key = int.from_bytes(blake2b(component.encode(), digest_size=8).digest(), "big")
    return np.random.default_rng(np.random.SeedSequence([seed, round_number, key]))


def uniform_by_key(keys: Iterable[str], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return a number in [0, 1) for each key, float64: equal keys get equal numbers, in any order and company.

    Takes one draw from `rng`, so that the numbers of another generator are independent.
    """
    secret = rng.bytes(16)
    drawn = b"".join(blake2b(key.encode(), digest_size=8, key=secret).digest() for key in keys)
    return (np.frombuffer(drawn, "<u8") >> np.uint64(11)).astype(np.float64) * 2.0**-53
