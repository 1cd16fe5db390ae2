"""Sweeps in this process and as a shell runs them, on a folder of small images."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl

from alrun.config.build import component
from alrun.config.check import check
from alrun.config.compose import Composer
from alrun.config.play import play_frozen
from alrun.config.sweep import Plan, plan_sweep
from alrun.run.sweeps.sweep import alone, play_missing
from alrun.run.sweeps.table import SweepTables, read_sweeps

SMALL = (
    "dataset=folder", "dataset.test_size=20", "embedding.size=8", "model=logistic_regression", "metrics=[random]",
    "report.thumbnails=0", "rounds=2", "budget=6", "initial.size=10",
)  # fmt: skip
"""A sweep over the images of :func:`draw`, whose path is to be added."""

IMAGES = 80


def draw(folder: Path) -> Path:
    """Draw noisy images of two classes; return their folder."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        file = folder / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        noise = rng.integers(0, 200, (8, 8), np.uint8)
        Image.fromarray(noise + 55 * (number % 2) * (np.arange(8) < 2).astype(np.uint8)).save(file)
    return folder


TIMES = pl.selectors.starts_with("seconds.") | pl.selectors.by_name("job_seconds", "sweep")
"""The columns that differ between two sweeps over the same jobs."""


def planned(folder: Path, *overrides: str) -> Plan:
    """Return the sweep that a command line means, in `folder`."""
    texts = [*overrides, f"hydra.sweep.dir='{folder}'"]
    verdict = check(texts, Composer(), multirun=True)
    assert verdict.faults == []
    return plan_sweep(verdict.jobs, verdict.base, ["-m", *texts])


def sweep(folder: Path, *overrides: str) -> list[int]:
    """Run a sweep as the command line does; return the exit codes of its jobs."""
    plan = planned(folder, *overrides)
    launcher = component("launcher", plan.jobs[0].content["launcher"])
    with alone(plan.folder):
        plan.freeze()
        return play_missing(plan.folder, plan.record, launcher, play_frozen, plan.threads)


def tables(folder: Path) -> SweepTables:
    """Return the tables of a sweep without what differs from time to time."""
    found = read_sweeps([folder])
    return SweepTables(found.rows.select(~TIMES), found.picks.drop("sweep"))


def alrun(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command in `folder`."""
    command = [sys.executable, "-m", "alrun", *arguments]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
