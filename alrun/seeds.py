"""Random number generators: one seed a run, one independent stream for each component and round."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np


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
