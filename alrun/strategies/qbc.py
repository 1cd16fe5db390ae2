"""Query by committee: where the members disagree most first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from alrun.numeric.information import bits, mutual_information, vote_shares
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.geometry import hash_order
from alrun.strategies.ranking import rank_by, sample_scores
from alrun.types import Need


@dataclass(frozen=True)
class QueryByCommittee:
    """Picks the HIGHEST disagreement of the K members first, in bits.

    Draws nothing at random. Time: O(N K C). Memory: the samples, and blocks.

    Attributes
    ----------
    disagreement
        ``vote_entropy``: the entropy of the shares of votes, each member voting for its most likely class (the first of
        equals); in 0..log2 min(C, K). How sure a member is does not count. ``consensus_kl``: the mean Kullback-Leibler
        divergence of a member's probabilities from the committee's mean; the same number as that of `bald`.

    Source: Seung, Opper and Sompolinsky, Query by Committee, COLT 1992; Engelson and Dagan, Minimizing Manual
    Annotation Cost in Supervised Training from Corpora, ACL 1996 (vote entropy); McCallum and Nigam, Employing EM and
    Pool-Based Active Learning for Text Classification, ICML 1998 (consensus KL).
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.SAMPLES})

    disagreement: Literal["vote_entropy", "consensus_kl"] = "vote_entropy"

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:  # noqa: ARG002
        """Return the `budget` candidates with the highest disagreement.

        Raises
        ------
        DataError
            If the samples are not usable; the message names the rows.
        """
        if self.disagreement == "consensus_kl":
            information = sample_scores(inputs, mutual_information)
            return rank_by(information, budget, "high", lambda _, score: f"{score:.3g} bits from the consensus")
        # Members that are swapped between classes must tie to the bit: shares are summed in descending order.
        entropies = sample_scores(inputs, lambda samples: bits(-np.sort(-vote_shares(samples))))
        order = hash_order(inputs.candidates["data_hash"])  # votes tie all the time
        return rank_by(entropies, budget, "high", lambda _, score: f"votes differ by {score:.3g} bits", order)
