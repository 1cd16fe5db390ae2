"""Gradient boosted trees on embeddings: grown by scikit-learn, kept and read as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt

from alrun.models import persist
from alrun.models.base import Array
from alrun.models.inputs import check_embeddings, check_targets, limited_threads, softmax
from alrun.models.trees import NODES, Trees, join, load_nodes

_KIND = "gradient_boosting"


@dataclass(frozen=True)
class GradientBoosting:
    """Histogram-based gradient boosting, as scikit-learn grows it (after LightGBM), with the log loss.

    Each iteration adds a tree for each class (one tree for two classes) that lowers the loss further. Nothing is
    random up to 200,000 training images; of more, the bins are found on a sample.

    Attributes
    ----------
    iterations
        Trees a class, one after the other; scikit-learn's default.
    learning_rate
        How much of each tree counts; scikit-learn's default.
    max_leaf_nodes
        Most leaves of a tree; null is no limit.
    min_samples_leaf
        Fewest training rows in a leaf. 5, not scikit-learn's 20: active learning begins with few labels, and trees
        that may not split answer with the same probabilities for every image.
    """

    inputs: ClassVar[Literal["embeddings", "images"]] = "embeddings"
    deterministic: ClassVar[bool] = True

    iterations: Annotated[int, Ge(1)] = 100
    learning_rate: Annotated[float, Gt(0)] = 0.1
    max_leaf_nodes: Annotated[int, Ge(2)] | None = 31
    min_samples_leaf: Annotated[int, Ge(1)] = 5

    def fit(
        self, inputs: Array, targets: npt.NDArray[np.int64], classes: int, rng: np.random.Generator, threads: int
    ) -> TrainedBoosting:
        """Fit; see :class:`alrun.models.base.Model`.

        Raises
        ------
        DataError
            If the inputs or targets are malformed.
        """
        check_embeddings(inputs)
        check_targets(targets, len(inputs), classes)
        seen = np.unique(targets)
        facts = persist.Facts(_KIND, classes, tuple(seen.tolist()), inputs.shape[1], threads)
        if len(seen) == 1:
            return _certain(facts)
        from sklearn.ensemble import HistGradientBoostingClassifier

        grower = HistGradientBoostingClassifier(
            max_iter=self.iterations,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.max_leaf_nodes,
            min_samples_leaf=self.min_samples_leaf,
            early_stopping=False,  # it would hold back labels that were paid for
            random_state=int(rng.integers(2**31)),
        )
        with limited_threads(threads):
            grower.fit(inputs, targets)
        # scikit-learn keeps the trees in private places; the tests compare every prediction with its own.
        trees = [tree.nodes for iteration in grower._predictors for tree in iteration]
        return _joined(facts, trees, grower._baseline_prediction.ravel())

    def load(self, folder: Path) -> TrainedBoosting:
        """Read a saved model; see :class:`alrun.models.base.Model`.

        Raises
        ------
        DataError
            If the folder does not hold boosted trees.
        """
        saved = persist.load(folder, _KIND)
        boosting = TrainedBoosting(
            saved.facts,
            **load_nodes(saved),
            values=saved.array("values", "float64", (None,)),
            baseline=saved.array("baseline", "float64", (_outputs(len(saved.facts.seen)),)),
        )
        if not boosting.sound:
            raise saved.wrong("its trees do not hang together")
        return boosting


@dataclass(frozen=True)
class TrainedBoosting(Trees):
    """Fitted trees; the tree at place t adds to output t mod O, of O outputs: one a seen class, or one for two.

    Attributes
    ----------
    values
        float64 (leaves,): what a leaf adds to its output, in the order of the leaves' nodes.
    baseline
        float64 (O,): the outputs without any tree, in log odds.
    """

    values: Array
    baseline: Array

    @property
    def sound(self) -> bool:
        """Whether every path ends in a leaf and every index exists."""
        return self.hang_together(len(self.values)) and len(self.roots) % len(self.baseline) == 0

    def save(self, folder: Path) -> None:
        """Write the model into `folder`; see :mod:`alrun.models.persist`."""
        persist.save(folder, self.facts, {name: getattr(self, name) for name in (*NODES, "values", "baseline")})

    def _probabilities(self, leaves: Array) -> Array:
        """Return float64 (N, K); the outputs are summed in the order of the trees."""
        outputs = len(self.baseline)
        scores = np.tile(self.baseline, (len(leaves), 1))
        for first in range(0, leaves.shape[1], outputs):
            scores += self.values.take(leaves[:, first : first + outputs])
        if len(self.facts.seen) == 2:  # the one output is the log odds of the second class
            scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
        return softmax(scores)


def _outputs(seen: int) -> int:
    return 1 if seen <= 2 else seen


def _certain(facts: persist.Facts) -> TrainedBoosting:
    """Return a single leaf: there is one class."""
    zero = np.zeros(1, np.int64)
    return TrainedBoosting(facts, zero, np.zeros((1, 2), np.int64), zero, np.zeros(1), np.zeros(1), np.zeros(1))


def _joined(facts: persist.Facts, trees: list[Any], baseline: Array) -> TrainedBoosting:
    """Take scikit-learn's trees apart. Features are finite and not categorical: a threshold is all a node has."""
    nodes = np.concatenate(trees)
    left, right = (
        [np.where(tree["is_leaf"] == 1, -1, tree[side].astype(np.int64)) for tree in trees]
        for side in ("left", "right")
    )
    feature, threshold = nodes["feature_idx"].astype(np.int64), nodes["num_threshold"].astype(np.float64)
    arrays, leaf = join(left, right, feature, threshold)
    return TrainedBoosting(facts, **arrays, values=nodes["value"][leaf], baseline=baseline.astype(np.float64))
