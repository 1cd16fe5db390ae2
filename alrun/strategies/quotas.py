"""Quotas: how many picks each predicted class, source or other value may have, around any strategy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import ceil, floor
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from annotated_types import Ge, Le

from alrun.errors import ConfigError, one_of
from alrun.numeric.blocks import EQUAL
from alrun.strategies.base import Ranking, Strategy, StrategyInputs
from alrun.strategies.composite import Composite, Rows, deep_enough, deep_work, filled, subset
from alrun.strategies.cost import Size, Work
from alrun.strategies.ranking import class_probabilities
from alrun.types import Need

PREDICTED = "predicted"
NONE = "(none)"
OTHER = "*"

Share = Annotated[float, Ge(0), Le(1)]


@dataclass(frozen=True)
class Quotas(Composite):
    """Picks as `inner` ranks, as far as each value of `by` keeps to its quota.

    Every value has a least and a most number of picks; the ranking of `inner` is gone through once, and a pick is taken
    if its value has room and what is left of the budget still suffices for the least of all others. Score,
    direction and order are those of `inner`. What a quota leaves open, because too few images have the value, goes by
    rank to images of any value; those come last, their reasons say so, and a note says which values fell short.

    `inner` is asked for twice the budget, and for four times as many each time that does not do. Time: that of
    `inner`, and O(M) for M candidates looked at; memory likewise.

    Source: quota sampling (Cochran, Sampling Techniques, 1977, 5A.16); class-balanced active learning (Bengar et al.,
    WACV 2022); seats by Sainte-Laguë's method, 1910.

    Attributes
    ----------
    inner
        The strategy that ranks.
    by
        `predicted`, the model's most likely class, the first of equal ones; or a column of the pool that holds text:
        stage, assignee, status, data_type, or meta.NAME for client metadata. Images without a value have "(none)".
    split
        `equal`: every value the same number of picks. `proportional`: as many as is its share of the candidates.
        `free`: any number. Within the bounds below, which an equal or proportional split never breaks.
    at_least, at_most
        The share of the budget, 0..1, of each value named, rounded to a whole pick in favour of the strategy: down, and
        up. "*" in `at_most` stands for every value that is not named there.
    """

    inner: Strategy
    by: str = PREDICTED
    split: Literal["equal", "proportional", "free"] = "equal"
    at_least: Mapping[str, Share] = field(default_factory=dict)
    at_most: Mapping[str, Share] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse quotas that contradict each other."""
        if sum(self.at_least.values()) > 1 + EQUAL:
            raise ValueError(f"the shares in at_least add up to {sum(self.at_least.values()):g}, must be at most 1")
        for value, share in self.at_least.items():
            if share > self._most(value):
                raise ValueError(f"at_least.{value} is {share:g}, above at_most, {self._most(value):g}")

    @property
    def needs(self) -> frozenset[Need]:
        """What `inner` needs, and probabilities to tell the predicted class."""
        return super().needs | (frozenset({Need.PROBABILITIES}) if self.by == PREDICTED else frozenset())

    def work(self, size: Size) -> Work:
        """Return the work of `inner` for twice the budget, as a rule."""
        return deep_work(self.inner, size).holding(256 * size.candidates)

    def select(self, inputs: StrategyInputs, budget: int, rng: np.random.Generator) -> Ranking:
        """Return `budget` candidates.

        Raises
        ------
        AlrunError
            If the pool has no such column of text, a named class does not exist, or as `inner` does.
        """
        values = self._values(inputs)
        quota = self._quota(values, min(budget, len(values)))
        numbers = np.searchsorted(quota.names, values)
        ranking, kept = deep_enough(
            self.inner, inputs, budget, rng, lambda r: quota.walk(numbers[r.rows], quota.owed, quota.most)
        )
        ranked = numbers[ranking.rows]
        places = quota.walk(ranked, np.zeros_like(quota.least), quota.limit, kept)
        found = subset(
            ranking,
            filled(places, len(ranked), budget),
            lambda p, reason: f"{self.by} {str(values[ranking.rows[p]])!r}{'' if p in kept else ', by rank'}: {reason}",
        )
        if len(found.rows) <= len(kept):
            return found
        return replace(found, notes=(*found.notes, quota.note(self.by, len(found.rows) - len(kept))))

    def _values(self, inputs: StrategyInputs) -> npt.NDArray[np.str_]:
        """Return what each candidate has of `by`."""
        if self.by == PREDICTED:
            best = class_probabilities(inputs).argmax(axis=1)
            known = inputs.classes or tuple(str(i) for i in range(int(best.max(initial=-1)) + 1))
            for value in [*self.at_least, *self.at_most] if inputs.classes else ():
                if value not in (*known, OTHER):
                    raise ConfigError(f"strategy quotas: there is no class {value!r}: {one_of(value, known)}")
            return np.array(known, np.str_)[best] if len(best) else np.zeros(0, np.str_)
        texts = [name for name, kind in inputs.candidates.schema.items() if kind == pl.String]
        if self.by not in texts:
            raise ConfigError(f"the pool has no column {self.by!r} of text: {one_of(self.by, [PREDICTED, *texts])}")
        return np.array(inputs.candidates[self.by].fill_null(NONE).to_list(), np.str_)

    def _quota(self, values: npt.NDArray[np.str_], budget: int) -> _Quota:
        """Turn shares into whole picks."""
        names = np.unique([*values.tolist(), *self.at_least]).astype(np.str_)
        sizes = np.array([np.count_nonzero(values == name) for name in names], np.int64)
        least = np.array([floor(self.at_least.get(name, 0) * budget + EQUAL) for name in names.tolist()], np.int64)
        limit = np.array([ceil(self._most(name) * budget - EQUAL) for name in names.tolist()], np.int64)
        if self.split == "free":
            return _Quota(names, sizes, least, limit, limit, budget)
        seats = apportion(np.where(sizes > 0, 1, 0) if self.split == "equal" else sizes, least, limit, budget)
        return _Quota(names, sizes, seats, seats, limit, budget)

    def _most(self, value: str) -> float:
        return self.at_most.get(value, self.at_most.get(OTHER, 1.0))


@dataclass(frozen=True)
class _Quota:
    """The least and the most picks of each value, of which there are `sizes`; `limit` is what it may have at all."""

    names: npt.NDArray[np.str_]
    sizes: npt.NDArray[np.int64]
    least: npt.NDArray[np.int64]
    most: npt.NDArray[np.int64]
    limit: npt.NDArray[np.int64]
    budget: int

    @property
    def owed(self) -> Rows:
        """The picks that each value must have, as far as it has images."""
        return np.minimum(self.least, self.sizes)

    def walk(self, ranked: Rows, owed: Rows, most: Rows, taken: Rows | None = None) -> Rows:
        """Return the places that may be picked: `taken`, and then others in their order.

        `ranked` has the number of the value at each place. A place is left for what is `owed` to other values.
        """
        places = [] if taken is None else taken.tolist()
        counts = np.bincount(ranked[places], minlength=len(owed)) if places else np.zeros(len(owed), np.int64)
        owed = owed.copy()
        free = self.budget - len(places) - int(owed.sum())
        skip = set(places)
        for place, value in enumerate(ranked.tolist()):
            if len(places) >= self.budget:
                break
            if place in skip or counts[value] >= most[value] or (owed[value] == 0 and free <= 0):
                continue
            if owed[value]:
                owed[value] -= 1
            else:
                free -= 1
            counts[value] += 1
            places.append(place)
        return np.array(places, np.int64)

    def note(self, by: str, opened: int) -> str:
        """Return what could not be filled, and by how much."""
        short = [
            f"{name!r} has {size} of {least}"
            for name, size, least in zip(self.names.tolist(), self.sizes.tolist(), self.least.tolist(), strict=True)
            if size < least
        ]
        why = f" ({'; '.join(short)})" if short else ""
        return f"the quotas by {by} left {opened} picks open{why}: they went by rank"


def apportion(weights: Rows, least: Rows, most: Rows, seats: int) -> Rows:
    """Give `seats` one by one to the largest quotient weight / (2 seats + 1), the first of equal ones.

    Everyone has `least` to begin with and never more than `most`; what nobody may have is not given. (Sainte-Laguë)
    """
    given = least.copy()
    for _ in range(seats - int(least.sum())):
        quotients = np.where((given < most) & (weights > 0), weights / (2 * given + 1), -1.0)
        if quotients.max(initial=-1) < 0:
            break
        given[int(quotients.argmax())] += 1
    return given
