"""What was found in images, or labelled there, as one table of objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from alrun.models.masks import Mask, polygon_mask
from alrun.types import Label


@dataclass(frozen=True, eq=False)
class Detections:
    """M objects in N images; row j of everything but `sizes` is about object j.

    Attributes
    ----------
    names
        The C classes.
    sizes
        float64, shape (N, 2): width and height of each image in pixels.
    images
        int64, shape (M,), in 0..N-1, ascending: in which image it is.
    classes
        int64, shape (M,), in 0..C-1: its class.
    scores
        float64, shape (M,), in 0..1: how sure the model is that it is there; 1 for a label.
    boxes
        float64, shape (M, 4): x, y, width, height in pixels, from the top left corner of the image.
    probabilities
        float64, shape (M, C), rows sum to 1; None where only the score is known.
    masks
        M masks, None for an object that has only a box; None where no object has a mask.
    """

    names: tuple[str, ...]
    sizes: npt.NDArray[np.float64]
    images: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    boxes: npt.NDArray[np.float64]
    probabilities: npt.NDArray[np.float64] | None = None
    masks: tuple[Mask | None, ...] | None = None

    def __len__(self) -> int:
        """Return M."""
        return len(self.images)

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """How many objects each image has: int64, shape (N,)."""
        return np.bincount(self.images, minlength=len(self.sizes)).astype(np.int64)

    def of(self, images: npt.NDArray[np.int64] | Sequence[int]) -> Detections:
        """Return what is in these images, in this order; an image may be named more than once."""
        chosen = np.asarray(images, np.int64)
        counts, starts = self.counts, np.searchsorted(self.images, np.arange(len(self.sizes)))
        places = np.repeat(np.arange(len(chosen)), counts[chosen])
        first = np.cumsum(counts[chosen]) - counts[chosen]
        rows = starts[chosen][places] + np.arange(len(places)) - first[places]
        return replace(self._rows(rows), sizes=self.sizes[chosen], images=places.astype(np.int64))

    def each(self) -> Iterator[Detections]:
        """Yield what is in each image by itself."""
        starts = np.searchsorted(self.images, np.arange(len(self.sizes) + 1)).tolist()
        for image, (start, end) in enumerate(pairwise(starts)):
            part = self._rows(slice(start, end))
            yield replace(part, sizes=self.sizes[image : image + 1], images=part.images - image)

    def from_score(self, least: float) -> Detections:
        """Return only the objects whose score is `least` or above; the images stay."""
        return self._rows(np.flatnonzero(self.scores >= least))

    def _rows(self, rows: npt.NDArray[np.intp] | slice) -> Detections:
        masks = self.masks
        if masks is not None:
            masks = masks[rows] if isinstance(rows, slice) else tuple(masks[row] for row in rows.tolist())
        return replace(
            self,
            images=self.images[rows],
            classes=self.classes[rows],
            scores=self.scores[rows],
            boxes=self.boxes[rows],
            probabilities=None if self.probabilities is None else self.probabilities[rows],
            masks=masks,
        )


def labelled_objects(
    labels: Sequence[Label], names: tuple[str, ...], sizes: npt.NDArray[np.float64], *, masks: bool = False
) -> Detections:
    """Return the objects of N labels; those of classes that are not in `names` are left out.

    Parameters
    ----------
    sizes
        float64, shape (N, 2): width and height of each image in pixels.
    masks
        Whether polygons become masks; else, and if there is no polygon, only boxes are kept.
    """
    place = {name: index for index, name in enumerate(names)}
    rows = [(image, o) for image, label in enumerate(labels) for o in label.objects if o.name in place]
    # Rounded to a millionth of a pixel, so that labels of whole pixels, which are stored as shares, are whole again.
    masks = masks and any(len(o.points) > 2 for _, o in rows)
    outlines = [np.round(np.array(o.points) * sizes[image], 6) for image, o in rows]
    corners = np.array([(*p.min(axis=0), *p.max(axis=0)) for p in outlines]).reshape(-1, 4)
    return Detections(
        names=names,
        sizes=sizes,
        images=np.array([image for image, _ in rows], np.int64),
        classes=np.array([place[o.name] for _, o in rows], np.int64),
        scores=np.ones(len(rows)),
        boxes=np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1),
        masks=tuple(
            polygon_mask([p.ravel().tolist()], *sizes[image].astype(int).tolist()) if len(p) > 2 else None
            for p, (image, _) in zip(outlines, rows, strict=True)
        )
        if masks
        else None,
    )
