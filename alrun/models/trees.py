"""Binary trees as plain arrays: what a forest and boosted trees have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alrun.models import persist
from alrun.models.base import Array
from alrun.models.inputs import check_embeddings, predict_in_blocks

BLOCK = 256
"""How many rows go down the trees at a time."""

NODES = ("roots", "children", "feature", "threshold")
"""The arrays of :class:`Trees`."""


@dataclass(frozen=True)
class Trees:
    """T trees with M nodes, all in one set of arrays.

    Attributes
    ----------
    roots
        int64 (T,): the first node of each tree.
    children
        int64 (M, 2): where a row goes whose feature is at most, or above, the threshold. A leaf is its own
        child; every other child comes after its parent.
    feature, threshold
        int64 and float64 (M,): what a node compares; 0 in a leaf.
    """

    facts: persist.Facts
    roots: Array
    children: Array
    feature: Array
    threshold: Array

    def hang_together(self, leaves: int) -> bool:
        """Whether every path ends in one of so many leaves and every index exists."""
        nodes = np.arange(len(self.feature))
        if len(self.roots) == 0 or self.children.shape != (len(nodes), 2) or self.threshold.shape != nodes.shape:
            return False
        left, right = self.children.T
        leaf = (left == nodes) & (right == nodes)
        deeper = (left > nodes) & (right > nodes) & (left < len(nodes)) & (right < len(nodes))
        return bool(
            (leaf | deeper).all()
            and leaf.sum() == leaves
            and ((self.roots >= 0) & (self.roots < len(nodes))).all()
            and ((self.feature >= 0) & (self.feature < self.facts.input_size)).all()
        )

    def number_of_leaf(self) -> Array:
        """Return int64 (M,): for a leaf, how many leaves have a lower node."""
        return np.asarray(np.cumsum(self.children[:, 0] == np.arange(len(self.feature))) - 1)

    def descend(self, rows: Array) -> Array:
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

    def predict_proba(self, inputs: Array) -> npt.NDArray[np.float64]:
        """Return float64 (N, C); see :class:`alrun.models.base.Trained`.

        Raises
        ------
        DataError
            If the inputs are malformed or have another number of features.
        """
        check_embeddings(inputs, self.facts.input_size)
        leaf = self.number_of_leaf()
        return predict_in_blocks(
            lambda rows: self._probabilities(leaf.take(self.descend(rows))),
            inputs,
            seen=self.facts.seen,
            classes=self.facts.classes,
            block=BLOCK,
            workers=self.facts.threads,
        )

    def _probabilities(self, leaves: Array) -> Array:
        """Return float64 (N, K) for the leaves that N rows reach in each tree, int64 (N, T)."""
        raise NotImplementedError


def load_nodes(saved: persist.Saved) -> dict[str, Array]:
    """Return the arrays of :class:`Trees` that were saved, by name."""
    shapes: dict[str, tuple[str, tuple[int | None, ...]]] = {
        "roots": ("int64", (None,)),
        "children": ("int64", (None, 2)),
        "feature": ("int64", (None,)),
        "threshold": ("float64", (None,)),
    }
    return {name: saved.array(name, *shapes[name]) for name in NODES}


def join(
    left: Sequence[Array], right: Sequence[Array], feature: Array, threshold: Array
) -> tuple[dict[str, Array], Array]:
    """Join trees: number the nodes through, and let each leaf be its own child.

    Parameters
    ----------
    left, right
        The children of each tree's nodes, numbered within the tree; negative in a leaf.
    feature, threshold
        (M,), of all trees.

    Returns
    -------
    arrays, leaf
        The arrays of :class:`Trees` by name, and which of the M nodes is a leaf.
    """
    counts = [len(tree) for tree in left]
    roots = np.cumsum([0, *counts[:-1]])
    children = np.stack([np.concatenate(left), np.concatenate(right)], axis=1)
    leaf = children[:, 0] < 0
    own = np.arange(len(children))[:, None]
    arrays = {
        "roots": roots,
        "children": np.where(leaf[:, None], own, children + np.repeat(roots, counts)[:, None]),
        "feature": np.where(leaf, 0, feature),
        "threshold": np.where(leaf, 0.0, threshold),
    }
    return arrays, leaf
