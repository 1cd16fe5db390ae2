"""Tables of sweeps, made from learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from alrun.run.sweeps.table import PICKS, ROWS

Curves = Mapping[str, Mapping[int, Sequence[float]]]


def rows(curves: Curves, *, full: Mapping[int, float] | None = None, label: str = "", **facts: Any) -> pl.DataFrame:
    """Return the rows of one setting; the k-th value of a curve is round k, with 10 (k + 1) labels."""
    made = []
    for arm, by_seed in curves.items():
        for seed, values in by_seed.items():
            for number, value in enumerate(values):
                made.append(_row(arm, seed, label) | {
                    "round": number, "selected": 10, "labelled": 10 * (number + 1), "spent": 10.0 * (number + 1),
                    "accuracy": value, "log_loss": 1 - value, "seconds.select": 0.5, "seconds.train": 2.0,
                })  # fmt: skip
            if not values:
                made.append(_row(arm, seed, label) | {"status": "failed"})
    for seed, value in (full or {}).items():
        row = _row("full_data", seed, label)
        made.append(row | {"role": "full_data", "round": 1, "labelled": 1000, "accuracy": value})
    return pl.DataFrame([row | facts for row in made], schema=dict(ROWS), orient="row")


def _row(arm: str, seed: int, label: str) -> dict[str, Any]:
    return dict.fromkeys(ROWS) | {
        "sweep": "s", "job": f"{label}{arm}-{seed}", "role": "job", "status": "done", "arm": arm,
        "setting": f"digest {label}", "setting_label": label, "seed": seed, "strategy": arm,
    }  # fmt: skip


def picks(chosen: Mapping[tuple[str, int], Sequence[str]]) -> pl.DataFrame:
    made = [
        dict.fromkeys(PICKS) | {"sweep": "s", "job": f"{arm}-{seed}", "round": 1, "data_hashes": list(hashes)}
        for (arm, seed), hashes in chosen.items()
    ]
    return pl.DataFrame(made, schema=dict(PICKS), orient="row")
