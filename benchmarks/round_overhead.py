"""What a simulated round costs beside its model, and a plain scikit-learn and scikit-activeml loop of the same rounds.

    python benchmarks/round_overhead.py [--rounds 12] [--budget 300] [--initial 500] [--repeats 3] [overrides ...]

The data set is mnist5k: 4,000 tasks and 1,000 test images of 784 features; logistic regression, margin sampling, the
recipe `park`, the oracle, every file of a run written. Images and features are in the cache, as they are for every job
of a sweep but the first. A phase that is not training, evaluating or the model's scores (counted with `select`) is
overhead; `between the phases` is what no phase counts. Seconds are the median of the repeats, which take turns with
the loop's. CPU seconds leave out the waits for the disk, which holds every announcement before it is carried out.

The loop gets the same features, split and initial set, fits the same model once a round, keeps nothing and writes
nothing: it shows no more than what the model costs. Its test accuracies must be the run's. With overrides of the run,
such as these, there is no loop to compare with:

    dataset=fashion_mnist dataset.images=5000 dataset.test_images=1000 embedding=efficientnet_lite0 embedding.size=96
"""

from __future__ import annotations

import argparse
import csv
import logging
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from omegaconf import OmegaConf

from alrun.config.build import build
from alrun.config.compose import Composer
from alrun.config.overrides import setting
from alrun.embeddings.pixels import Pixels
from alrun.platform.local_platform import LocalPlatform
from alrun.run.actions import ACTIONS
from alrun.run.folder import RunFolder

OF_THE_MODEL = ("select", "train", "evaluate")
ONCE = ("open", "report")
BETWEEN = "between the phases"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """How the rounds are played."""

    rounds: int
    budget: int
    initial: int


@dataclass(frozen=True)
class Took:
    """Wall and CPU seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Data:
    """What the loop gets: the pool in the order of its rows, the initial set's rows, and the test images."""

    pool: Floats
    answers: npt.NDArray[np.int64]
    initial: npt.NDArray[np.intp]
    test: Floats
    test_answers: npt.NDArray[np.int64]


class Clock:
    """Takes down what each phase of a run takes, while :meth:`watching`."""

    def __init__(self) -> None:
        self.phases: dict[str, list[Took]] = defaultdict(list)
        self._began = (0.0, 0.0)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the phases of the runs in the block."""
        phase, add = RunFolder.phase, RunFolder.add_phase

        @contextmanager
        def timed(folder: RunFolder, name: str, *rest: Any) -> Iterator[dict[str, Any]]:
            began = now()
            with phase(folder, name, *rest) as details:
                yield details
            self.phases[name].append(since(began))

        def added(folder: RunFolder, name: str, *rest: Any, **details: Any) -> None:
            if name == "open":
                self.phases[name].append(since(self._began))
            add(folder, name, *rest, **details)

        RunFolder.phase, RunFolder.add_phase = timed, added  # type: ignore[method-assign, assignment]
        self._began = now()
        try:
            yield
        finally:
            RunFolder.phase, RunFolder.add_phase = phase, add  # type: ignore[method-assign]


def now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def since(began: tuple[float, float]) -> Took:
    wall, cpu = now()
    return Took(wall - began[0], cpu - began[1])


def play(case: Case, folder: Path, *more: str) -> tuple[Took, Mapping[str, Took]]:
    """Play the rounds in `folder`, with `more` settings; return what all of it took, and each phase over all rounds."""
    texts = [
        "dataset=mnist5k", "embedding=pixels", "model=logistic_regression", "strategy=margin", "recipe=park",
        "annotator=oracle", "metrics=[]", "report.thumbnails=20", f"initial.size={case.initial}",
        f"budget={case.budget}", f"rounds={case.rounds}", *more,
    ]  # fmt: skip
    composed = Composer().load([setting(text) for text in texts])
    kept = OmegaConf.masked_copy(composed, [str(k) for k in composed if k != "hydra"])
    content: Any = OmegaConf.to_container(kept, resolve=True)
    folder.mkdir()
    job = build(content, folder, ["alrun", *texts])
    clock = Clock()
    with redirect_stdout(StringIO()), clock.watching():
        began = now()
        ACTIONS[job.action](job)
        whole = since(began)
    phases = {name: total(took) for name, took in clock.phases.items()}
    counted = total(phases.values())
    return whole, {**phases, BETWEEN: Took(whole.wall - counted.wall, whole.cpu - counted.cpu)}


def total(took: Any) -> Took:
    parts = list(took)
    return Took(sum(part.wall for part in parts), sum(part.cpu for part in parts))


def read_data(folder: Path) -> Data:
    """Read the features, the split and the initial set of a run that was played in `folder`."""
    platform = LocalPlatform(folder / "project.sqlite", "benchmark")
    try:
        hashes = pl.read_parquet(folder / "pool.parquet")["data_hash"].to_list()
        truth = platform.truth(hashes)
        question = platform.project().ontology.questions[0]
        images, _ = platform.images(hashes)
        held_out = platform.held_out()
    finally:
        platform.close()
    with (folder / "selection.csv").open(newline="") as file:
        first = {row["data_hash"] for row in csv.DictReader(file) if row["round"] == "0"}

    def features(files: Sequence[Any]) -> Floats:
        return Pixels().embed(files).astype(np.float64)

    return Data(
        features(images),
        np.array([question.options.index(truth[h].answer(question.name)[0]) for h in hashes]),
        np.flatnonzero([h in first for h in hashes]),
        features([example.image for example in held_out]),
        np.array([question.options.index(example.label.answer(question.name)[0]) for example in held_out]),
    )


def loop(case: Case, data: Data) -> tuple[Took, list[float]]:
    """Do the same rounds as plainly as the two libraries allow; return the accuracies after each too."""
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(1):  # as the run, by default
        warnings.simplefilter("ignore")
        from skactiveml.classifier import SklearnClassifier  # type: ignore[import-untyped]
        from skactiveml.pool import UncertaintySampling  # type: ignore[import-untyped]
        from sklearn.linear_model import LogisticRegression

        began = now()
        known = np.full(len(data.pool), np.nan)
        known[data.initial] = data.answers[data.initial]
        model = SklearnClassifier(LogisticRegression(C=1.0, max_iter=1000), classes=list(range(10)))
        strategy = UncertaintySampling(method="margin_sampling", random_state=0)
        accuracies = [_fit(model, data, known)]
        for _ in range(case.rounds):
            picks = strategy.query(data.pool, known, model, fit_clf=False, batch_size=case.budget)
            known[picks] = data.answers[picks]
            accuracies.append(_fit(model, data, known))
        return since(began), accuracies


def _fit(model: Any, data: Data, known: Floats) -> float:
    labelled = ~np.isnan(known)
    model.fit(data.pool[labelled], known[labelled])
    return float((model.predict(data.test) == data.test_answers).mean())


def main(case: Case, repeats: int, overrides: Sequence[str]) -> int:
    """Print the table; return 1 if the loop did other rounds."""
    runs: list[tuple[Took, Mapping[str, Took]]] = []
    loops: list[Took] = []
    accuracies: list[float] = []
    with TemporaryDirectory() as temporary:
        play(Case(1, 10, case.initial), Path(temporary) / "warm", *overrides)  # imports, images and features
        for number in range(repeats):
            folder = Path(temporary) / f"run-{number}"
            runs.append(play(case, folder, *overrides))
            if not overrides:
                took, accuracies = loop(case, read_data(folder))
                loops.append(took)
        with (folder / "curve.csv").open(newline="") as file:
            ours = [float(row["accuracy"]) for row in csv.DictReader(file)]
    show_run(runs)
    if loops:
        show_loop(middle([run for run, _ in runs]), middle(loops))
    print("accuracies: " + ", ".join(f"{one:.3f}" for one in ours))
    if loops and not np.allclose(ours, accuracies, atol=0.02):
        print("OTHER ROUNDS: the loop has " + ", ".join(f"{one:.3f}" for one in accuracies))
        return 1
    return 0


def show_run(runs: Sequence[tuple[Took, Mapping[str, Took]]]) -> None:
    """Print what each phase takes, and how much of the rounds is overhead."""
    phases = {name: middle([run[name] for _, run in runs]) for name in runs[0][1]}
    whole = middle([run for run, _ in runs])
    print(f"{'phase':<22}{'wall s':>8}{'CPU s':>8}{'of CPU':>8}")
    for name, took in sorted(phases.items(), key=lambda item: -item[1].cpu):
        print(f"{name:<22}{took.wall:>8.2f}{took.cpu:>8.2f}{took.cpu / whole.cpu:>8.1%}")
    show("the run", whole)
    for title, left_out in (("overhead of the run", ()), ("within its rounds", ONCE)):
        within = total(took for name, took in phases.items() if name not in left_out)
        over = total(took for name, took in phases.items() if name not in (*OF_THE_MODEL, *left_out))
        print(f"{title:<22}{over.wall / within.wall:>8.1%}{over.cpu / within.cpu:>8.1%}")


def show_loop(whole: Took, plain: Took) -> None:
    show("the plain loop", plain)
    print(f"{'run / loop':<22}{whole.wall / plain.wall:>8.2f}{whole.cpu / plain.cpu:>8.2f}")


def middle(took: Sequence[Took]) -> Took:
    return Took(median(one.wall for one in took), median(one.cpu for one in took))


def show(title: str, took: Took) -> None:
    print(f"{title:<22}{took.wall:>8.2f}{took.cpu:>8.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rounds", 12), ("budget", 300), ("initial", 500), ("repeats", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("overrides", nargs="*")
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    sys.exit(main(Case(given.rounds, given.budget, given.initial), given.repeats, given.overrides))
