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
from alrun.models.inputs import check_embeddings, check_targets, limited_threads, predict_in_blocks

_KIND = "random_forest"
_BLOCK = 256


@dataclass(frozen=True)
class RandomForest:
    """Breiman's random forest (Machine Learning 45, 2001), as scikit-learn grows it: Gini, sqrt(D) features.

    A probability is the mean over the trees of the share of each class in the leaf. The result is the same for
    any number of threads.

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
            roots=saved.array("roots", "int64", (None,)),
            children=saved.array("children", "int64", (None, 2)),
            feature=saved.array("feature", "int64", (None,)),
            threshold=saved.array("threshold", "float64", (None,)),
            shares=saved.array("shares", "float64", (None, len(saved.facts.seen))),
        )
        if not forest.sound:
            raise saved.wrong("its trees do not hang together")
        return forest


@dataclass(frozen=True)
class TrainedForest:
    """A fitted forest of T trees with M nodes, all trees in one set of arrays.

    Attributes
    ----------
    roots
        int64 (T,): the first node of each tree.
    children
        int64 (M, 2): where a row goes whose feature is at most, or above, the threshold. A leaf is its own
        child; every other child comes after its parent.
    feature, threshold
        int64 and float64 (M,): what a node compares; 0 in a leaf.
    shares
        float64 (leaves, K): the share of each seen class in a leaf, in the order of the leaves' nodes.
    """

    facts: persist.Facts
    roots: Array
    children: Array
    feature: Array
    threshold: Array
    shares: Array

    @property
    def sound(self) -> bool:
        """Whether every path ends in a leaf and every index exists."""
        nodes = np.arange(len(self.feature))
        if len(self.roots) == 0 or self.children.shape != (len(nodes), 2) or self.threshold.shape != nodes.shape:
            return False
        left, right = self.children.T
        leaf = (left == nodes) & (right == nodes)
        deeper = (left > nodes) & (right > nodes) & (left < len(nodes)) & (right < len(nodes))
        return bool(
            (leaf | deeper).all()
            and leaf.sum() == len(self.shares)
            and ((self.roots >= 0) & (self.roots < len(nodes))).all()
            and ((self.feature >= 0) & (self.feature < self.facts.input_size)).all()
        )

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        """Return float64 (N, C); see :class:`alrun.models.base.Trained`.

        Raises
        ------
        DataError
            If the inputs are malformed or have another number of features.
        """
        check_embeddings(inputs, self.facts.input_size)
        nodes = np.arange(len(self.feature))
        leaf = np.cumsum(self.children[:, 0] == nodes) - 1
        return predict_in_blocks(
            lambda rows: self._vote(leaf.take(self._descend(rows))),
            inputs,
            seen=self.facts.seen,
            classes=self.facts.classes,
            block=_BLOCK,
            workers=self.facts.threads,
        )

    def save(self, folder: Path) -> None:
        """Write the model into `folder`; see :mod:`alrun.models.persist`."""
        names = ("roots", "children", "feature", "threshold", "shares")
        persist.save(folder, self.facts, {name: getattr(self, name) for name in names})

    def _descend(self, rows: Array) -> Array:
        """Return int64 (N, T): the leaf node that each row reaches in each tree."""
        flat, first = rows.ravel(), (np.arange(len(rows)) * rows.shape[1])[:, None]
        children = self.children.ravel()
        nodes = np.tile(self.roots, (len(rows), 1))
        while True:
            above = flat.take(self.feature.take(nodes) + first) > self.threshold.take(nodes)
            deeper = children.take(2 * nodes + above)
            if np.array_equal(deeper, nodes):
                return nodes
            nodes = deeper

    def _vote(self, leaves: Array) -> Array:
        """Return float64 (N, K): the mean of the leaves' shares, summed in the order of the trees."""
        total = np.zeros((len(leaves), self.shares.shape[1]))
        for column in leaves.T:
            total += self.shares.take(column, axis=0)
        return np.asarray(total / leaves.shape[1])


def _joined(facts: persist.Facts, trees: list[Any]) -> TrainedForest:
    """Join scikit-learn's trees: number the nodes through, and let each leaf be its own child."""
    counts = [tree.node_count for tree in trees]
    roots = np.cumsum([0, *counts[:-1]])
    children = np.vstack([np.stack([tree.children_left, tree.children_right], axis=1) for tree in trees])
    leaf = children[:, 0] < 0
    own = np.arange(len(children))[:, None]
    return TrainedForest(
        facts,
        roots=roots,
        children=np.where(leaf[:, None], own, children + np.repeat(roots, counts)[:, None]),
        feature=np.where(leaf, 0, np.concatenate([tree.feature for tree in trees])),
        threshold=np.where(leaf, 0.0, np.concatenate([tree.threshold for tree in trees])),
        shares=np.vstack([tree.value[:, 0, :] for tree in trees])[leaf],
    )
