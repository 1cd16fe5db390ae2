"""What a sweep promises: only what is missing is done, holes are told, and the launcher changes nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import yaml

from alrun import faults
from alrun.config.frozen import frozen
from alrun.errors import Waiting
from alrun.run.sweep_record import JobRecord, SweepRecord
from alrun.run.sweeps.sweep import alone
from alrun.run.sweeps.table import PICKS, ROWS, read_sweeps, write_tables
from tests.run.sweeping import IMAGES, SMALL, alrun, draw, planned, sweep, tables

SWEPT = ("strategy=random,margin", "seed=0,1")

COMPONENTS = """
import os, signal, time
from dataclasses import dataclass
from pathlib import Path
from alrun.strategies.random import Random

@dataclass(frozen=True)
class Moody(Random):
    mood: str = "good"

    def select(self, inputs, budget, rng):
        if self.mood == "broken" and not Path("mended").exists():
            raise RuntimeError("the strategy has a bug")
        if self.mood == "deadly" and not Path("mended").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        if self.mood == "meddling":
            Path("conf/strategy/moody.yaml").write_text("_target_: mine.Moody\\nmood: broken\\n")
        if self.mood == "slow":
            Path("selecting").touch()
            time.sleep(60)
        return super().select(inputs, budget, rng)
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def moody(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder in which strategy=moody does what strategy.mood says."""
    (here / "mine.py").write_text(COMPONENTS)
    (here / "conf" / "strategy").mkdir(parents=True)
    (here / "conf" / "strategy" / "moody.yaml").write_text("_target_: mine.Moody\nmood: good\n")
    monkeypatch.setenv("PYTHONPATH", str(here))
    return here


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[str, ...]:
    """Return the overrides that all sweeps here share."""
    return (*SMALL, f"dataset.path={draw(tmp_path_factory.mktemp('images'))}", f"cache={cache}")


@pytest.fixture
def moody_sweep(small: tuple[str, ...]) -> tuple[str, ...]:
    return ("-cd", "conf", "-m", *small, "strategy=moody", "sweep.full_data=false", "rounds=1", "initial.size=null")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, small: tuple[str, ...]) -> Path:
    """Return the folder of a sweep that was left alone."""
    folder = tmp_path_factory.mktemp("undisturbed") / "sweep"
    assert sweep(folder, *small, *SWEPT) == [0] * 6
    return folder


def test_the_tables_have_a_row_for_every_job_and_round_as_documented(undisturbed: Path) -> None:
    found = read_sweeps([undisturbed])
    params = {"param.strategy": pl.String, "param.seed": pl.String}
    assert dict(found.rows.schema) == {**ROWS, **params}
    assert dict(found.picks.schema) == PICKS
    jobs = found.rows.filter(role="job")
    assert jobs.select("param.strategy", "param.seed", "round").rows() == [
        (strategy, seed, number) for strategy in ("random", "margin") for seed in "01" for number in (0, 1, 2)
    ]
    assert jobs["arm"].to_list() == jobs["strategy"].to_list() == jobs["param.strategy"].to_list()
    assert jobs["chosen_by"].to_list() == ["random"] * 6 + ["random", "margin", "margin"] * 2
    assert jobs["labelled"].to_list() == [10, 16, 22] * 4
    assert jobs["setting"].n_unique() == 1
    assert (
        jobs.select(pl.col("accuracy", "log_loss", "calibration_error", "seconds.train").is_not_null().all()).row(0)
        == (True,) * 4
    )
    picks = found.picks.join(found.rows, on=["sweep", "job", "round", "chosen_by"])
    assert picks.height == found.rows.height
    for column in ("data_hashes", "scores", "labels"):
        assert picks[column].list.len().to_list() == picks["selected"].to_list()
    assert (
        picks["picked_classes"].list.eval(pl.element().struct["images"].sum()).explode().to_list()
        == picks["selected"].to_list()
    )


def test_every_setting_and_seed_has_a_reference_that_labels_everything(undisturbed: Path) -> None:
    rows = read_sweeps([undisturbed]).rows
    references = rows.filter(role="full_data")
    assert references.select("arm", "seed", "round", "labelled").rows() == [
        ("full_data", seed, 1, IMAGES - 20) for seed in (0, 1)
    ]
    jobs = rows.filter(role="job")
    paired = jobs.join(references, left_on="reference", right_on="job")
    assert paired.height == jobs.height
    assert (paired["seed"] == paired["seed_right"]).all()


def test_again_nothing_is_done_and_more_seeds_are_only_added(undisturbed: Path, small: tuple[str, ...]) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.glob("jobs/*/**/*") if ".hydra" not in path.parts}
    tabled = tables(undisturbed)
    assert sweep(undisturbed, *small, *SWEPT) == [0] * 6
    assert tables(undisturbed).rows.equals(tabled.rows)

    assert sweep(undisturbed, *small, "strategy=random,margin", "seed=0,1,2") == [0] * 9

    assert {path: path.stat().st_mtime_ns for path in before} == before
    more = tables(undisturbed)
    assert more.rows.filter(pl.col("seed") < 2).drop("number").equals(tabled.rows.drop("number"))
    assert sweep(undisturbed, *small, *SWEPT) == [0] * 6
    assert tables(undisturbed).rows.equals(tabled.rows)  # what is not asked for is not in the tables
    assert tables(undisturbed).picks.equals(tabled.picks)


@pytest.mark.parametrize(
    "launcher",
    [
        ("launcher=processes", "launcher.workers=2"),
        pytest.param(("launcher=slurm", "launcher.cluster=local", "launcher.poll_seconds=0.2"), marks=pytest.mark.slow),
        pytest.param(("launcher=ray", "launcher.workers=2"), marks=pytest.mark.slow),
    ],
    ids=lambda launcher: launcher[0],
)
def test_the_launcher_changes_nothing(
    launcher: tuple[str, ...], undisturbed: Path, here: Path, small: tuple[str, ...]
) -> None:
    assert sweep(here / "sweep", *small, "strategy=random,margin", "seed=0", *launcher) == [0] * 3
    found, expected = tables(here / "sweep"), tables(undisturbed)
    named = ["number", "overrides", "param.strategy", "param.seed"]  # by what else is in the sweep
    assert found.rows.drop(named, strict=False).equals(expected.rows.filter(seed=0).drop(named))
    assert found.picks.equals(expected.picks.filter(pl.col("job").is_in(found.rows["job"].implode())))


def test_a_sweep_that_was_killed_ends_with_the_same_tables(
    undisturbed: Path, here: Path, small: tuple[str, ...]
) -> None:
    command = ("-m", *small, *SWEPT, "hydra.sweep.dir=sweep")
    killed = alrun(here, *command, **{faults.ENVIRONMENT: "journal.after_intend:30=kill"})
    assert killed.returncode == -signal.SIGKILL
    statuses = [JobRecord.of(path).status for path in (here / "sweep" / "jobs").iterdir()]
    assert statuses.count("interrupted") == 1
    assert {"done", "missing"} <= set(statuses)

    assert alrun(here, *command).returncode == 0

    assert tables(here / "sweep").rows.equals(tables(undisturbed).rows)
    assert tables(here / "sweep").picks.equals(tables(undisturbed).picks)


def test_a_job_that_fails_is_a_hole_that_is_told_and_can_be_filled(moody: Path, moody_sweep: tuple[str, ...]) -> None:
    command = (*moody_sweep, "strategy.mood=broken,deadly,good", "launcher=processes")
    done = alrun(moody, *command)

    assert done.returncode == 1
    (folder,) = moody.glob("multirun/alrun-*")
    rows = read_sweeps([folder]).rows
    statuses = {"broken": "failed", "deadly": "interrupted", "good": "done"}
    assert dict(rows.select("param.strategy.mood", "status").iter_rows()) == statuses
    hole = rows.row(0, named=True)
    assert (hole["round"], hole["accuracy"]) == (None, None)
    assert hole["error"].startswith("a bug in alrun or in a component: RuntimeError('the strategy has a bug') (")
    log = folder / hole["folder"] / "alrun.log"
    assert f"failed: strategy.mood=broken\n    {hole['error']}\n    log: {log}\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Traceback" in log.read_text()
    assert "2 of 3 jobs are missing; to do them: python -m alrun -cd conf" in done.stderr

    (moody / "mended").touch()
    again = alrun(moody, *command)
    assert again.returncode == 0, again.stderr
    assert "3 jobs, 1 of them done before" in again.stderr
    assert set(read_sweeps([folder]).rows["status"]) == {"done"}


def test_jobs_that_wait_for_people_are_not_called_missing(
    here: Path, small: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    human = ("strategy=random", "seed=0,1", "annotator=human", "sweep.full_data=false")
    assert sweep(here / "sweep", *small, *human) == [3, 3]
    assert "2 of 2 jobs wait for people; to go on: python -m alrun" in caplog.text
    assert "missing" not in caplog.text


def test_every_job_is_composed_before_the_first_starts(moody: Path, moody_sweep: tuple[str, ...]) -> None:
    done = alrun(moody, *moody_sweep, "strategy.mood=meddling", "seed=0,1")
    assert done.returncode == 0, done.stderr
    assert "broken" in (moody / "conf" / "strategy" / "moody.yaml").read_text()
    frozen = [yaml.safe_load(path.read_text()) for path in moody.glob("multirun/*/jobs/*/.hydra/config.yaml")]
    assert [config["strategy"]["mood"] for config in frozen] == ["meddling"] * 2


def test_every_job_is_checked_before_the_first_starts(here: Path) -> None:
    """Each value alone is right: it is the pair of the last ones that is not."""
    done = alrun(here, "-m", "strategy=random,margin", "model=random_forest,none", "dataset=digits")
    assert done.returncode == 2
    assert "1 fault in the config, nothing was started" in done.stderr
    assert "strategy=margin needs a model" in done.stderr
    assert not (here / "multirun").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_ctrl_c_or_a_scheduler_ends_a_sweep_and_is_told_how_to_go_on(
    number: signal.Signals, moody: Path, moody_sweep: tuple[str, ...]
) -> None:
    arguments = (*moody_sweep, "strategy.mood=slow", "seed=0,1", "launcher=processes")
    command = [sys.executable, "-m", "alrun", *arguments]
    with subprocess.Popen(command, cwd=moody, stderr=subprocess.PIPE, text=True) as process:
        while not (moody / "selecting").exists():
            time.sleep(0.1)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "2 of 2 jobs are missing; to do them: python -m alrun -cd conf -m" in errors
    assert "Traceback" not in errors
    (folder,) = moody.glob("multirun/alrun-*")
    assert read_sweeps([folder]).rows.height == 2


def test_two_processes_do_not_run_one_sweep_at_once(here: Path) -> None:
    with alone(here / "sweep"), pytest.raises(Waiting, match="another process is at work"), alone(here / "sweep"):
        pass


def test_jobs_that_compute_the_same_are_one_and_data_are_part_of_a_job(here: Path, cache: Path) -> None:
    images = draw(here / "images")
    own = (
        "dataset=folder",
        "dataset.path=images",
        "model=none",
        "strategy=random",
        "metrics=[random]",
        f"cache={cache}",
    )
    plan = planned(here / "sweep", *own, "seed=0,1", "report.thumbnails=3,4")
    assert [job.planned.overrides for job in plan.jobs] == [{"seed": seed, "report.thumbnails": "3"} for seed in "01"]
    (images / "a" / "0.png").write_bytes((images / "b" / "1.png").read_bytes())
    other = planned(here / "sweep", *own, "seed=0,1")
    assert {job.planned.job for job in plan.jobs}.isdisjoint(job.planned.job for job in other.jobs)


def test_the_folder_is_the_same_for_other_values_of_the_same_keys(here: Path, cache: Path) -> None:
    def folder(*overrides: str) -> Path:
        return planned(here / "{name}-{digest}", f"cache={cache}", "dataset=digits", *overrides).folder

    one = folder("strategy=random,margin", "seed=0,1")
    assert one.parent == here
    assert folder("strategy=entropy,typiclust,random", "seed=range(3)") == one
    assert folder("strategy=random,margin", "seed=0,1", "launcher=processes", "report.thumbnails=0") == one
    assert folder("strategy=random,margin", "seed=0,1", "budget=7") != one
    assert folder("strategy=random,margin") != one
    assert folder("seed=0,1", "name=a/../b c").name.startswith("a-..-b-c-")


def test_a_job_is_frozen_as_it_was_checked(here: Path, small: tuple[str, ...]) -> None:
    texts = '["1e3", "007", "1_000", "0x1f", "on", "~", "2026-01-02", "a: b # c"]'
    plan = planned(here / "sweep", *small, "strategy=random", "seed=0,1", f"filters.all=[{{tags: {{any: {texts}}}}}]")
    plan.freeze()
    for job in plan.jobs:
        assert frozen(plan.folder / job.planned.folder, "config") == job.content


def test_a_table_can_be_made_of_what_is_there_and_many_are_one(
    undisturbed: Path, here: Path, small: tuple[str, ...]
) -> None:
    shared = [text for text in small if not text.startswith("budget=")]
    plan = planned(here / "other", *shared, "strategy=random", "budget=3,4")
    plan.freeze()
    assert SweepRecord.open(plan.folder) == plan.record
    assert write_tables(plan.folder).rows["status"].to_list() == ["missing"] * 3
    both = read_sweeps([undisturbed, plan.folder])
    assert both.rows["sweep"].unique(maintain_order=True).to_list() == [undisturbed.name, "other"]
    assert both.rows["param.budget"].drop_nulls().to_list() == ["3", "4"]
    flat = pl.read_csv(undisturbed / "sweep.csv")
    assert flat.columns == pl.read_parquet(undisturbed / "sweep.parquet").columns
