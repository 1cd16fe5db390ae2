"""Whole runs in this process: a job from overrides, as the command line would make it, and what it leaves."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from alrun.config.build import build
from alrun.config.compose import Composer
from alrun.config.overrides import setting
from alrun.platform.local import LocalProject
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.writes import Approve, SaveLabels, Submit
from alrun.run.actions import ACTIONS
from alrun.run.job import Job
from alrun.types import StageType

QUICK = ("dataset=digits", "embedding.size=8", "model=logistic_regression", "report.thumbnails=3")
"""A small pool and a quick model."""


def make_job(folder: Path, cache: Path, *overrides: str) -> Job:
    folder.mkdir(parents=True, exist_ok=True)
    texts = [*QUICK, f"cache={cache}", *overrides]
    composed = Composer().load([setting(text) for text in texts])
    kept = OmegaConf.masked_copy(composed, [str(k) for k in composed if k != "hydra"])
    content: Any = OmegaConf.to_container(kept, resolve=True)
    return build(content, folder, ["alrun", *texts])


def play(folder: Path, cache: Path, *overrides: str) -> int:
    job = make_job(folder, cache, *overrides)
    return ACTIONS[job.action](job)


def record(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return content


def result(folder: Path, number: int = 1) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "rounds" / f"{number:02d}" / "result.json").read_text())
    return content


def selection(folder: Path) -> list[dict[str, str]]:
    with (folder / "selection.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def platform_of(path: Path) -> LocalPlatform:
    opened = LocalProject(path=str(path)).open(path.parent, lambda: (_ for _ in ()).throw(AssertionError("exists")))
    assert isinstance(opened, LocalPlatform)
    return opened


def stages(platform: LocalPlatform) -> dict[str, int]:
    counts = Counter(task.stage for task in platform.tasks())
    return {stage.title: counts[stage.uuid] for stage in platform.project().stages if counts[stage.uuid]}


def queue(platform: LocalPlatform) -> set[str]:
    """Return the data hashes of what annotators would be served."""
    annotating = {s.uuid for s in platform.project().stages if s.type is StageType.ANNOTATION}
    return {task.data_hash for task in platform.tasks() if task.stage in annotating}


def label(platform: LocalPlatform, data_hashes: list[str]) -> None:
    """Do what people do: label, submit, approve."""
    refs = tuple(task.ref for task in platform.tasks(data_hashes))
    truth = platform.truth(data_hashes)
    platform.act(SaveLabels(refs, tuple(truth[ref.data_hash] for ref in refs), "ann@team"))
    platform.act(Submit(refs, "ann@team"))
    platform.act(Approve(tuple(task.ref for task in platform.tasks(data_hashes)), "bob@team"))
