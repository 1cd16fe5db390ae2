"""BatchBALD: the batch whose labels together tell most about the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt
from annotated_types import Ge

from alrun.cores import cores
from alrun.numeric.blocks import EQUAL, Doubles, first_largest
from alrun.numeric.information import mutual_information
from alrun.numeric.joint import Picked, gains
from alrun.progress import track
from alrun.strategies.base import Ranking, StrategyInputs
from alrun.strategies.cost import Size, Work, picks
from alrun.strategies.geometry import hash_order
from alrun.strategies.ranking import class_samples, sample_scores
from alrun.types import Need

_AT_ONCE = 128  # candidates that are looked at again before the next are; fixed, so that cores change nothing


@dataclass(frozen=True)
class BatchBald:
    """Picks, one after the other, the HIGHEST gain of mutual information of the batch's labels and the weights.

    Score: I(y; weights | labels of the earlier picks) in bits, the gain; the first is that of `bald`. Two images that
    would tell the same are not both picked. The labels of b picks have C^b configurations: each is counted while there
    are at most `configurations`, then as many are drawn from the K samples. Gains shrink from pick to pick (they are
    submodular), so that only images whose last gain is above the best new one are looked at again. Once the gains are
    0, the rest follows by data hash.

    With drawn configurations a gain is an estimate, and so is the bound that the next pick relies on: a pick may then
    differ from that of looking at every image again. The paper's batches have up to ten images; for large ones
    `power_bald` needs one pass.

    Time: O(B n M K C) with M configurations and n images looked at a pick, N at worst, some hundred as a rule. Memory:
    the samples, M x K numbers, and blocks.

    Attributes
    ----------
    configurations
        M; 10,000 as in the paper's code.

    Source: Kirsch, van Amersfoort and Gal, BatchBALD: Efficient and Diverse Batch Acquisition for Deep Bayesian Active
    Learning, NeurIPS 2019. The paper looks at every image again for each pick, and draws new configurations.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({Need.SAMPLES})

    configurations: Annotated[int, Ge(1)] = 10_000

    @property
    def metrics(self) -> frozenset[str]:
        """The metric columns it reads: none."""
        return frozenset()

    def work(self, size: Size) -> Work:
        """Return N B M C (K + 32) operations at worst, where M is the number of configurations, and the bytes."""
        members, classes, number = size.samples, size.classes, size.candidates
        said = self.configurations * (4 * members + 4)
        most = max(1 << 19, self.configurations * classes)
        held = 64 * number + 8 * said + 8 * 4 * most * cores() + 2**20
        looks = size.budget * self.configurations * classes * (members + 32)
        return Work(number * (looks + 64 * members * classes), held + picks(size))

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates, the most informative together.

        Raises
        ------
        DataError
            If the samples are not usable; the message names the rows.
        """
        samples = class_samples(inputs)
        order = hash_order(inputs.candidates["data_hash"])
        if not np.array_equal(order, np.arange(len(order))):
            samples = samples[:, order]
        bounds = sample_scores(inputs, mutual_information)[order]
        picked = Picked(len(samples), self.configurations, rng)
        rows: list[int] = []
        scores: list[float] = []
        for _ in track(range(min(budget, len(order))), "picking"):
            if bounds.max() <= 0:
                break
            row = first_largest(bounds) if not rows else _best(samples, picked, bounds)
            rows.append(row)
            scores.append(max(0.0, float(bounds[row])))
            bounds[row] = -1
            picked.add(samples[:, row])
        rest = np.flatnonzero(bounds >= 0)[: max(0, min(budget, len(order)) - len(rows))]
        everything = order[np.array([*rows, *rest.tolist()], np.int64)]
        found = np.array([*scores, *[0.0] * len(rest)])
        return Ranking(everything, found, tuple(f"adds {gain:.3g} bits about the model" for gain in found))


def _best(samples: npt.NDArray[np.floating], picked: Picked, bounds: Doubles) -> int:
    """Return the row with the highest gain, the lowest of equals; `bounds` become gains where it had to look."""
    waiting = np.argsort(-bounds, kind="stable")
    waiting = waiting[: np.count_nonzero(bounds > 0)]
    best, seen = 0.0, 0
    while seen < len(waiting) and bounds[waiting[seen]] >= best * (1 - EQUAL):
        some = waiting[seen : seen + _AT_ONCE]
        bounds[some] = gains(samples[:, some], picked)
        best = max(best, float(bounds[some].max()))
        seen += len(some)
    looked_at = np.sort(waiting[:seen])
    return int(looked_at[first_largest(bounds[looked_at])])
