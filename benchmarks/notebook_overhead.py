"""A round beside its training, as the tutorial's notebook does it and as alrun does: seconds, and their ratio.

    python benchmarks/notebook_overhead.py [--rounds 2] [--images 40] [--trees 500]

The MNIST tutorial on mnist5k: a random forest of 500 trees, 500 initial labels, 300 a round, chosen by entropy. The
notebook's way is restated: each image of the pool that has no label is opened, scaled and given to `predict_proba` of
the forest alone, and its entropy taken. That runs for `--images` images and is extrapolated to the pool, which is
marked with `->`. Nothing else of the notebook is counted.

alrun's seconds are of everything in the same rounds but training and evaluating: snapshot, scores, selection, plan,
recipe, labels, files; with opening the project and the report once.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from round_overhead import Case, play

from alrun.platform.local_platform import LocalPlatform

GOAL = 20


def notebook_seconds(project: Path, trees: int, images: int, case: Case) -> float:
    """Return what scoring the pool takes in all rounds, an image at a time."""
    from sklearn.ensemble import RandomForestClassifier

    platform = LocalPlatform(project, "benchmark")
    hashes = [task.data_hash for task in platform.tasks()]
    files, _ = platform.images(hashes)
    question = platform.project().ontology.questions[0]
    truth = platform.truth(hashes)
    platform.close()
    forest: Any = RandomForestClassifier(trees, random_state=0)
    labelled = files[: case.initial]
    pixels = np.stack([np.asarray(Image.open(file.path).convert("L")).reshape(-1) / 255 for file in labelled])
    forest.fit(pixels, [truth[file.data_hash].answer(question.name)[0] for file in labelled])
    some = files[case.initial : case.initial + images]
    began = time.perf_counter()
    for file in some:
        pixels = np.asarray(Image.open(file.path).convert("L")).reshape(1, -1) / 255
        answer = forest.predict_proba(pixels)[0]
        answer = answer[answer > 0]
        float(-(answer * np.log2(answer)).sum())
    each = (time.perf_counter() - began) / len(some)
    scored = sum(len(files) - case.initial - number * case.budget for number in range(case.rounds))
    return each * scored


def main(rounds: int, images: int, trees: int) -> int:
    """Print both; return 1 if the goal is missed."""
    case = Case(rounds, 300, 500)
    more = ("model=random_forest", f"model.trees={trees}", "strategy=entropy")
    with TemporaryDirectory() as temporary:
        play(Case(1, 10, 100), Path(temporary) / "warm", *more[:1], "model.trees=2")  # imports, images and features
        whole, phases = play(case, Path(temporary) / "run", *more)
        theirs = notebook_seconds(Path(temporary) / "run" / "project.sqlite", trees, images, case)
    ours = whole.wall - phases["train"].wall - phases["evaluate"].wall
    print(f"rounds: {rounds}; training and evaluating: {whole.wall - ours:.2f} s, counted for neither")
    print(f"{'one image at a time ->':<26}{theirs:>9.2f} s")
    print(f"{'alrun, all but training':<26}{ours:>9.2f} s   {theirs / ours:.1f} times less (goal {GOAL})")
    return int(theirs < GOAL * ours)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("rounds", 2), ("images", 40), ("trees", 500)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    sys.exit(main(given.rounds, given.images, given.trees))
