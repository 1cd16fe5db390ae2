"""What a run promises when people label: it stops, says how to continue, and never loses its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from alrun.errors import PlatformError, RateLimited, StateError, Unavailable, Waiting
from alrun.files import locked
from alrun.platform.local_platform import LocalPlatform
from alrun.platform.port import Platform
from alrun.platform.writes import Approve, Assign, Submit
from alrun.run.actions import ACTIONS
from tests.run.harness import label, make_job, platform_of, play, queue, record, result, selection, stages

POOL = 1437
LIVE = ("annotator=human", "budget=6", "strategy=random", "metrics=random", "recipe=park")


def start(tmp_path: Path, cache: Path, *more: str) -> tuple[Path, Path, LocalPlatform, list[str]]:
    """Run until people have to act; return the folder, the project, and what was selected."""
    folder, project = tmp_path / "run", tmp_path / "project.sqlite"
    with pytest.raises(Waiting, match="action=resume run="):
        play(folder, cache, *LIVE, f"platform.path={project}", *more)
    return folder, project, platform_of(project), [row["data_hash"] for row in selection(folder)]


def go_on(folder: Path, project: Path, cache: Path, *more: str) -> int:
    return play(folder, cache, *LIVE, f"platform.path={project}", *more, "action=resume", f"run={folder}")


def test_the_queue_holds_the_selection_until_it_is_labelled(tmp_path: Path, cache: Path) -> None:
    folder, project, platform, chosen = start(tmp_path, cache)
    assert queue(platform) == set(chosen)
    assert record(folder)["status"] == "waiting"

    with pytest.raises(Waiting, match="0 of 6 labelled"):
        go_on(folder, project, cache)
    label(platform, chosen[:4])
    with pytest.raises(Waiting, match="4 of 6 labelled"):
        go_on(folder, project, cache)
    page = (folder / "report.html").read_text()
    assert (page.count(">open</bdi>"), "3 times" in page) == (1, True)  # in the timings: one row, however often resumed
    label(platform, chosen[4:])

    assert go_on(folder, project, cache) == 0
    assert stages(platform) == {"Annotate 1": POOL - 6, "Complete": 6}
    assert record(folder)["status"] == "done"


@dataclass
class AwayAtFirst:
    """People at a platform that gives no answer to the first looks."""

    poll_seconds: float = 1.0
    failing: list[PlatformError] = field(default_factory=lambda: [Unavailable("down"), RateLimited("busy", 1)])

    def check(self, platform: Platform, data_hashes: Sequence[str]) -> None:
        """People can label anything."""

    def label(self, platform: Platform, data_hashes: Sequence[str], seed: int) -> None:
        del seed
        if self.failing:
            raise self.failing.pop()
        assert isinstance(platform, LocalPlatform)
        label(platform, list(data_hashes))


def test_a_run_that_stays_outlives_an_outage(tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "run"
    job = make_job(folder, cache, *LIVE)
    with pytest.raises(RateLimited, match="busy"):
        ACTIONS["run"](replace(job, annotator=AwayAtFirst()))

    assert ACTIONS["resume"](replace(job, annotator=AwayAtFirst(), wait=True, run=folder)) == 0

    assert caplog.text.count("no answer from the platform; the run waits on") == 2
    assert stages(platform_of(folder / "project.sqlite")) == {"Annotate 1": POOL - 6, "Complete": 6}


def test_a_share_is_enough_if_the_config_says_so(tmp_path: Path, cache: Path) -> None:
    folder, project, platform, chosen = start(tmp_path, cache, "restore_when.labelled=0.5")
    label(platform, chosen[:3])

    assert go_on(folder, project, cache, "restore_when.labelled=0.5") == 0

    assert stages(platform) == {"Annotate 1": POOL - 3, "Complete": 3}
    assert result(folder)["account"]["selected_waiting"] == 3


def test_a_deadline_ends_the_wait(tmp_path: Path, cache: Path) -> None:
    folder, project = tmp_path / "run", tmp_path / "project.sqlite"
    past = "restore_when.deadline='2020-01-01T00:00'"
    assert play(folder, cache, *LIVE, f"platform.path={project}", past) == 0
    assert stages(platform_of(project)) == {"Annotate 1": POOL}


def test_an_image_submitted_as_empty_stays_complete(tmp_path: Path, cache: Path) -> None:
    folder, project, platform, chosen = start(tmp_path, cache)
    label(platform, chosen[1:])
    platform.act(Submit(tuple(t.ref for t in platform.tasks(chosen[:1])), "ann@team"))
    platform.act(Approve(tuple(t.ref for t in platform.tasks(chosen[:1])), "bob@team"))

    assert go_on(folder, project, cache) == 0

    assert stages(platform) == {"Annotate 1": POOL - 6, "Complete": 6}
    assert len(queue(platform) & set(chosen)) == 0


def test_a_second_run_is_refused_and_told_how_to_finish_the_first(tmp_path: Path, cache: Path) -> None:
    folder, project, _, _ = start(tmp_path, cache)
    run_id = record(folder)["id"]

    with pytest.raises(StateError, match=f"action=restore run_id={run_id}"):
        play(tmp_path / "other", cache, *LIVE, f"platform.path={project}")


def test_parked_tasks_come_back_from_the_platform_alone(tmp_path: Path, cache: Path) -> None:
    folder, project, platform, chosen = start(tmp_path, cache)
    label(platform, chosen)
    run_id = record(folder)["id"]
    (folder / "run.json").rename(tmp_path / "lost")

    rescue = (f"platform.path={project}", "action=restore", f"run_id={run_id}")
    assert play(tmp_path / "elsewhere", cache, *LIVE, *rescue) == 0

    assert stages(platform) == {"Annotate 1": POOL - 6, "Complete": 6}
    assert not platform.tags()


def test_restore_ends_a_run_that_people_have_not_finished(tmp_path: Path, cache: Path) -> None:
    folder, project, platform, _ = start(tmp_path, cache)

    assert play(folder, cache, *LIVE, f"platform.path={project}", "action=restore", f"run={folder}") == 0

    assert stages(platform) == {"Annotate 1": POOL}
    assert record(folder)["status"] == "restored"

    assert go_on(folder, project, cache) == 0  # the round counts as over, with what is labelled
    assert record(folder)["status"] == "done"
    assert stages(platform) == {"Annotate 1": POOL}


def test_a_plan_waits_for_approval_and_is_for_that_plan_only(tmp_path: Path, cache: Path) -> None:
    folder, project = tmp_path / "run", tmp_path / "project.sqlite"
    prompt = (*LIVE, f"platform.path={project}", "approve=prompt")
    with pytest.raises(Waiting, match="waits for approval"):
        play(folder, cache, *prompt)
    platform = platform_of(project)
    assert stages(platform) == {"Annotate 1": POOL}

    (task,) = platform.tasks([selection(folder)[0]["data_hash"]])
    platform.act(Assign((task.ref,), "ann@team"))
    with pytest.raises(StateError, match=f"{task.task_id}: it was assigned to ann@team"):
        go_on(folder, project, cache)
    assert stages(platform) == {"Annotate 1": POOL}


def test_an_approved_plan_is_applied(tmp_path: Path, cache: Path) -> None:
    folder, project = tmp_path / "run", tmp_path / "project.sqlite"
    assert play(folder, cache, *LIVE, f"platform.path={project}", "action=plan") == 0
    planned = (folder / "selection.csv").read_bytes()

    with pytest.raises(Waiting):
        go_on(folder, project, cache)

    assert queue(platform_of(project)) == {row["data_hash"] for row in selection(folder)}
    assert (folder / "selection.csv").read_bytes() == planned


def test_tasks_that_somebody_has_in_hand_are_left_out(tmp_path: Path, cache: Path) -> None:
    project = tmp_path / "project.sqlite"
    play(tmp_path / "first", cache, *LIVE, f"platform.path={project}", "budget=1", "annotator=oracle")
    platform = platform_of(project)
    waiting = queue(platform)
    taken = [task for task in platform.tasks() if task.data_hash in waiting][:5]
    platform.act(Assign(tuple(task.ref for task in taken), "ann@team"))

    with pytest.raises(Waiting):
        play(tmp_path / "second", cache, *LIVE, f"platform.path={project}")

    assert {task.data_hash for task in taken} <= queue(platform)
    assert not {task.data_hash for task in taken} & {row["data_hash"] for row in selection(tmp_path / "second")}


def test_two_processes_do_not_write_to_one_project(tmp_path: Path, cache: Path) -> None:
    folder, project, platform, _ = start(tmp_path, cache)

    with locked(platform.lock) as ours:
        assert ours
        with pytest.raises(Waiting, match="another process is working on this project"):
            go_on(folder, project, cache)
        assert play(tmp_path / "status", cache, *LIVE, f"platform.path={project}", "action=status") == 0


def test_two_processes_do_not_write_to_one_run_folder(tmp_path: Path, cache: Path) -> None:
    """They may be on two machines, which share no lock of the project."""
    folder, project, _, _ = start(tmp_path, cache)

    with locked(folder / ".lock") as ours:
        assert ours
        with pytest.raises(Waiting, match="another process is working in this run folder"):
            go_on(folder, project, cache)
        play(folder, cache, *LIVE, f"platform.path={project}", "action=status", f"run={folder}")


def test_status_names_a_run_that_has_tasks_parked(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, project, _, _ = start(tmp_path, cache)
    caplog.set_level("INFO", logger="alrun")

    play(tmp_path / "status", cache, *LIVE, f"platform.path={project}", "action=status")

    assert record(folder)["id"] in caplog.text
    assert str(POOL - 6) in caplog.text


def test_status_of_a_run_says_how_it_ended_and_how_to_go_on(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, project, platform, chosen = start(tmp_path, cache)
    caplog.set_level("INFO", logger="alrun")

    def status() -> str:
        caplog.clear()
        play(folder, cache, *LIVE, f"platform.path={project}", "action=status", f"run={folder}")
        return caplog.text

    said = status()
    assert f"run {record(folder)['id']}: waiting" in said
    assert "round 1: waiting for people, 0 of 6 labelled" in said
    assert f"to go on: python -m alrun action=resume run={folder}" in said
    label(platform, chosen)
    go_on(folder, project, cache)
    said = status()
    assert f"run {record(folder)['id']}: done" in said
    assert "to go on" not in said


def test_status_writes_nothing_not_even_of_a_run_that_is_at_work(tmp_path: Path, cache: Path) -> None:
    folder, project, _, _ = start(tmp_path, cache)
    (folder / "run.json").chmod(0o400)
    with (folder / "phases.jsonl").open("a") as file:
        file.write('{"name": "sna')  # as another process writes it at this moment
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    play(folder, cache, *LIVE, f"platform.path={project}", "action=status", f"run={folder}")

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_status_of_one_run_names_that_one_only(tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder, project, _, _ = start(tmp_path, cache)
    caplog.set_level("INFO", logger="alrun")
    where = (*LIVE, f"platform.path={project}", "action=status")
    play(tmp_path / "one", cache, *where, f"run_id={record(folder)['id']}")
    assert f"run {record(folder)['id']} is unfinished" in caplog.text
    caplog.clear()
    play(tmp_path / "other", cache, *where, "run_id=20260101-000000-abcdef")
    assert "no run of the id 20260101-000000-abcdef has parked anything" in caplog.text
    assert record(folder)["id"] not in caplog.text


def test_a_plan_that_has_been_applied_is_not_offered_again(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, project, _, _ = start(tmp_path, cache)
    caplog.set_level("INFO", logger="alrun")
    caplog.clear()
    play(folder, cache, *LIVE, f"platform.path={project}", "action=plan")
    assert "round 1: waiting for people, 0 of 6 labelled" in caplog.text
    assert "nothing was done" not in caplog.text
    assert record(folder)["status"] == "waiting"


def test_nobody_plans_in_the_folder_of_a_run_that_is_at_work(tmp_path: Path, cache: Path) -> None:
    folder, project, _, _ = start(tmp_path, cache)
    with locked(folder / ".lock"), pytest.raises(Waiting, match="another process is working in this run folder"):
        play(folder, cache, *LIVE, f"platform.path={project}", "action=plan")
