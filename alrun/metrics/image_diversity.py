"""Image Diversity: how close an image is to a prototype of the pool, clusters in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from annotated_types import Ge

from alrun.metrics.base import MetricInputs
from alrun.numeric.blocks import taken
from alrun.numeric.kmeans import MOST_PASSES, WARM_PASSES, kmeans
from alrun.numeric.turns import round_robin_ranks
from alrun.types import Need, Ontology, QuestionKind


@dataclass(frozen=True)
class ImageDiversity:
    """The rank 1..M of each unlabelled image; LOW is close to a prototype: label it first.

    The unlabelled images are clustered by k-means on their embeddings (Euclidean, not normalised). In each
    cluster the images are sorted by their distance to the centre, closest first. The clusters take turns:
    every cluster's closest image, then every cluster's second closest, and so on; a cluster that is used up
    is passed over. So the first K ranks hit each cluster once.

    Source: Encord Active, "Image Diversity" (earlier "Image Difficulty"), first engine. Its second engine and
    its cloud product gave this name to a neighbour distance of the opposite direction. Where this differs
    from the first engine:

    * It is reproducible: k-means draws from the generator that is passed in; rows count in the order of their
      data hashes; equal distances go to the earlier row; the larger cluster takes its turn first, of equally
      large ones that with the earliest row. There, each run and each tie came out by chance.
    * Labelled images get NaN, do not shape the clusters and consume no rank. There, they did both, so that
      prototypes stood where labels already were, and the ranks of the rest had gaps.
    * A pool with fewer distinct images than clusters is ranked with as many clusters as there are distinct
      images. There, fewer images than clusters got no scores at all.

    Attributes
    ----------
    clusters
        K, 1 or above. None takes it from the ontology as the original does: the number of object classes; if
        there are none, the number of options of the first question if that is a radio or a checklist; else 10.
    mode
        ``exact`` moves the centres until they rest, as the original does. ``warm`` lets them rest on a tenth of the
        images (10,000 at least) and then moves them three times by all: up to twice as fast for large pools, with a sum
        of squared distances that is 0.3 % larger at most, as a rule.
    """

    clusters: Annotated[int, Ge(1)] | None = None
    mode: Literal["exact", "warm"] = "exact"

    needs: ClassVar[frozenset[Need]] = frozenset({Need.EMBEDDINGS})

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> npt.NDArray[np.float64]:
        """Return the ranks, float64 of shape (N,): whole numbers from 1, NaN for labelled images."""
        if inputs.embeddings is None:
            raise ValueError("ImageDiversity was called without the embeddings it declares")
        tasks = inputs.tasks
        ranks = np.full(len(tasks), np.nan)
        order = sorted(range(len(tasks)), key=lambda row: (tasks[row].data_hash, tasks[row].task_id))
        rows = np.array(order, np.int64)
        rows = rows[~inputs.labelled[rows]]
        if len(rows):
            clusters = self.clusters or cluster_count(inputs.ontology)
            passes = WARM_PASSES if self.mode == "warm" else MOST_PASSES
            found = kmeans(taken(inputs.embeddings, rows), clusters, rng, passes=passes)
            ranks[rows] = round_robin_ranks(found.labels, found.distances)
        return ranks


def cluster_count(ontology: Ontology) -> int:
    """Return the number of clusters that the original takes for an ontology."""
    if ontology.objects:
        return len(ontology.objects)
    first = ontology.questions[0] if ontology.questions else None
    if first is not None and first.kind in (QuestionKind.RADIO, QuestionKind.CHECKLIST) and first.options:
        return len(first.options)
    return 10
