"""A metric of somebody's own that gives what its config says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from alrun.metrics.base import MetricInputs
from alrun.types import Need


@dataclass(frozen=True)
class Answer:
    needs: ClassVar[frozenset[Need]] = frozenset()

    gives: Literal["row", "number", "one", "none", "column", "text", "infinite", "short", "list"] = "row"

    def compute(self, inputs: MetricInputs, rng: np.random.Generator) -> Any:
        del rng
        row = np.arange(float(len(inputs.tasks)))
        if self.gives == "short":
            raise IndexError("out of words")
        answers = {
            "row": row, "list": row.tolist(), "number": 0.5, "one": row[:1], "none": None, "column": row[:, None],
            "text": row.astype(str), "infinite": np.where(row == 3, -np.inf, row),
        }  # fmt: skip
        return answers[self.gives]
