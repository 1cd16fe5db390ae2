"""From sweeps to a report: at the end of a sweep, and of many with action=compare."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import polars as pl
import pytest

from alrun.config.check import check
from alrun.config.compose import Composer
from alrun.run.sweep_record import PlannedJob
from alrun.run.sweeps.comparing import live_command
from tests.run.sweeping import SMALL, alrun, draw, sweep

FILES = ("sweep.html", "comparison.csv", "comparison.md")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """Return a folder with two sweeps over the same images: margin and entropy, each against random."""
    folder = tmp_path_factory.mktemp("compared")
    images = draw(folder / "images")
    own = (*SMALL, f"dataset.path={images}", f"cache={cache}", "seed=0,1", "rounds=1")
    done = alrun(folder, "-m", *own, "name=margin", "strategy=random,margin")
    assert done.returncode == 0, done.stderr
    (folder / "said.txt").write_text(done.stdout)
    sweep(folder / "multirun" / "entropy", *own, "name=entropy", "strategy=random,entropy", "sweep.full_data=false")
    return folder


def test_a_sweep_ends_with_its_report(here: Path) -> None:
    (folder,) = here.glob("multirun/margin-*")
    printed = (here / "said.txt").read_text()
    said = " ".join(printed.split())
    assert "margin: too few seeds to test against random" in said
    assert "2 seeds: the signed-rank test of one strategy cannot go below 0.05 with fewer than 6" in said
    assert "There are too few seeds to tell whether a strategy is better than random." in said
    assert "There is no winner to run yet: choose once there are more seeds." in said
    assert f"sweep.html: {folder / 'sweep.html'}" in printed
    page = (folder / "sweep.html").read_text()
    assert page.count("<img ") == 2 * 6  # what each picked first, from the cache
    assert "6 of 6 jobs done" in " ".join(page.replace("<b>", "").replace("</b>", "").split())
    assert "| Strategy | AUBC | vs random |" in (folder / "comparison.md").read_text()
    table = pl.read_csv(folder / "comparison.csv")
    assert table["strategy"].to_list() == ["random", "margin"]
    assert table["seeds"].to_list() == [2, 2]
    assert table["area"].is_between(0.3, 1).all()
    assert (table["full_data"] >= table["final"]).all()


def test_many_sweeps_are_compared_as_one(here: Path, cache: Path) -> None:
    done = alrun(here, "action=compare", "runs=multirun/*", "name=both", "compare.figure=log_loss", f"cache={cache}")
    assert done.returncode == 0, done.stderr
    (folder,) = here.glob("outputs/*/*")
    assert all((folder / name).stat().st_size > 0 for name in (*FILES, "run.json"))
    table = pl.read_csv(folder / "comparison.csv")
    assert table["strategy"].to_list() == ["random", "entropy", "margin"]  # one setting, and random once
    assert set(table["figure"]) == {"log_loss"}
    assert "entropy" in done.stdout
    assert "Traceback" not in done.stderr


def test_sweeps_are_named_one_by_one_also_where_their_folders_share_a_name(here: Path, cache: Path) -> None:
    one, two = sorted(here.glob("multirun/*"))
    copy = here / "old" / one.name
    shutil.copytree(one, copy)
    listed = f"runs=[multirun/{one.name},old/*,multirun/{two.name},multirun/*]"
    done = alrun(here, "action=compare", listed, f"cache={cache}", "hydra.run.dir=listed")
    assert done.returncode == 0, done.stderr
    page = (here / "listed" / "sweep.html").read_text()
    assert all(name in page for name in (f"multirun/{one.name}", f"old/{one.name}", two.name))
    table = pl.read_csv(here / "listed" / "comparison.csv")
    assert table["strategy"].to_list() == ["random", "entropy", "margin"]  # a copy adds nothing
    shutil.rmtree(copy)


def test_what_is_no_sweep_is_refused(here: Path) -> None:
    for runs, message in (
        ("nowhere/*", "it matches nothing"), ("images/*", "none of the 2 folders"),
        ("[multirun/*,nowhere/*]", "runs='nowhere/*': it matches nothing"), ("[]", "runs"),
    ):  # fmt: skip
        done = alrun(here, "action=compare", f"runs={runs}")
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_a_report_is_written_also_where_every_job_failed(here: Path, cache: Path) -> None:
    (here / "broken" / "a").mkdir(parents=True)
    (here / "broken" / "a" / "0.png").write_bytes(b"no image")
    done = alrun(here, "-m", *SMALL, "dataset.path=broken", f"cache={cache}", "strategy=random", "seed=0,1",
                 "sweep.full_data=false", "hydra.sweep.dir=failed")  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "Nothing can be compared yet." in done.stdout
    assert "honest choice" not in done.stdout
    page = (here / "failed" / "sweep.html").read_text()
    assert page.count('<td class="failed"') == 2


def job(strategy: str) -> PlannedJob:
    return PlannedJob("id", 0, "job", "jobs/id", {}, {"strategy": strategy})


def test_the_command_for_a_real_project_leaves_out_what_belongs_to_the_simulation() -> None:
    overrides = ["dataset=digits", "dataset.test_size=20", "strategy=margin", "strategy.a='x y'", "seed=3", "budget=50",
                 "cache=/tmp/c", "launcher=ray", "+annotator.error_rate=0.1", "hydra.sweep.dir=x", "model=cnn",
                 "strategy@initial.strategy=kmeans", "sweep.full_data=false", "metrics=[random]"]  # fmt: skip
    said = live_command("python -m alrun -cd conf -m dataset=digits", job("margin"), overrides)
    assert said == (
        "python -m alrun -cd conf platform=encord platform.project=HASH strategy=margin 'strategy.a='\"'\"'x y'\"'\"'' "
        "budget=50 model=cnn strategy@initial.strategy=kmeans 'metrics=[random]'"
    )
    assert live_command("python -m alrun -m", job("margin"), ["budget=5"]).endswith("strategy=margin budget=5")
    planned = live_command("python -m alrun --config-dir=conf", job("margin"), ["experiment=mnist", "strategy=margin"])
    assert "--config-dir=conf platform=encord" in planned
    assert "experiment=mnist strategy=margin annotator=human" in planned
    live = live_command("python -m alrun -m", job("margin"), ["filters=answerable", "budget=5"], answerable=True)
    assert live.endswith("strategy=margin budget=5 filters=ready")


def test_the_command_of_an_experiment_that_is_a_sweep_is_one_run_by_people() -> None:
    said = live_command("python -m alrun", job("margin"), ["experiment=mnist_tutorial", "strategy=margin", "seed=3"])
    hashed = said.replace("HASH", "4c5ec9a5-5a4f-4b8e-8bfa-2f1f1f0e6d57")
    verdict = check(shlex.split(hashed)[3:], Composer())
    assert not verdict.sweep
    [only] = verdict.jobs
    assert only.content["annotator"]["_target_"] == "alrun.annotators.human.Human"
    assert only.content["strategy"]["_target_"] == "alrun.strategies.margin.Margin"
    assert (only.content["budget"], only.content["model"]["trees"], only.content["approve"]) == (300, 500, "prompt")
