"""A committee of different models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alrun.errors import ConfigError
from alrun.models import wrapping
from alrun.models.base import Array, Model, Trained

_KIND = "committee"


@dataclass(frozen=True)
class Committee(wrapping.Composite):
    """One model leads: its predictions are those of the whole, as if it were alone. The others are asked for samples.

    A strategy such as `qbc` or `bald` compares the members, of which each is fitted on a sample of the labelled images:
    of each class as many as there are, drawn with replacement. So every member knows every class. They are fitted
    when they are first asked, or saved: what only needs predictions, such as the folds of a cross-validation, does not
    wait for them.

    Attributes
    ----------
    leader
        Any model that can be fitted; fitted on all labelled images.
    members
        Such models, by any name; all take what the leader takes. See `ensemble` for several of one kind.

    Source: Abe and Mamitsuka, Query Learning Strategies Using Boosting and Bagging, ICML 1998; for members of different
    kinds, Lu, Li and Lin, Re-Benchmarking Pool-Based Active Learning for Binary Classification, TMLR 2025.
    """

    leader: Model
    members: Mapping[str, Model]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.members) < 2:
            raise ConfigError(f"members: {len(self.members)} given; a committee has two at least, or nobody disagrees")

    @property
    def parts(self) -> Mapping[str, Model]:
        """The leader and the members."""
        return {"leader": self.leader, **{f"members.{name}": member for name, member in self.members.items()}}

    @property
    def samples(self) -> int:
        """One a member: see :class:`alrun.models.base.SampledModel`."""
        return len(self.members)

    def fit(
        self, inputs: Array, targets: npt.NDArray[np.int64], classes: int, rng: np.random.Generator, threads: int
    ) -> TrainedCommittee:
        """Fit; see :class:`alrun.models.base.Model`. Raises what the models raise."""
        self.check(inputs, targets, classes)
        leader = self.leader.fit(inputs, targets, classes, rng, threads)
        seeds = rng.integers(2**63, size=len(self.members)).tolist()

        def one(member: Model, seed: int) -> Trained:
            own = np.random.default_rng(seed)
            rows = within_classes(targets, own)
            return member.fit(inputs[rows], targets[rows], classes, own, threads)

        return TrainedCommittee(leader, lambda: tuple(map(one, self.members.values(), seeds)))

    def load(self, folder: Path) -> TrainedCommittee:
        """Read a saved model; see :class:`alrun.models.base.Model`.

        Raises
        ------
        DataError
            If the folder does not hold a committee of these models.
        """
        leader, *members = wrapping.load(folder, _KIND, list(self.parts.values()))[1]
        return TrainedCommittee(leader, lambda: tuple(members))


@dataclass(frozen=True)
class TrainedCommittee:
    """The fitted leader, and what fits the members."""

    leader: Trained
    fit_members: Callable[[], tuple[Trained, ...]]

    @cached_property
    def members(self) -> tuple[Trained, ...]:
        """The fitted members; raises what fitting them raises."""
        return self.fit_members()

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        """Return float64 (N, C), those of the leader; see :class:`alrun.models.base.Trained`."""
        return self.leader.predict_proba(inputs)

    def samples(self, inputs: Array, rng: np.random.Generator) -> npt.NDArray[np.float32]:  # noqa: ARG002
        """Return the probabilities by each member; see :class:`alrun.models.base.Sampled`. Draws nothing."""
        return np.stack([member.predict_proba(inputs).astype(np.float32) for member in self.members])

    def save(self, folder: Path) -> None:
        """Write the model into `folder`; see :mod:`alrun.models.wrapping`."""
        wrapping.save(folder, _KIND, [self.leader, *self.members])


def within_classes(targets: npt.NDArray[np.int64], rng: np.random.Generator) -> npt.NDArray[np.intp]:
    """Return the rows of a sample: of each class as many as there are, drawn with replacement; ascending."""
    drawn = [rng.choice(np.flatnonzero(targets == name), (targets == name).sum()) for name in np.unique(targets)]
    return np.sort(np.concatenate(drawn))
