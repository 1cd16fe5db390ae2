"""The figures by which models are judged, and which end of each is better."""

from __future__ import annotations

from typing import Literal

Figure = Literal[
    "accuracy", "macro_f1", "log_loss", "calibration_error",
    "map", "map_50", "map_75", "mar", "precision", "recall", "f1",
]  # fmt: skip
"""The first four are of classes, the others of objects."""

LOWER_IS_BETTER: frozenset[str] = frozenset({"log_loss", "calibration_error"})
UNBOUNDED: frozenset[str] = frozenset({"log_loss"})
"""All others are in 0..1."""
