"""What comparing imported predictions with labels came to, for the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MOST_MISTAKES = 12


@dataclass(frozen=True, slots=True)
class ImportanceRow:
    """How much one metric says about a model's errors, see `alrun.models.importance`; None where it cannot be told."""

    metric: str
    images: int
    mutual_information: float | None
    spearman: float | None
    pearson: float | None


@dataclass(frozen=True, slots=True)
class QualityView:
    """What there is to show.

    Attributes
    ----------
    about
        What was compared, in words.
    mistakes
        Labelled as, predicted as, and how often; most frequent first.
    importance
        Most important first; no rows if no metric is configured.
    enough
        With fewer images than this a metric has no figures.
    """

    about: str
    mistakes: tuple[tuple[str, str, int], ...]
    importance: tuple[ImportanceRow, ...]
    enough: int


def quality_view(evaluation: Mapping[str, Any], quality: Mapping[str, Any]) -> QualityView:
    """Return the view of what `result.json` says."""
    confusion = quality["confusion"]
    mistakes = [
        (labelled, predicted, times)
        for i, (labelled, row) in enumerate(zip(confusion["labelled"], confusion["counts"], strict=True))
        for j, (predicted, times) in enumerate(zip(confusion["predicted"], row, strict=True))
        if times and i != j
    ]
    return QualityView(
        about=_about(evaluation, quality["split"]),
        mistakes=tuple(sorted(mistakes, key=lambda mistake: -mistake[2])[:MOST_MISTAKES]),
        importance=tuple(ImportanceRow(**row) for row in quality["importance"]),
        enough=quality["enough"],
    )


def _about(evaluation: Mapping[str, Any], split: str) -> str:
    if "map" not in evaluation:
        return f"{evaluation['examples']:,} {split} images, with the imported class probabilities."
    return (
        f"{evaluation['objects']:,} labelled objects in {evaluation['images']:,} {split} images. mAP and mAR: mean "
        "over IoU 0.50, 0.55, ... 0.95; at most 100 objects an image and class. The rest: at IoU "
        f"{evaluation['iou']:g} or more, of objects with a score of {evaluation['confidence']:g} or more."
    )
