"""Which images are duplicates, or almost, of each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Gt, Le

from alrun.metrics.base import MetricInputs
from alrun.metrics.neighbourhood import by_data_hash, embeddings_of
from alrun.metrics.uniqueness import DUPLICATE
from alrun.numeric.cosine import leaders
from alrun.types import Need


@dataclass(frozen=True)
class DuplicateGroup:
    """The number, from 1, of the group of duplicates that an image is in; NaN for an image without any.

    In the order of the data hashes, an image that is in no group yet takes all later ones that are closer to it
    than `within`, and in no group yet, into its own. So each image is close to the first of its group, though not
    always to the others. Groups are numbered in the order of their first images. The filter `one_of_each` keeps
    one image of each.

    The cosine distance does not see a common factor: with `embedding=pixels` images that differ only in brightness are
    duplicates, plain grey ones of any shade among them. Embeddings of a network do not have that.

    Source: Encord Active names the original of each duplicate in a text beside "Image Singularity".

    Attributes
    ----------
    within
        The cosine distance below which images are duplicates. 0.03 gives the original's near-duplicates.
    """

    within: Annotated[float, Gt(0), Le(2)] = DUPLICATE

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return float64 of shape (N,): whole numbers and NaN."""
        del rng
        order = by_data_hash(inputs)
        lead = leaders(embeddings_of(inputs)[order], self.within)
        sizes = np.bincount(lead, minlength=len(lead))
        numbers = np.where(sizes > 1, np.cumsum(sizes > 1), np.nan)
        values = np.empty(len(order))
        values[order] = numbers[lead]
        return values
