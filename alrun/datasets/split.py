"""Which labelled images are held out: the split by seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from alrun.datasets.base import whole_or_share
from alrun.errors import ConfigError

Name = TypeVar("Name", bound="str | None")


def held_out_count(test_size: float, labelled: int) -> int:
    """Return how many of `labelled` images `test_size` holds out; a share is rounded, halves up.

    Raises
    ------
    ConfigError
        If `test_size` is no number of images, share or 0, or is more than there are.
    """
    if not (test_size >= 0 and whole_or_share(test_size)):
        raise ConfigError(
            f"dataset.test_size={test_size}: expected a whole number of images, a share between 0 and 1, or 0"
        )
    count = math.floor(test_size * labelled + 0.5) if test_size < 1 else int(test_size)
    if count > labelled:
        raise ConfigError(
            f"dataset.test_size={count}: only {labelled} labelled images are there to hold out; "
            f"give at most {labelled}, a share between 0 and 1, or 0"
        )
    return count


def shares(sizes: Mapping[Name, int], total: int) -> dict[Name, int]:
    """Divide `total` among classes in proportion to their `sizes`: each within 1 of its exact share.

    What rounding down leaves goes to the largest remainders, the first of equal ones first.
    """
    everything = sum(sizes.values())
    if not everything:
        return dict.fromkeys(sizes, 0)
    counts = {name: total * size // everything for name, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda name: -(total * sizes[name] % everything))
    for name in by_remainder[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def stratified(
    digests: Sequence[str], classes: Sequence[str | None], count: int, rng: np.random.Generator
) -> frozenset[str]:
    """Draw `count` of the images, each class in proportion to its size.

    Parameters
    ----------
    digests
        The images, all different; their order does not matter.
    classes
        The class of each; those without one (None) are drawn from together.

    Returns
    -------
    frozenset of str
        The digests drawn.
    """
    members: dict[str | None, list[str]] = {}
    for image_digest, name in sorted(zip(digests, classes, strict=True), key=lambda pair: pair[0]):
        members.setdefault(name, []).append(image_digest)
    order = sorted(members, key=lambda name: (name is None, name or ""))
    counts = shares({name: len(members[name]) for name in order}, count)
    drawn = {name: rng.permutation(len(members[name]))[: counts[name]] for name in order}
    return frozenset(members[name][i] for name in order for i in drawn[name])
