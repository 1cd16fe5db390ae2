"""A pool whose embeddings do not fit into memory: time, and the memory that a run takes above what is mapped.

    PYTHONPATH=. python benchmarks/million_embeddings.py [IMAGES] [--width D] [--budget B] [--folder FOLDER]

By default 1,000,000 x 512 float32 and a budget of 1,000: 2 GB in the cache and 2 GB for the candidates, on the disk of
FOLDER (the system's folder for temporary files). The images are made up, their vectors are drawn around 200 centres;
everything else is what a run does: embed and keep, look up in a second run, gather what `strategy=kcenter` needs,
select, project for the report. One image in 1,000 is labelled, so that the candidates are not one piece of the file.

Memory is anonymous memory (RssAnon of Linux: what cannot be dropped and read again), sampled every 2 ms by another
process, above what the process had before the step. First, 20,000 images show that picks and scores are the same bits
as with everything in memory. The script fails if they are not, or if a step takes more than 300 MB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from alrun.numeric.projection import principal_plane
from alrun.run.selection.inputs import strategy_inputs
from alrun.run.session import Session, opened
from alrun.seeds import generator
from alrun.strategies.base import Ranking
from alrun.strategies.kcenter import KCenter
from alrun.types import ImageFile, Scalar
from tests.run.harness import make_job

MOST_MEMORY = 300
LABELLED = 1000
SMALL = 20_000
SAMPLER = """
import re, select, sys
found = []
while not found or not select.select([sys.stdin], [], [], 0.002)[0]:
    with open(f"/proc/{sys.argv[1]}/status") as file:
        found.append(int(re.search(r"RssAnon:\\s+(\\d+)", file.read())[1]))
    if len(found) == 1:
        print("ready", flush=True)
print(max(found))
"""


@dataclass(frozen=True)
class MadeUp:
    """Vectors drawn by the digest of the image, which needs no file."""

    cached: ClassVar[bool] = True
    width: int

    def identity(self) -> Mapping[str, Scalar]:
        return {"embedding": "made up", "width": self.width}

    def embed(self, images: Sequence[ImageFile]) -> npt.NDArray[np.float32]:
        centres = np.random.default_rng(99).standard_normal((200, self.width), dtype=np.float32)
        found = np.empty((len(images), self.width), np.float32)
        for row, image in enumerate(images):
            number = int(image.digest, 16)
            noise = np.random.default_rng(number).standard_normal(self.width, dtype=np.float32)
            found[row] = noise + 0.5 * centres[number % len(centres)]
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        return found


def anonymous() -> int:
    """Return the anonymous memory of this process, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


@contextmanager
def measured(what: str) -> Iterator[None]:
    before = anonymous()
    with subprocess.Popen(
        [sys.executable, "-S", "-c", SAMPLER, str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as sampler:
        assert sampler.stdout is not None
        sampler.stdout.readline()
        began = perf_counter()
        yield
        seconds = perf_counter() - began
        peak = int(sampler.communicate("done")[0])
    above = (peak - before) * 1024 / 1e6
    print(f"  {what:48}{seconds:9.1f} s{above:9.0f} MB above, {peak * 1024 / 1e6:.0f} MB in all", flush=True)
    if above > MOST_MEMORY:
        raise SystemExit(f"{what} took {above:.0f} MB above what was there before; at most {MOST_MEMORY} are allowed")


@contextmanager
def a_run(folder: Path, images: int, width: int) -> Iterator[tuple[Session, pl.DataFrame]]:
    """Open a run to which so many images were fetched, and make its pool."""
    job = replace(make_job(folder / "run", folder / "cache"), embedding=MadeUp(width))
    names = [f"{row:032x}" for row in range(images)]
    pool = pl.DataFrame({"task_id": names, "data_hash": names, "title": names})
    pool = pool.with_columns((pl.int_range(images) % LABELLED == LABELLED - 1).alias("labelled"))
    with opened(job) as session:
        session.images.update((name, ImageFile(name, folder, name)) for name in names)
        yield session, pool


def picked(session: Session, pool: pl.DataFrame, budget: int) -> Ranking:
    candidates = pool.filter(~pl.col("labelled"))
    inputs = strategy_inputs(session, KCenter(), None, candidates, pool, 1, (), {})
    return KCenter().select(inputs, budget, generator(session.job.seed, 1, "strategy"))


def show_the_same(folder: Path, width: int, budget: int) -> None:
    with a_run(folder, SMALL, width) as (session, pool):
        in_memory = picked(session, pool, budget)
    with a_run(folder, SMALL, width) as (session, pool):
        session._vectors.large = 1
        mapped = picked(session, pool, budget)
    same = np.array_equal(in_memory.rows, mapped.rows) and np.array_equal(in_memory.scores, mapped.scores)
    print(f"{SMALL:,} x {width}: {len(mapped.rows)} picks and scores, mapped against in memory: "
          f"{'the same bits' if same else 'OTHERS'}", flush=True)  # fmt: skip
    if not same:
        raise SystemExit("the picks depend on where the vectors are")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("images", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--budget", type=int, default=1000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        show_the_same(folder / "small", given.width, given.budget)
        start = anonymous()
        with a_run(folder, given.images, given.width) as (session, pool):
            hashes = pool["data_hash"].to_list()
            size = given.images * given.width * 4 / 1e6
            print(f"{given.images:,} x {given.width} float32, {size:,.0f} MB; the records of the tasks and images take "
                  f"{(anonymous() - start) * 1024 / 1e6:.0f} MB")  # fmt: skip
            with measured("first run: embed and keep"):
                session.embed(hashes)
        with a_run(folder, given.images, given.width) as (session, pool):
            with measured("second run: look up, check every digest"):
                session.embed(hashes)
            with measured(f"gather the candidates, {given.budget} picks by k-center"):
                picked(session, pool, given.budget)
            with measured("projection of the whole pool"):
                principal_plane(session.embeddings(hashes))


if __name__ == "__main__":
    main()
