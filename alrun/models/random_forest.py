"""A random forest on embeddings: grown by scikit-learn, kept and read as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge

from alrun.models import persist
from alrun.models.base import Array
from alrun.models.inputs import (
    check_embeddings,
    check_targets,
    limited_threads,
    sample_in_blocks,
)
from alrun.models.trees import BLOCK, NODES, Trees, join, load_nodes

_KIND = "random_forest"


@dataclass(frozen=True)
class RandomForest:
    """Breiman's random forest (Machine Learning 45, 2001), as scikit-learn grows it: Gini, sqrt(D) features.

    A probability is the mean over the trees of the share of each class in the leaf. The result is the same for
    any number of threads. The trees are also a committee, for strategies such as `bald` and `qbc`: of many trees and
    a large pool their answers take much memory (500 trees, 100,000 images and 10 classes: 2 GB).

    Attributes
    ----------
    trees
        Number of trees; 500 as in the platform's active learning tutorial.
    max_depth
        Most splits from the root to a leaf; null grows until a leaf holds one class.
    min_samples_leaf
        Fewest training rows in a leaf.
    """

    inputs: ClassVar[Literal["embeddings", "images"]] = "embeddings"

    trees: Annotated[int, Ge(1)] = 500
    max_depth: Annotated[int, Ge(1)] | None = None
    min_samples_leaf: Annotated[int, Ge(1)] = 1

    @property
    def samples(self) -> int:
        """One a tree: see :class:`alrun.models.base.SampledModel`."""
        return self.trees

    def fit(
        self, inputs: Array, targets: npt.NDArray[np.int64], classes: int, rng: np.random.Generator, threads: int
    ) -> TrainedForest:
        """Fit; see :class:`alrun.models.base.Model`.

        Raises
        ------
        DataError
            If the inputs or targets are malformed.
        """
        from sklearn.ensemble import RandomForestClassifier

        check_embeddings(inputs)
        check_targets(targets, len(inputs), classes)
        grower = RandomForestClassifier(
            n_estimators=self.trees,
            max_depth=self.max_depth,
            min_samples_leaf=self.min_samples_leaf,
            random_state=int(rng.integers(2**31)),
            n_jobs=threads,
        )
        with limited_threads(1):  # the trees are what runs side by side
            grower.fit(inputs, targets)
        facts = persist.Facts(_KIND, classes, tuple(grower.classes_.tolist()), inputs.shape[1], threads)
        return _joined(facts, [tree.tree_ for tree in grower.estimators_])

    def load(self, folder: Path) -> TrainedForest:
        """Read a saved model; see :class:`alrun.models.base.Model`.

        Raises
        ------
        DataError
            If the folder does not hold a random forest.
        """
        saved = persist.load(folder, _KIND)
        forest = TrainedForest(
            saved.facts,
            **load_nodes(saved),
            shares=saved.array("shares", "float64", (None, len(saved.facts.seen))),
        )
        if not forest.sound:
            raise saved.wrong("its trees do not hang together")
        return forest


@dataclass(frozen=True)
class TrainedForest(Trees):
    """A fitted forest.

    Attributes
    ----------
    shares
        float64 (leaves, K): the share of each seen class in a leaf, in the order of the leaves' nodes.
    """

    shares: Array

    @property
    def sound(self) -> bool:
        """Whether every path ends in a leaf and every index exists."""
        return self.hang_together(len(self.shares))

    def samples(self, inputs: Array, rng: np.random.Generator) -> npt.NDArray[np.float32]:  # noqa: ARG002
        """Return the probabilities by each tree; see :class:`alrun.models.base.Sampled`. Draws nothing.

        Raises
        ------
        DataError
            If the inputs are malformed or have another number of features.
        """
        check_embeddings(inputs, self.facts.input_size)
        leaf = self.number_of_leaf()
        return sample_in_blocks(
            lambda rows: self.shares[leaf.take(self.descend(rows).T)],
            inputs,
            members=len(self.roots),
            seen=self.facts.seen,
            classes=self.facts.classes,
            block=BLOCK,
        )

    def save(self, folder: Path) -> None:
        """Write the model into `folder`; see :mod:`alrun.models.persist`."""
        persist.save(folder, self.facts, {name: getattr(self, name) for name in (*NODES, "shares")})

    def _probabilities(self, leaves: Array) -> Array:
        """Return float64 (N, K): the mean of the leaves' shares, summed in the order of the trees."""
        total = np.zeros((len(leaves), self.shares.shape[1]))
        for column in leaves.T:
            total += self.shares.take(column, axis=0)
        return np.asarray(total / leaves.shape[1])


def _joined(facts: persist.Facts, trees: list[Any]) -> TrainedForest:
    """Take scikit-learn's trees apart."""
    arrays, leaf = join(
        [tree.children_left for tree in trees],
        [tree.children_right for tree in trees],
        np.concatenate([tree.feature for tree in trees]),
        np.concatenate([tree.threshold for tree in trees]),
    )
    return TrainedForest(facts, **arrays, shares=np.vstack([tree.value[:, 0, :] for tree in trees])[leaf])
