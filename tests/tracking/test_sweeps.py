"""A tracked sweep: a run for the sweep, one below it for each job, whatever became of tracker and jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from alrun.config.build import component
from alrun.config.play import play_frozen
from alrun.config.sweep import Plan
from alrun.run.sweep_record import JobRecord
from alrun.run.sweeps.sweep import play_missing
from alrun.run.sweeps.tracking import tracked_sweep
from alrun.tracking.base import Tracker
from alrun.tracking.mlflow import Mlflow
from tests.run.sweeping import SMALL, draw, planned
from tests.tracking.kept import AWAY, Kept, kept


def played(plan: Plan, tracker: Tracker) -> list[int]:
    launcher = component("launcher", plan.jobs[0].content["launcher"])
    with tracked_sweep(plan.folder, plan.record, launcher, tracker) as played_by:
        return play_missing(plan.folder, plan.record, played_by, play_frozen, plan.threads)


def parent_and_children(tracker: Mlflow) -> tuple[Kept, dict[str, Kept]]:
    runs = kept(tracker).values()
    (parent,) = [run for run in runs if "alrun.sweep" in run.tags]
    children = {run.tags["alrun.job"]: run for run in runs if run is not parent}
    assert {run.tags["mlflow.parentRunId"] for run in children.values()} == {parent.mlflow_id}
    return parent, children


@pytest.fixture
def plan(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    small = (*SMALL, f"dataset.path={draw(tmp_path / 'images')}", f"cache={cache}")
    plan = planned(tmp_path / "sweep", *small, "strategy=random,margin", f"tracking.uri={AWAY}", "tracking=mlflow")
    plan.folder.mkdir()
    plan.freeze()
    return plan


def test_a_sweep_goes_on_without_its_tracker_and_is_whole_once_that_is_back(
    plan: Plan, store: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert played(plan, Mlflow(AWAY)) == [0, 0, 0]
    assert [message for message in caplog.messages if "To send it" in message] == [
        f"not everything is in the tracker. To send it: {plan.record.command}"
    ]

    tracker = Mlflow(store, "sweep")
    assert played(plan, tracker) == [0, 0, 0]
    parent, children = parent_and_children(tracker)
    assert (parent.status, parent.tags["alrun.swept"], parent.tags["alrun.jobs"]) == ("FINISHED", "strategy", "3")
    assert parent.files == {"comparison.csv", "comparison.md", "sweep.csv", "sweep.html"}
    assert {run.name for run in children.values()} == {"strategy=random", "strategy=margin", "full data seed=0"}
    assert set(children) == {job.job for job in plan.record.jobs}
    assert {run.status for run in children.values()} == {"FINISHED"}
    assert sorted(len(run.history["accuracy"]) for run in children.values()) == [1, 3, 3]

    caplog.clear()
    with monkeypatch.context() as patch:
        patch.setattr(Mlflow, "send", lambda *_: pytest.fail("all of it is there"))
        assert played(plan, tracker) == [0, 0, 0]
    assert not [message for message in caplog.messages if "tracker" in message]
    assert parent_and_children(tracker) == (parent, children)

    hole = plan.record.jobs[0]
    JobRecord(exit_code=1, error="a bug").save(plan.folder / hole.folder)
    with tracked_sweep(plan.folder, plan.record, component("launcher", plan.jobs[0].content["launcher"]), tracker):
        pass
    parent, children = parent_and_children(tracker)
    assert parent.status == "FAILED"
    assert {job for job, run in children.items() if run.status == "FAILED"} == {hole.job}
