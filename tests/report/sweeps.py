"""Reports of comparisons for the tests: one as sweeps would make it, one in which every string is hostile."""

from __future__ import annotations

from functools import cache

import numpy as np
import polars as pl

from alrun.compare.comparison import compare
from alrun.report.sweep.data import FirstPick, FirstPicks, Live, Source, SweepReport
from tests.compare.tables import picks, rows
from tests.report.examples import HOSTILE, digits, png

SEEDS = range(8)
GAINS = {"random": 0.0, "margin": 0.03, "entropy": -0.02, "kcenter": 0.01}
CLASSES = [{"class": name, "images": images} for name, images in (("cat", 6), ("dog", 4))]


def table(label: str, *, gap: bool = True) -> pl.DataFrame:
    """Return the rows of a setting with four strategies; with a gap, one job of kcenter failed, one never began."""
    rng = np.random.default_rng(len(label))
    curves: dict[str, dict[int, list[float]]] = {}
    for arm, gain in GAINS.items():
        curves[arm] = {}
        for seed in SEEDS:
            noise = 0.01 * rng.standard_normal(6)
            curves[arm][seed] = [0.5 + 0.4 * (1 - np.exp(-k / 2)) + gain * (k > 0) + noise[k] for k in range(6)]
    if gap:
        curves["kcenter"][6] = curves["kcenter"][7] = []
    found = rows(curves, full=dict.fromkeys(SEEDS, 0.95), label=label, folder="jobs/x")
    dear = pl.when(pl.col("arm") == "kcenter").then(1.3).otherwise(1.1)
    never, gone = pl.col("seed") == 7, pl.col("status") == "failed"
    return found.with_columns(
        spent=pl.col("spent") * dear,
        calibration_error=pl.lit(0.1),
        overrides=pl.format("strategy={} seed={}", "arm", "seed"),
        error=pl.when(gone & ~never).then(pl.lit("the disk is full")),
        status=pl.when(gone & never).then(pl.lit("missing")).otherwise("status"),
        picked_classes=pl.Series([CLASSES] * found.height, dtype=found.schema["picked_classes"]),
    )


@cache
def realistic() -> SweepReport:
    """Return the report of a sweep over two datasets, with thumbnails of real digits."""
    label = "dataset=digits"
    chosen = {("random", 0): ["a", "b"], ("margin", 0): ["a", "c"]}
    kept = picks(chosen).with_columns(job=pl.format("{}{}", pl.lit(label), "job"))
    pixels, _ = digits()
    first = {arm: tuple(FirstPick(f"{arm}-{i}", str(i)) for i in range(12)) for arm in GAINS}
    thumbnails = {f"{arm}-{i}": png(pixels[10 * i]) for arm in GAINS for i in range(11)}
    source = Source(
        "first-1234", "python -m alrun -m dataset=digits,wdbc strategy=random,margin,entropy,kcenter 'seed=range(8)'",
        "processes", "2026-03-01T10:22:31+00:00", {"alrun": "0.1.0", "numpy": "2.4.6"}, "budget: 10\n",
    )  # fmt: skip
    return SweepReport(
        "first",
        compare(pl.concat([table(label), table("dataset=wdbc", gap=False)]), kept),
        (source,),
        Live("margin won here.", "python -m alrun platform=encord platform.project=HASH strategy=margin"),
        (FirstPicks(label, 0, first),),
        thumbnails,
        {"sweep.html": "multirun/first-1234/sweep.html"},
    )


def told(text: str) -> SweepReport:
    """Return a small report that has `text` in every kind of place."""
    whole = text
    text = whole.encode(errors="replace").decode()  # a table holds no lone surrogates
    curves = {"random": {0: [0.5, 0.6], 1: [0.5, 0.7]}, text: {0: [0.5, 0.7], 1: []}}
    named = rows(curves, full={0: 0.9}, label=text, folder=text, overrides=text)
    named = named.with_columns(
        error=pl.when(pl.col("status") == "failed").then(pl.lit(text)),
        spent=pl.col("spent") * 2,
        picked_classes=pl.Series([[{"class": text, "images": 1}]] * named.height, dtype=named.schema["picked_classes"]),
    )
    broken = rows({"random": {0: []}}, label=f"{text} broken")
    return SweepReport(
        whole,
        compare(pl.concat([named, broken]), picks({})),
        (Source(whole, whole, whole, whole, {whole: whole}, whole),),
        Live(whole, whole),
        (FirstPicks(text, 0, {text: (FirstPick(text, text), FirstPick("known", text))}),),
        {"known": png(digits()[0][0])},
        {whole: whole},
        unit=whole,
    )


@cache
def hostile() -> SweepReport:
    """Return a report in which every string tries to be something else."""
    return told(" ".join(HOSTILE))
